package nlsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrOverflow says that the kernel has dropped messages. Those queued before can still be received.
	ErrOverflow = errors.New("receive queue overflowed: messages were lost")
	// ErrTruncated says that a message was longer than MaxMessage. It has been discarded.
	ErrTruncated = errors.New("message too long: discarded")
	// ErrWouldBlock says that no message is queued.
	ErrWouldBlock = errors.New("no message is queued")
)

// A Message is one datagram with what the kernel says of its sender.
type Message struct {
	Data   []byte // valid until the next receive
	Port   uint32 // of the sender, nl_pid; 0 is the kernel's
	Groups uint32 // bit mask of the group it was sent to; 0 for a unicast
	// Cred is the sender's pid, uid and gid as this process's namespaces number them. It is valid if HasCred is true.
	Cred    unix.Ucred
	HasCred bool
}

// aLongTimeAgo is a read deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// Receive waits for a message. Beside the package's errors it returns the context's error as soon as the context is done,
// even while messages keep coming, and net.ErrClosed when the socket is closed. After any other error than these two it can
// be called again.
//
// It is cheapest when called repeatedly with the same context.
func (s *Socket) Receive(ctx context.Context) (Message, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	s.follow(ctx)
	s.recv.wait = true
	err := s.raw.Read(s.onReady)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if err := ctx.Err(); err != nil {
			return Message{}, err
		}
	}
	return s.result(err)
}

// TryReceive is Receive, but returns ErrWouldBlock where that would wait.
func (s *Socket) TryReceive() (Message, error) {
	s.follow(context.Background()) // a deadline would fail the read without trying it
	s.recv.wait = false
	return s.result(s.raw.Read(s.onReady))
}

func (s *Socket) result(err error) (Message, error) {
	switch {
	case err != nil && s.closed.Load():
		s.follow(context.Background()) // let go of the context, which may live on
		return Message{}, fmt.Errorf("netlink socket %s: %w", s.name, net.ErrClosed)
	case err != nil:
		return Message{}, fmt.Errorf("netlink socket %s: waiting for a message: %w", s.name, err)
	}
	m, err := s.recv.message()
	switch {
	case err == nil, errors.Is(err, ErrOverflow), errors.Is(err, ErrTruncated), errors.Is(err, ErrWouldBlock):
		return m, err
	default:
		return m, fmt.Errorf("netlink socket %s: receiving: %w", s.name, err)
	}
}

// follow makes the read deadline pass when ctx is done. A deadline ends a read that waits and cannot come too early for one
// about to begin, as a signal could. Following the same context again costs nothing.
func (s *Socket) follow(ctx context.Context) {
	done := ctx.Done()
	if done == s.done {
		return
	}
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	s.done = done
	if done == nil {
		return
	}
	fired := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = s.file.SetReadDeadline(aLongTimeAgo) // fails only on a closed socket, which ends the read too
	})
	s.stop = func() {
		if !cancel() {
			<-fired // or it would set the deadline after it has been reset
			_ = s.file.SetReadDeadline(time.Time{})
		}
	}
}
