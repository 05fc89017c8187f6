package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Handler serves requests. Handle is called by several goroutines at once; its context ends with Server.HandleTimeout.
// What it returns is sent as it is; nil: the listener ends before it comes to the request, and its client is not answered, which is
// ErrNoAnswer to it.
type Handler interface {
	Handle(ctx context.Context, r Request) Response
}

// Server owns the socket from Listen to Close. Its fields may be changed before Serve.
type Server struct {
	ReadTimeout   time.Duration // for a client to send its line, and for the answer to be taken
	HandleTimeout time.Duration // for the handler
	MaxConns      int           // served at once
	Log           *slog.Logger  // clients turned away; default: nowhere

	listener *net.UnixListener
	lock     *os.File
	check    func(*net.UnixConn) error
}

// Listen takes the socket of the state folder dir, which must exist and be writable by us alone. From then on clients can
// connect; they are answered once Serve runs. errors.Is(err, ErrListening) where another process, or another Server, has it.
func Listen(ctx context.Context, dir string) (*Server, error) {
	listener, lock, err := listen(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &Server{
		ReadTimeout:   5 * time.Second,
		HandleTimeout: 30 * time.Second,
		MaxConns:      256,
		Log:           slog.New(slog.DiscardHandler),
		listener:      listener,
		lock:          lock,
		check:         checkPeer,
	}, nil
}

// Close gives up the socket, its file and the lock, in this order: while the lock is held the file can only be ours. Serve
// does it when it ends; a Server that is not served must be closed. Closing twice is fine.
func (s *Server) Close() error {
	err := s.listener.Close() // removes the file too
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	if lockErr := s.lock.Close(); !errors.Is(lockErr, os.ErrClosed) {
		err = errors.Join(err, lockErr)
	}
	if err != nil {
		return fmt.Errorf("close the socket: %w", err)
	}
	return nil
}

// Serve answers clients until ctx ends, then closes the socket, waits for the requests that were read to be answered, and
// returns nil. Any other end is an error. The handlers' contexts keep ctx's values but do not end with it.
func (s *Server) Serve(ctx context.Context, h Handler) error {
	var conns sync.WaitGroup
	slots := make(chan struct{}, s.MaxConns)
	stop := context.AfterFunc(ctx, func() { _ = s.listener.SetDeadline(time.Now()) }) // wakes Accept
	defer stop()

	err := s.accept(ctx, slots, func(conn *net.UnixConn) {
		conns.Go(func() {
			defer func() { <-slots }()
			s.serve(ctx, h, conn)
		})
	})
	_ = s.listener.Close() // at once, so that new clients need not wait for what is under way; Close sees to the rest
	conns.Wait()
	return errors.Join(err, s.Close())
}

// accept starts a conversation with each client, holding a slot for it, until ctx ends.
func (s *Server) accept(ctx context.Context, slots chan struct{}, start func(*net.UnixConn)) error {
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := s.listener.AcceptUnix()
		if err == nil {
			start(conn)
			continue
		}
		<-slots
		if ctx.Err() != nil {
			return nil
		}
		if !isTransient(err) {
			return fmt.Errorf("accept a client: %w", err)
		}
		s.Log.WarnContext(ctx, "cannot accept a client just now", "error", err)
		if sleep(ctx, 50*time.Millisecond) != nil {
			return nil
		}
	}
}

// serve has one conversation.
func (s *Server) serve(ctx context.Context, h Handler, conn *net.UnixConn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(s.ReadTimeout))
	if err := s.check(conn); err != nil {
		s.Log.WarnContext(ctx, "client turned away", "error", err)
		_ = writeLine(conn, Failure{Reason: err.Error()})
		return
	}
	// A client that is still writing when the listener stops is not waited for.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	line, err := readLine(conn, maxRequest)
	stop()
	switch {
	case errors.Is(err, io.EOF):
		return // it only looked whether someone is there
	case err != nil && ctx.Err() != nil:
		return // it hears that nobody has come to its request: ErrNoAnswer
	}
	var request Request
	if err == nil {
		request, err = decodeRequest(line)
	}
	var response Response
	if err != nil {
		s.Log.WarnContext(ctx, "client turned away", "error", err)
		response = Failure{Reason: err.Error()}
	} else {
		if response = s.handle(ctx, h, request); response == nil {
			return
		}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(s.ReadTimeout))
	if err := writeLine(conn, response); err != nil {
		s.Log.WarnContext(ctx, "client did not take its answer", "kind", response.kind(), "error", err)
	}
}

func (s *Server) handle(ctx context.Context, h Handler, r Request) Response {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.HandleTimeout)
	defer cancel()
	return h.Handle(ctx, r)
}
