package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"vifd/internal/vif"
)

// ErrNoListener says that nobody listens in the state folder: the caller has the field to itself.
var ErrNoListener = errors.New("no vifd listens")

// ErrNoAnswer says that the listener went away before it answered. The request may or may not have been carried out; as
// requests are idempotent, the caller may carry it out itself.
var ErrNoAnswer = errors.New("the listener went away without an answer")

// Client talks to the listener of one state folder. It holds no connection: each call makes its own, so it may be used by
// several goroutines at once and over a listener's restart.
type Client struct {
	path  string
	check func(*net.UnixConn) error
}

// NewClient returns a client of the listener, if there is one, of the state folder dir.
func NewClient(dir string) *Client {
	return &Client{path: filepath.Join(dir, socketName), check: checkPeer}
}

// Event hands ev to the listener and waits until its vif is in order.
func (c *Client) Event(ctx context.Context, ev vif.Event) (Outcome, error) {
	return call[Outcome](ctx, c, EventRequest{Event: ev})
}

// Reload has the rules read anew.
func (c *Client) Reload(ctx context.Context) (ReloadResult, error) {
	return call[ReloadResult](ctx, c, ReloadRequest{})
}

// Status asks for every vif.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, StatusRequest{})
}

// Version asks what the listener is; it is also how to see that it lives.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return call[Version](ctx, c, VersionRequest{})
}

func call[R Response](ctx context.Context, c *Client, r Request) (R, error) {
	var want R
	response, err := c.Call(ctx, r)
	if err != nil {
		return want, err
	}
	got, ok := response.(R)
	if !ok {
		return want, fmt.Errorf("the listener answered %s with %s", r.kind(), response.kind())
	}
	return got, nil
}

// Call sends one request and waits for its answer, as long as ctx allows. Its errors, for errors.Is: ErrNoListener,
// ErrNoAnswer, the context's; for errors.As: Failure, the listener's refusal.
func (c *Client) Call(ctx context.Context, r Request) (Response, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()

	// A listener that turns the client away answers without reading, so what it says is read also when the write failed.
	writeErr := writeLine(conn, r)
	line, err := readLine(conn, maxResponse)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
			err = errors.Join(ErrNoAnswer, writeErr)
		}
		return nil, fmt.Errorf("send %s to %s: %w", r.kind(), c.path, err)
	}
	response, err := decodeResponse(line)
	if err != nil {
		return nil, fmt.Errorf("read the answer from %s: %w", c.path, err)
	}
	if failure, ok := response.(Failure); ok {
		return nil, fmt.Errorf("send %s to %s: %w", r.kind(), c.path, failure)
	}
	return response, nil
}

// connect connects and checks that it is vifd's own user that listens, or root.
func (c *Client) connect(ctx context.Context) (*net.UnixConn, error) {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", c.path)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			// The queue of clients not yet accepted is full (unix(7)): the listener lives and is busy.
			if err := sleep(ctx, 5*time.Millisecond); err != nil {
				return nil, fmt.Errorf("wait for a place at %s: %w", c.path, err)
			}
			continue
		case errors.Is(err, context.DeadlineExceeded):
			// The dialer looks at the deadline by itself; connecting to a Unix socket does not wait for anything else.
			return nil, fmt.Errorf("wait for a place at %s: %w", c.path, err)
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("%w on %s", ErrNoListener, c.path)
		case err != nil:
			return nil, err
		}
		unixConn := conn.(*net.UnixConn)
		if err := c.check(unixConn); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("refuse to trust the listener on %s: %w", c.path, err)
		}
		return unixConn, nil
	}
}

// sleep waits for d, or less if ctx ends: then it returns why.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// isTransient says that accepting may work later: this process or the host is out of something just now (accept(2)).
func isTransient(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
