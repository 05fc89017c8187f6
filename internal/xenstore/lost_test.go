package xenstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s := open(t, dir+"/none", dir)
	if !s.Present() || open(t, dir+"/none").Present() {
		t.Error("Present is wrong about what exists")
	}
	_, err := s.Read(patient(t), "/a")
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("it says %v", err)
	}
	for _, part := range []string{dir + "/none", "is xenstored running?", "read /a", "connection refused"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if err := s.Write(patient(t), "/a", "b"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUncertain) {
		t.Errorf("writing says %v", err)
	}
	if err := s.Do(patient(t), func(*Tx) error { return nil }); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a transaction says %v", err)
	}
}

// A queue of clients that is full means a busy daemon, which is waited for, not one that is away.
func TestBusyDaemonIsWaitedFor(t *testing.T) {
	t.Parallel()
	path := shortDir(t) + "/s"
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	must(t, errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)))
	filler, err := net.Dial("unix", path) // takes the one place there is
	must(t, err)
	defer filler.Close()
	s := open(t, path)
	if _, err := s.Read(brief(t), "/a"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		t.Errorf("with a full queue: %v", err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := s.Read(context.Background(), "/a"); waiting <- err }()
	testhost.Wait(t, "the dialling", func() bool { return len(s.dialing) == 1 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("at Close: %v", err)
	}
}

func TestDefaultPaths(t *testing.T) {
	t.Setenv("XENSTORED_PATH", "/x")
	if got := DefaultPaths(); got[0] != "/x" || got[1] != "/run/xenstored/socket" || got[len(got)-1] != "/dev/xen/xenbus" {
		t.Errorf("they are %q", got)
	}
	t.Setenv("XENSTORED_PATH", "")
	if got := DefaultPaths(); got[0] != "/run/xenstored/socket" {
		t.Errorf("without XENSTORED_PATH they are %q", got)
	}
}

func TestClosed(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/a", "b"))
		must(t, s.Close())
		must(t, s.Close())
		_, err := s.Read(ctx, "/a")
		for _, err := range []error{err, s.Write(ctx, "/a", "c"), s.Do(ctx, func(*Tx) error { return nil })} {
			if !errors.Is(err, ErrClosed) || errors.Is(err, ErrUncertain) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

// Requests of all kinds while xenstored is killed and started again: each is answered truly or fails by name, none hangs, and
// afterwards all is well.
func TestXenstoredIsKilledUnderLoad(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx, cancel := context.WithCancel(patient(t))
		defer cancel()
		var load sync.WaitGroup
		var mu sync.Mutex
		good := 0
		for n := range 6 {
			path := fmt.Sprintf("/load/%d", n)
			load.Go(func() {
				for ctx.Err() == nil {
					err := s.Write(ctx, path, path)
					var got string
					if err == nil && n%2 == 0 {
						got, err = s.Read(ctx, path)
					} else if err == nil {
						err = s.Do(ctx, func(tx *Tx) (err error) { got, err = tx.Read(ctx, path); return err })
					}
					switch {
					case err == nil && got == path:
						mu.Lock()
						good++
						mu.Unlock()
					case err == nil:
						t.Errorf("%s reads %q", path, got)
					case errors.Is(err, ErrUnavailable), errors.Is(err, ErrUncertain), errors.Is(err, syscall.ENOENT), errors.Is(err, context.Canceled):
					default:
						if lost, _ := isLost(err); !lost {
							t.Errorf("%s: %v", path, err)
						}
					}
				}
			})
		}
		more := func() {
			mu.Lock()
			now := good
			mu.Unlock()
			testhost.Wait(t, "requests to be answered", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return good > now+20
			})
		}
		for range 3 {
			more()
			d.Kill(t)
			d.Run(t)
		}
		more()
		cancel()
		load.Wait()
		must(t, s.Write(patient(t), "/after", "x"))
	})
}

