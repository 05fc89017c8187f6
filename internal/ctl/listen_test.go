package ctl

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTwoListeners(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	_, err := Listen(t.Context(), s.dir)
	if !errors.Is(err, ErrListening) {
		t.Fatalf("a second Listen: %v, want ErrListening", err)
	}
	for _, word := range []string{filepath.Join(s.dir, socketName), "pid " + strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not name %q", err, word)
		}
	}
	if _, err := NewClient(s.dir).Version(t.Context()); err != nil {
		t.Errorf("the first no longer answers: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// As a killed listener leaves them: the socket's file, and a lock file that nobody locks.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(l.Close(), os.WriteFile(filepath.Join(dir, lockName), []byte("999999999\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(dir).Version(t.Context()); !errors.Is(err, ErrNoListener) {
		t.Errorf("a call to a dead listener's socket: %v, want ErrNoListener", err)
	}
	s, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := os.ReadFile(filepath.Join(dir, lockName)); string(pid) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("the lock file holds %q, %v", pid, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, socketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close left the socket: %v", err)
	}
}

func TestNoListener(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"no socket": t.TempDir(), "no folder": filepath.Join(t.TempDir(), "none")} {
		if _, err := NewClient(dir).Status(t.Context()); !errors.Is(err, ErrNoListener) {
			t.Errorf("%s: %v, want ErrNoListener", name, err)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 90))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), long); err == nil || !strings.Contains(err.Error(), "at most 107") {
		t.Errorf("a path too long: %v", err)
	}
	if _, err := Listen(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Between Listen and Serve, clients wait.
func TestClientsWaitForServe(t *testing.T) {
	t.Parallel()
	s, err := Listen(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.listener.Addr().String())
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := NewClient(dir).Version(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before Serve: %v, want the client's own deadline", err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(dir).Version(t.Context())
		answered <- err
	}()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, handlerFunc(echo)) }()
	if err := <-answered; err != nil {
		t.Errorf("after Serve: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A listener that is killed resets the clients it had not answered.
func TestListenerGoesAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for range 50 {
		if _, err := NewClient(dir).Version(t.Context()); !errors.Is(err, ErrNoAnswer) {
			t.Fatalf("got %v, want ErrNoAnswer", err)
		}
	}
}

// With its queue full a Unix socket refuses with EAGAIN; the client must wait, not take the field for its own.
func TestFullQueueIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, socketName)}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	filler := dialRaw(t, dir) // takes the one place there is
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := NewClient(dir).Version(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for a place") {
		t.Errorf("with a full queue: %v, want a wait to the deadline", err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(dir).Version(t.Context())
		answered <- err
	}()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if conn, err := l.Accept(); err != nil { // filler's
		t.Fatal(err)
	} else if err := errors.Join(conn.Close(), filler.Close()); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writeLine(conn, Version{}), conn.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("once there is a place: %v", err)
	}
}
