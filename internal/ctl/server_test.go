package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/vif"
)

// handlerFunc is a Handler made of a function.
type handlerFunc func(ctx context.Context, r Request) Response

func (f handlerFunc) Handle(ctx context.Context, r Request) Response { return f(ctx, r) }

// echo answers each request in a way that shows what was asked.
func echo(_ context.Context, r Request) Response {
	switch r := r.(type) {
	case EventRequest:
		return Outcome{Interface: r.Event.Interface, Ifindex: r.Event.Ifindex, State: "configured", Rule: r.Event.Env["RULE"]}
	case ReloadRequest:
		return ReloadResult{Rules: 3}
	case StatusRequest:
		return Status{Vifs: []VifStatus{{Interface: "vif1.0", Ifindex: 7, Firewall: []string{}}}}
	case VersionRequest:
		return Version{Version: "test", Pid: os.Getpid()}
	}
	return nil
}

// serving is a server under test.
type serving struct {
	*Server
	dir  string
	stop func() // ends Serve and waits; may be called twice
}

// serve runs a server in a folder of its own until the test ends. adjust, if any, changes it before.
func serve(t *testing.T, h handlerFunc, adjust func(*Server)) serving {
	t.Helper()
	dir := t.TempDir()
	s, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(s)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, h) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return serving{Server: s, dir: dir, stop: stop}
}

// dialRaw connects without the client's manners.
func dialRaw(t *testing.T, dir string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func answerTo(t *testing.T, conn net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer: %v (got %q)", err, line)
	}
	return line
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	c, ctx := NewClient(s.dir), t.Context()
	outcome, err := c.Event(ctx, vif.Event{Interface: "vif1.0", Ifindex: 7, Env: map[string]string{"RULE": "web"}})
	if d := cmp.Diff(Outcome{Interface: "vif1.0", Ifindex: 7, State: "configured", Rule: "web"}, outcome); err != nil || d != "" {
		t.Errorf("Event: %v (-want +got):\n%s", err, d)
	}
	if reload, err := c.Reload(ctx); err != nil || reload.Rules != 3 {
		t.Errorf("Reload: %+v, %v", reload, err)
	}
	if status, err := c.Status(ctx); err != nil || len(status.Vifs) != 1 {
		t.Errorf("Status: %+v, %v", status, err)
	}
	if version, err := c.Version(ctx); err != nil || version.Version != "test" || version.Pid != os.Getpid() {
		t.Errorf("Version: %+v, %v", version, err)
	}
}

// TestStoppedBeforeItHears: whoever has connected, and has not been heard out, is told nothing: ErrNoAnswer to a client.
func TestStoppedBeforeItHears(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	late, early := dialRaw(t, s.dir), dialRaw(t, s.dir)
	if _, err := early.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	s.stop()
	for what, conn := range map[string]net.Conn{"one that has said nothing": late, "one that has begun": early} {
		// Reset rather than closed, where the listener had not accepted it yet, or not read all (unix(7)).
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s hears %q, %v", what, got, err)
		}
	}
}

// TestNoAnswer: a listener that has none to give is to its client as one that has gone.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, func(context.Context, Request) Response { return nil }, nil)
	if _, err := NewClient(s.dir).Version(t.Context()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("Version() = %v, want %v", err, ErrNoAnswer)
	}
}

func TestSocketIsPrivateWhateverTheUmask(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	info, err := os.Stat(filepath.Join(s.dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != os.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v, want %v", got, os.ModeSocket|0o600)
	}
}

func TestServerTurnsGarbageAway(t *testing.T) {
	t.Parallel()
	s := serve(t, func(context.Context, Request) Response { t.Error("garbage reached the handler"); return nil }, nil)
	for line, want := range garbage() {
		conn := dialRaw(t, s.dir)
		if _, err := fmt.Fprintf(conn, "%s\n", line); err != nil {
			t.Fatal(err)
		}
		if got := answerTo(t, conn); !strings.Contains(got, `"kind":"Failure"`) || !strings.Contains(got, want) {
			t.Errorf("%.80q: answer %q does not refuse with %q", line, got, want)
		}
	}
}

func TestServerTurnsOversizedLinesAway(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, nil)
	event := vif.Event{Interface: "vif1.0", Env: map[string]string{"A": strings.Repeat("x", maxRequest)}}
	var refused Failure
	if _, err := NewClient(s.dir).Event(t.Context(), event); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "too long") {
		t.Errorf("an oversized event: %v, want a refusal", err)
	}
	event.Env["A"] = strings.Repeat("x", maxRequest-200)
	if _, err := NewClient(s.dir).Event(t.Context(), event); err != nil {
		t.Errorf("an event just below the bound: %v", err)
	}
}

