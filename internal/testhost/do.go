package testhost

import (
	"context"
	"errors"
	"io"
	"testing"
)

// errExited says that a function given to Do called runtime.Goexit, which is what FailNow does.
var errExited = errors.New("testhost: the function ended its goroutine; return an error instead of failing the test")

// Do runs f on a thread in the host and fails the test where f does. F must not fail the test itself.
func (h *Host) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := h.DoErr(f); err != nil {
		t.Fatal(err)
	}
}

// DoErr runs f on a thread in the host and returns its error. Any number may run at once.
func (h *Host) DoErr(f func() error) error {
	result := make(chan error, 1)
	go onOwnThread(func() {
		err := errExited
		defer func() { result <- err }()
		if err = h.join(); err != nil {
			return
		}
		err = errExited
		err = f()
	})
	return <-result
}

// Dial opens something that belongs to the host, a socket of rtnl.Dial or a directory of sysctl.Open, and closes it when the test ends.
func Dial[C io.Closer](t testing.TB, h *Host, dial func() (C, error)) (c C) {
	t.Helper()
	h.Do(t, func() (err error) {
		c, err = dial()
		return err
	})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Go runs f on a thread in the host until the test ends: then its context is cancelled and it is waited for. The test fails
// if f returns an error other than its context's. The function returned does the same at once; it may be called repeatedly.
func (h *Host) Go(t testing.TB, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.DoErr(func() error { return f(ctx) }); err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			t.Errorf("a function running in the host: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}
