package xenstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// busyPause is between two tries at a socket whose queue is full. The C daemon's has room for one (its main listens with 1).
const busyPause = 5 * time.Millisecond

// stream is what a connection reads and writes: a *net.UnixConn, or an *os.File of /dev/xen/xenbus.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// DefaultPaths is where xenstored is to be found, in the order in which the paths are tried: what the environment's XENSTORED_PATH
// says (as libxenstore does), the socket of the daemon on this host, then the kernel's connection to one elsewhere.
func DefaultPaths() []string {
	paths := []string{"/run/xenstored/socket", "/var/run/xenstored/socket", "/dev/xen/xenbus"}
	if path := os.Getenv("XENSTORED_PATH"); path != "" {
		// One that is a path anyway is tried, and named, but once.
		paths = append([]string{path}, slices.DeleteFunc(paths, func(p string) bool { return p == path })...)
	}
	return paths
}

// dial connects to the first path where somebody answers.
func dial(ctx context.Context, paths []string) (s stream, device bool, err error) {
	var causes []error
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeCharDevice != 0:
			// The kernel knows poll(2) for this device (xenbus_file_poll), so OpenFile makes it non-blocking and gives it to the runtime's
			// poller: no thread waits in read(2), and Close and deadlines end a read as they do on a socket.
			if s, err = os.OpenFile(path, os.O_RDWR, 0); err == nil {
				return s, true, nil
			}
		default:
			if s, err = dialSocket(ctx, path); err == nil {
				return s, false, nil
			}
		}
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) { // the dialer looks at the deadline by itself, maybe a moment before ctx does
			return nil, false, context.DeadlineExceeded
		}
		causes = append(causes, err)
	}
	return nil, false, &unavailableError{paths: paths, causes: causes}
}

func dialSocket(ctx context.Context, path string) (stream, error) {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return conn.(*net.UnixConn), nil
		case errors.Is(err, syscall.EAGAIN): // the queue of those not yet accepted is full (unix(7)): the daemon lives and is busy
			if err := sleep(ctx, busyPause); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

// unavailableError says where nobody answered, and why not.
type unavailableError struct {
	paths  []string
	causes []error // of each path
}

func (e *unavailableError) Error() string {
	where := make([]string, len(e.paths))
	for i, path := range e.paths {
		where[i] = path
		if cause := e.causes[i]; !errors.Is(cause, fs.ErrNotExist) { // a path that is not there says nothing but its name
			where[i] += " (" + unnamed(cause).Error() + ")"
		}
	}
	return fmt.Sprintf("%v: nobody answers at %s", ErrUnavailable, strings.Join(where, ", ")) + "; is xenstored running? XENSTORED_PATH names another socket"
}

// unnamed is an error without the path that it is about.
func unnamed(err error) error {
	var op *net.OpError
	var path *fs.PathError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.As(err, &path):
		return path.Err
	}
	return err
}

// Unwrap gives ErrUnavailable and the causes.
func (e *unavailableError) Unwrap() []error { return append([]error{ErrUnavailable}, e.causes...) }

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