func TestSlowClientIsDropped(t *testing.T) {
	t.Parallel()
	s := serve(t, echo, func(s *Server) { s.ReadTimeout, s.MaxConns = 100*time.Millisecond, 1 })
	conn := dialRaw(t, s.dir)
	if _, err := conn.Write([]byte(`{"apiVersion":`)); err != nil {
		t.Fatal(err)
	}
	// It has the only slot; the next client gets it when the slow one is dropped.
	if _, err := NewClient(s.dir).Version(t.Context()); err != nil {
		t.Errorf("a client behind a slow one: %v", err)
	}
	if got := answerTo(t, conn); !strings.Contains(got, "timeout") {
		t.Errorf("the slow client was told %q", got)
	}
}

func TestHandlerHasADeadline(t *testing.T) {
	t.Parallel()
	s := serve(t, func(ctx context.Context, _ Request) Response {
		<-ctx.Done()
		return Failure{Reason: ctx.Err().Error()}
	}, func(s *Server) { s.HandleTimeout = 50 * time.Millisecond })
	if _, err := NewClient(s.dir).Version(t.Context()); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v", err)
	}
}

func TestAtMostMaxConnsAtOnce(t *testing.T) {
	t.Parallel()
	const limit, clients = 3, 30
	var now, most atomic.Int32
	s := serve(t, func(ctx context.Context, r Request) Response {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		for deadline := time.Now().Add(200 * time.Millisecond); most.Load() < limit && time.Now().Before(deadline); {
			_ = sleep(ctx, time.Millisecond) // until the others have come too
		}
		return echo(ctx, r)
	}, func(s *Server) { s.MaxConns = limit })
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			if got, err := NewClient(s.dir).Event(t.Context(), vif.Event{Ifindex: i}); err != nil || got.Ifindex != i {
				t.Errorf("client %d: %+v, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	if got := most.Load(); got != limit {
		t.Errorf("at most %d were served at once, want %d", got, limit)
	}
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(ctx context.Context, r Request) Response {
		close(entered)
		<-release
		if ctx.Err() != nil {
			return Failure{Reason: "cut off: " + ctx.Err().Error()}
		}
		return echo(ctx, r)
	}, nil)
	half := dialRaw(t, s.dir) // sends no whole line: not waited for
	if _, err := half.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(s.dir).Version(t.Context())
		answered <- err
	}()
	<-entered
	stopped := make(chan struct{})
	go func() {
		s.stop()
		close(stopped)
	}()
	// The socket goes first, so nobody new comes to a listener that is leaving.
	eventually(t, "the socket is gone", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, socketName))
		return errors.Is(err, os.ErrNotExist)
	})
	if _, err := NewClient(s.dir).Version(t.Context()); !errors.Is(err, ErrNoListener) {
		t.Errorf("a new client: %v, want ErrNoListener", err)
	}
	select {
	case <-stopped:
		t.Error("Serve returned with a request under way")
	default:
	}
	// Its lock it keeps until then: a second listener would act beside it.
	if _, err := Listen(t.Context(), s.dir); !errors.Is(err, ErrListening) {
		t.Errorf("Listen beside a listener that is leaving: %v, want ErrListening", err)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	<-stopped
	again, err := Listen(t.Context(), s.dir)
	if err != nil {
		t.Fatalf("Listen after it: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close()); err != nil {
		t.Errorf("Close, twice: %v", err)
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s in vain: %s", what)
		}
	}
}
