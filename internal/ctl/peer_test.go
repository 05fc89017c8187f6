package ctl

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

func TestCheckUser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		uid, euid int
		ok        bool
	}{
		{"root to root", 0, 0, true},
		{"root to a user", 0, 1000, true},
		{"a user to itself", 1000, 1000, true},
		{"a user to root", 1000, 0, false},
		{"a user to another", 1000, 1001, false},
		{"an unmapped user to root", nobody, 0, false},
	} {
		if err := checkUser(&unix.Ucred{Uid: uint32(test.uid)}, test.euid); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// asNobody runs do on a thread of its own that has become uid 65534; the thread is thrown away. It returns the error of
// becoming so.
func asNobody(do func()) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		// The system call itself: that of package syscall would change every thread.
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody)
		if errno != 0 {
			result <- errno
			return
		}
		do()
		result <- nil
	}()
	return <-result
}

// rawCall connects and reads on the calling thread, without Go's poller.
func rawCall(path string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	return string(buf[:max(n, 0)]), err
}

func TestAnotherUserIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	path := filepath.Join(s.dir, socketName)
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // so that it is the socket that refuses, not the way to it
			t.Fatal(err)
		}
	}
	var first, second string
	var firstErr, secondErr, chmodErr error
	err := asNobody(func() { first, firstErr = rawCall(path) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		// In a user namespace of one user, or run as one, no process here can have another uid, nor can the kernel be made to
		// report one. What remains is to put the report in the kernel's mouth: the rest of the way is the same.
		refuseByReport(t)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(firstErr, unix.EACCES) {
		t.Errorf("the socket's mode lets another user in: %q, %v", first, firstErr)
	}
	if chmodErr = os.Chmod(path, 0o666); chmodErr != nil { // an administrator's mistake: the credentials still hold
		t.Fatal(chmodErr)
	}
	if err := asNobody(func() { second, secondErr = rawCall(path) }); err != nil {
		t.Fatal(err)
	}
	if secondErr != nil || !strings.Contains(second, `"kind":"Failure"`) || !strings.Contains(second, "uid 65534") {
		t.Errorf("another user was told %q, %v; want a refusal", second, secondErr)
	}
}

func refuseByReport(t *testing.T) {
	t.Helper()
	report := func(*net.UnixConn) error { return checkUser(&unix.Ucred{Uid: nobody}, os.Geteuid()) }
	s := serve(t, echo, func(s *Server) { s.check = report })
	var refused Failure
	if _, err := NewClient(s.dir).Version(t.Context()); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "uid 65534") {
		t.Errorf("another user was told %v; want a refusal", err)
	}
}

// A client tells nothing to an impostor.
func TestListenerOfAnotherUserIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	c := NewClient(s.dir)
	c.check = func(*net.UnixConn) error { return checkUser(&unix.Ucred{Uid: nobody}, os.Geteuid()) }
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "refuse to trust") {
		t.Errorf("got %v, want distrust", err)
	}
}
