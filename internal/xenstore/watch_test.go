package xenstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

// events collects what a watch's function is told.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, path)
}

func (e *events) count(path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, p := range e.list {
		if p == path {
			n++
		}
	}
	return n
}

func (e *events) wait(t *testing.T, path string, n int) {
	t.Helper()
	testhost.Wait(t, fmt.Sprintf("event %d of %s", n, path), func() bool { return e.count(path) >= n })
}

// watching watches path until the test ends, or stop.
func watching(t *testing.T, s *Store, path string, f func(string)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, path, f) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ends with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestWatchTellsWhatChanges(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		var seen, other, relative events
		stop := watching(t, s, "/w", seen.add)
		watching(t, s, "/w/b", other.add)
		watching(t, s, "rel", relative.add)
		seen.wait(t, "/w", 1) // at once, though there is no such path
		other.wait(t, "/w/b", 1)
		relative.wait(t, "rel", 1)
		xenstored.Tool(t, d.Socket, "xenstore-write", "/w/a", "1")
		seen.wait(t, "/w/a", 1)
		xenstored.Tool(t, d.Socket, "xenstore-write", "/w/b/c", "1", "/wx", "1", "/local/domain/0/rel/x", "1")
		seen.wait(t, "/w/b/c", 1)
		other.wait(t, "/w/b/c", 1)
		relative.wait(t, "rel/x", 1)
		n := seen.count("/w/a")
		xenstored.Tool(t, d.Socket, "xenstore-chmod", "/w/a", "n0", "r0")
		seen.wait(t, "/w/a", n+1)
		must(t, s.Remove(patient(t), "/w/b"))
		seen.wait(t, "/w/b", 1)
		other.wait(t, "/w/b", 2)
		if n := other.count("/w/a"); n != 0 {
			t.Errorf("/w/b is told of /w/a %d times", n)
		}
		if n := seen.count("/wx"); n != 0 {
			t.Errorf("/w is told of /wx %d times", n)
		}
		stop()
		before := len(seen.list)
		xenstored.Tool(t, d.Socket, "xenstore-write", "/w/b/d", "1")
		other.wait(t, "/w/b/d", 1)
		if len(seen.list) != before {
			t.Errorf("after its end a watch is told of %q", seen.list[before:])
		}
	})
}

// A watch's function may do whatever a Store can do, while other events come in.
func TestWatchMayAsk(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		var seen events
		watching(t, s, "/q/in", func(path string) {
			if path == "/q/in" {
				seen.add(path)
			}
			text, err := s.Read(ctx, path)
			if err == nil && text != "" {
				err = s.Do(ctx, func(tx *Tx) error { return tx.Write(ctx, "/q/out/"+text, path) })
				seen.add(text)
			}
			if err != nil && !strings.Contains(err.Error(), "no such file") {
				t.Error(err)
			}
		})
		seen.wait(t, "/q/in", 1)
		for i := range 200 {
			must(t, s.Write(ctx, fmt.Sprintf("/q/in/%d", i), strconv.Itoa(i)))
		}
		seen.wait(t, "199", 1)
		if got, err := s.Directory(ctx, "/q/out"); len(got) != 200 || err != nil {
			t.Errorf("%d of 200 events were answered, %v", len(got), err)
		}
	})
}

// While the function is busy any number of events come in: they are kept up to a bound, and then become "look at all".
func TestWatchWithABusyFunction(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		busy, free := make(chan struct{}), make(chan struct{})
		var seen events
		var once sync.Once
		watching(t, s, "/e", func(path string) {
			once.Do(func() { close(busy); <-free })
			seen.add(path)
		})
		<-busy
		for i := range 2*maxEvents + 10 {
			must(t, s.Write(ctx, fmt.Sprintf("/e/%d", i), "x"))
		}
		must(t, s.Write(ctx, "/e/last", "x")) // its event comes behind all others
		close(free)
		seen.wait(t, "/e/last", 1)
		if n := len(seen.list); seen.count("/e") < 2 || n > maxEvents+2 {
			t.Errorf("%d calls, %d of them for all", n, seen.count("/e"))
		}
	})
}

func TestQueue(t *testing.T) {
	t.Parallel()
	q := &queue{watched: "/w", waiting: make(chan struct{}, 1)}
	q.add("/w/a")
	q.add("/w/b")
	q.add("/w/a")
	if got := q.take(); !slices.Equal(got, []string{"/w/a", "/w/b"}) {
		t.Errorf("it holds %q", got)
	}
	for i := range maxEvents + 1 {
		q.add(fmt.Sprintf("/w/%d", i))
	}
	if got := q.take(); !slices.Equal(got, []string{"/w"}) {
		t.Errorf("overfull it holds %d paths", len(got))
	}
}

func TestWatchOutlivesXenstored(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		var seen events
		watching(t, s, "/w", seen.add)
		seen.wait(t, "/w", 1)
		for round := range 2 {
			d.Kill(t)
			d.Run(t)
			seen.wait(t, "/w", round+2)
			xenstored.Tool(t, d.Socket, "xenstore-write", "/w/a", "1")
			seen.wait(t, "/w/a", round+1)
		}
	})
}

func TestWatchIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, fake(t, func(_ int, p *peer) {
		if m, ok := p.receive(); ok {
			p.send(message{kind: kindError, id: m.id, payload: []byte("EACCES\x00")})
			p.receive()
		}
	}))
	if err := s.Watch(patient(t), "/a b", func(string) {}); !errors.Is(err, ErrPath) {
		t.Errorf("a path that is none: %v", err)
	}
	err := s.Watch(patient(t), "/a", func(string) {})
	var refused *Error
	if !errors.As(err, &refused) || refused.Op != "watch" || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a path that the daemon refuses to watch: %v", err)
	}
}

func TestWatchEndsWithTheStore(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"nobody there": shortDir(t) + "/none", "somebody": xenstored.Start(t, xenstored.C)} {
		s := New(path)
		done := make(chan error, 1)
		called := make(chan string, 1)
		go func() { done <- s.Watch(t.Context(), "/w", func(path string) { called <- path }) }()
		if name == "somebody" {
			<-called
		}
		must(t, s.Close())
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("%s: the watch ends with %v", name, err)
		}
	}
}
