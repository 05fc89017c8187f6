package xenstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// terminal is a character device that hands on bytes, and its other end: what a device file does in common with /dev/xen/xenbus.
func terminal(t *testing.T) (path string, other *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = other.Close() })
	raw, err := other.SyscallConn()
	must(t, err)
	var number uint32
	var setErr error
	must(t, raw.Control(func(fd uintptr) {
		if setErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); setErr != nil {
			return
		}
		var tio *unix.Termios
		if tio, setErr = unix.IoctlGetTermios(int(fd), unix.TCGETS); setErr != nil {
			return
		}
		tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0 // bytes as they are
		if setErr = unix.IoctlSetTermios(int(fd), unix.TCSETS, tio); setErr == nil {
			number, setErr = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	}))
	must(t, setErr)
	return fmt.Sprintf("/dev/pts/%d", number), other
}

// A character device is opened, read by the poller, and ended by contexts and Close.
func TestDevice(t *testing.T) {
	t.Parallel()
	path, other := terminal(t)
	s := open(t, path)
	replies := make(chan string)
	served := make(chan struct{})
	go func() {
		defer close(served)
		p := &peer{other}
		for m, ok := p.receive(); ok; m, ok = p.receive() {
			reply, open := <-replies
			if !open {
				return
			}
			p.answer(m, reply)
		}
	}()
	if _, err := s.Read(brief(t), "/a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an answer: %v", err)
	}
	replies <- "late"
	go func() { replies <- "value" }()
	if got, err := s.Read(patient(t), "/b"); got != "value" || err != nil {
		t.Errorf("it reads %q, %v", got, err)
	}
	if err := s.Write(patient(t), "/a", strings.Repeat("x", maxPayload-headerLen-2)); !errors.Is(err, ErrTooLong) {
		t.Errorf("what does not fit into the kernel's buffer: %v", err)
	}
	pending := make(chan error, 1)
	go func() { _, err := s.Read(context.Background(), "/c"); pending <- err }()
	c, err := s.connection(patient(t))
	must(t, err)
	testhost.Wait(t, "a read under way", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.calls) == 1 })
	must(t, s.Close())
	if err := <-pending; !errors.Is(err, ErrClosed) {
		t.Errorf("at Close a read says %v", err)
	}
	close(replies)
	<-served
}

// kernel plays /dev/xen/xenbus: each write is one message, and may be refused by write(2) itself.
type kernel struct {
	*os.File
	writes [][]byte
	refuse syscall.Errno // the first write
}

func (k *kernel) Write(b []byte) (int, error) {
	k.writes = append(k.writes, append([]byte(nil), b...))
	if len(k.writes) == 1 && k.refuse != 0 {
		return 0, &os.PathError{Op: "write", Path: "/dev/xen/xenbus", Err: k.refuse}
	}
	return k.File.Write(b)
}

func deviceConn(t *testing.T, refuse syscall.Errno) (*conn, *kernel, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	k := &kernel{File: os.NewFile(uintptr(fds[0]), "ours"), refuse: refuse}
	theirs := os.NewFile(uintptr(fds[1]), "theirs")
	c := newConn(k, true)
	t.Cleanup(func() { c.close(); _ = theirs.Close() })
	return c, k, theirs
}

// The kernel takes one message per write, and what it refuses itself is that request's refusal.
func TestDeviceTakesOneMessageAtATime(t *testing.T) {
	t.Parallel()
	c, k, theirs := deviceConn(t, syscall.EINVAL)
	go func() {
		p := &peer{theirs}
		for m, ok := p.receive(); ok; m, ok = p.receive() {
			p.answer(m, fmt.Sprint("answer ", m.id))
		}
	}()
	read := message{kind: kindRead, payload: []byte("/a\x00")}
	answers, err := c.exchange(patient(t), read, read, read)
	must(t, err)
	if answers[0].refused == nil || answers[0].refused.Errno != syscall.EINVAL || string(answers[1].payload) != "answer 2" || string(answers[2].payload) != "answer 3" {
		t.Errorf("they are %+v", answers)
	}
	if len(k.writes) != 3 {
		t.Errorf("three requests come in %d writes", len(k.writes))
	}
}

// Old kernels answer WATCH and UNWATCH without the request's id (xenbus_write_watch), in order.
func TestDeviceAnswersWatchesWithoutID(t *testing.T) {
	t.Parallel()
	c, _, theirs := deviceConn(t, 0)
	kinds := []kind{kindUnwatch, kindWatch, kindWatch, kindUnwatch, kindWatch, kindWatch, kindWatch, kindWatch}
	results := make(chan string, len(kinds))
	for i, kind := range kinds {
		go func() {
			a, err := c.exchange(patient(t), message{kind: kind, payload: []byte("/a\x00t\x00")})
			results <- fmt.Sprintf("%d %v %s", i, err, a[0].payload)
		}()
		testhost.Wait(t, "the request", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.calls) == i+1 })
	}
	for n, i := range []int{1, 0, 2, 4, 5, 3, 6, 7} {
		_, err := theirs.Write(appendMessage(nil, message{kind: kinds[i], payload: []byte{byte('a' + n)}}))
		must(t, err)
		if got, want := <-results, fmt.Sprintf("%d <nil> %c", i, 'a'+n); got != want {
			t.Errorf("answer %d: %q, want %q", n, got, want)
		}
	}
}