// What is asked of a daemon that has stopped ends with its context; once it goes on, the same connection does, and late answers
// are nobody's.
func TestXenstoredStandsStill(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/a", "old"))
		before, err := s.connection(ctx)
		must(t, err)
		d.Freeze(t)
		if _, err := s.Read(brief(t), "/a"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUncertain) {
			t.Errorf("reading: %v", err)
		}
		if err := s.Write(brief(t), "/a", "new"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUncertain) {
			t.Errorf("writing: %v", err)
		}
		if err := s.Do(brief(t), func(*Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a transaction: %v", err)
		}
		if err := s.Watch(brief(t), "/a", func(string) { t.Error("the watch is told something") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a watch: %v", err)
		}
		d.Thaw(t)
		if got, err := s.Read(ctx, "/a"); got != "new" || err != nil {
			t.Errorf("then it reads %q, %v, want what was written meanwhile", got, err)
		}
		if after, err := s.connection(ctx); after != before {
			t.Errorf("the connection is another, %v", err)
		}
	})
}

// A daemon that does not read fills the socket: whoever writes waits no longer than its context, and then it goes on.
func TestXenstoredDoesNotRead(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		must(t, s.Mkdir(patient(t), "/a"))
		d.Freeze(t)
		value := strings.Repeat("x", 4000)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		errs := make(chan error)
		const writers = 300 // of 1.2 MB, of which a socket holds some 200 KB
		for range writers {
			go func() { errs <- s.Write(ctx, "/a", value) }()
		}
		sent, waited := 0, 0
		for range writers {
			switch err := <-errs; {
			case errors.Is(err, ErrUncertain):
				sent++
			case errors.Is(err, context.DeadlineExceeded):
				waited++
			default:
				t.Errorf("a write says %v", err)
			}
		}
		if sent == 0 || waited == 0 {
			t.Errorf("%d were sent and %d waited: the socket was not filled", sent, waited)
		}
		d.Thaw(t)
		must(t, s.Write(patient(t), "/a", "end"))
		if got, err := s.Read(patient(t), "/a"); got != "end" || err != nil {
			t.Errorf("then it reads %q, %v", got, err)
		}
	})
}

// What a daemon with small limits refuses comes with a name, and leaves the connection as it was. The C daemon limits a
// socket's clients in nothing but the length of a path.
func TestLimitsOfTheDaemon(t *testing.T) {
	t.Parallel()
	small := map[string][]string{
		xenstored.C:     {"--path-max", "64"},
		xenstored.OCaml: {"quota-activate = true", "quota-maxsize = 100", "quota-path-max = 64"},
	}
	for kind, options := range small {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := xenstored.New(t, kind, options...)
			s, ctx := open(t, d.Socket), patient(t)
			must(t, s.Write(ctx, "/a", "x"))
			before, err := s.connection(ctx)
			must(t, err)
			refusals := []error{s.Write(ctx, "/"+strings.Repeat("p", 100), "x")}
			if kind == xenstored.OCaml {
				refusals = append(refusals, s.Write(ctx, "/a", strings.Repeat("x", 200)))
			}
			for _, err := range refusals {
				t.Log(err)
				var refused *Error
				if !errors.As(err, &refused) || refused.Op != "write" || refused.Text != "" || errors.Is(err, ErrUncertain) {
					t.Errorf("beyond a limit: %v", err)
				}
			}
			if got, err := s.Read(ctx, "/a"); got != "x" || err != nil {
				t.Errorf("then it reads %q, %v", got, err)
			}
			if after, err := s.connection(ctx); after != before {
				t.Errorf("the connection is another, %v", err)
			}
		})
	}
}

// TestUnavailable: a socket is named once, with what is the matter with it.
func TestUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	must(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	must(t, l.Close())
	t.Setenv("XENSTORED_PATH", "/dev/xen/xenbus")
	if got := DefaultPaths(); got[0] != "/dev/xen/xenbus" || len(got) != 3 {
		t.Errorf("they are %q", got)
	}
	s := New(path, path+"-2")
	defer s.Close()
	_, err = s.Read(t.Context(), "/a")
	if want := "nobody answers at " + path + " (connect: connection refused), " + path + "-2; is xenstored"; err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want %q", err, want)
	}
}
