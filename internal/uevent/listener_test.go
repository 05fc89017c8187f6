package uevent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
	"vifd/internal/vif"
)

// recorder is a Sink that remembers. Its lock can be held to make the reader stall.
type recorder struct {
	mu   sync.Mutex
	told []told
}

// told is one call of the Sink: of Event, or of Overflow, for which event is nil.
type told struct{ event *vif.Event }

func (r *recorder) Event(e vif.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, told{&e})
}

func (r *recorder) Overflow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, told{})
}

func (r *recorder) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// of returns what was told of the interface called iface, or under its number where that is not 0.
func (r *recorder) of(iface string, ifindex int) (events []vif.Event) {
	for _, c := range r.all() {
		if e := c.event; e != nil && (e.Interface == iface || ifindex != 0 && e.Ifindex == ifindex) {
			events = append(events, *e)
		}
	}
	return events
}

func (r *recorder) overflows() (n int) {
	for _, c := range r.all() {
		if c.event == nil {
			n++
		}
	}
	return n
}

func open(t testing.TB, h *testhost.Host, source Source, opts ...Option) *Listener {
	t.Helper()
	var l *Listener
	h.Do(t, func() (err error) {
		l, err = Open(source, opts...)
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// run runs the Listener until the test ends.
func run(t testing.TB, l *Listener, sink Sink) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- l.Run(ctx, sink) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v, want context.Canceled", err)
		}
	})
}

// sentinel plugs in a vif and waits until it is told of: everything sent before has then been dealt with.
func sentinel(t testing.TB, h *testhost.Host, r *recorder, name string) {
	t.Helper()
	h.Veths(t, testhost.New(t), name)
	testhost.Wait(t, "the event of "+name, func() bool { return len(r.of(name, 0)) > 0 })
}

func TestKernelEvents(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	l, r := open(t, h, Kernel), &recorder{}
	run(t, l, r)

	h.Veths(t, far, "vif1.0")
	link, err := h.Links().LinkByName("vif1.0")
	if err != nil {
		t.Fatal(err)
	}
	index := link.Attrs().Index
	h.Run(t, "ip", "link", "set", "vif1.0", "up") // of which no uevent tells
	h.Run(t, "ip", "link", "set", "vif1.0", "down")
	h.Run(t, "ip", "link", "set", "vif1.0", "name", "web0")
	h.Unplug(t, "web0")
	sentinel(t, h, r, "vif2.0")

	var got []vif.Event
	for _, e := range r.of("", index) {
		if n := len(e.Env); n < 5 || e.Env["SEQNUM"] == "" || e.Env["ACTION"] != e.Action {
			t.Errorf("%s has the properties %v", e.Action, e.Env)
		}
		e.Env = nil
		got = append(got, e)
	}
	const path = "/devices/virtual/net/"
	want := []vif.Event{
		{Action: vif.Add, Subsystem: "net", Devpath: path + "vif1.0", Interface: "vif1.0", Ifindex: index},
		{Action: vif.Move, Subsystem: "net", Devpath: path + "web0", DevpathOld: path + "vif1.0", Interface: "web0", Ifindex: index},
		{Action: vif.Remove, Subsystem: "net", Devpath: path + "web0", Interface: "web0", Ifindex: index},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	s := l.Stats()
	if s.Queues < 4 || s.Events < 4 || s.Forged != 0 || s.Malformed != 0 || s.Overflows != 0 {
		t.Errorf("unexpected %+v", s)
	}
	if sum := s.Events + s.Queues + s.Others + s.Forged + s.Malformed; s.Received != sum {
		t.Errorf("%d received, but %d accounted for: %+v", s.Received, sum, s)
	}
}

// TestNoneLost plugs in 500 vifs as fast as the kernel takes them, under the eyes of the reader.
func TestNoneLost(t *testing.T) {
	t.Parallel()
	const n = 500
	h := testhost.New(t)
	l, r := open(t, h, Kernel), &recorder{}
	run(t, l, r)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("vif%d.0", i+1)
	}
	h.Veths(t, testhost.New(t), names...)
	sentinel(t, h, r, "last")

	added := make(map[string]int)
	for _, c := range r.all() {
		if c.event != nil && c.event.Action == vif.Add {
			added[c.event.Interface]++
		}
	}
	// Only root of the first user namespace gets the buffer that is asked for; others are told when it was too small.
	if _, forced := l.Buffer(); l.Stats().Overflows > 0 {
		if forced {
			t.Errorf("overflowed with the buffer forced: %+v", l.Stats())
		}
		testhost.Wait(t, "Overflow", func() bool { return r.overflows() > 0 })
		return
	}
	for _, name := range names {
		if added[name] != 1 {
			t.Errorf("%s was added %d times", name, added[name])
		}
	}
}

// TestOverflow fills a tiny queue that nobody reads.
func TestOverflow(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	l, r := open(t, h, Kernel, ReceiveBuffer(8<<10)), &recorder{}
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("vif%d.0", i+1)
	}
	h.Veths(t, far, names...)
	run(t, l, r)
	testhost.Wait(t, "Overflow", func() bool { return r.overflows() > 0 })
	sentinel(t, h, r, "after")

	calls := r.all()
	at := slices.IndexFunc(calls, func(c told) bool { return c.event == nil })
	if at == 0 || at == len(calls)-1 {
		t.Errorf("Overflow was call %d of %d; want it behind what was queued and before what came later", at+1, len(calls))
	}
	for i, c := range calls[:at] {
		if c.event.Interface != names[i] {
			t.Errorf("event %d is of %s, want %s: the oldest are queued, in order", i, c.event.Interface, names[i])
		}
	}
	if lost := len(names) - at; lost < 1 {
		t.Errorf("nothing was lost of %d", len(names))
	}
	if n := r.overflows(); n != 1 || l.Stats().Overflows != 1 {
		t.Errorf("Overflow was called %d times, and counted %d times, want 1", n, l.Stats().Overflows)
	}
}

// TestOverflowOfAStalledSink does the same while Run is held up in the middle of an event.
func TestOverflowOfAStalledSink(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	l, r := open(t, h, Kernel, ReceiveBuffer(8<<10)), &recorder{}
	run(t, l, r)
	r.mu.Lock()
	h.Veths(t, far, "vif1.0")
	testhost.Wait(t, "the reader to be held up", func() bool { return l.Stats().Events == 1 })
	for i := range 50 {
		h.Veths(t, far, fmt.Sprintf("vif%d.0", i+2))
	}
	r.mu.Unlock()
	testhost.Wait(t, "Overflow", func() bool { return r.overflows() > 0 })
	sentinel(t, h, r, "after")
	if n, c := r.overflows(), l.Stats().Overflows; n < 1 || uint64(n) > c {
		t.Errorf("Overflow was called %d times for %d overflows", n, c)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := open(t, testhost.New(t), Kernel)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- l.Run(ctx, &recorder{}) }()
		cancel()
		select {
		case err := <-result:
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("Run: %v, want context.Canceled", err)
			}
		case <-time.After(testhost.Patience):
			t.Fatal("Run goes on after its context was cancelled")
		}
	}
}

func TestRunEndsWithClose(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	l, r := open(t, h, Kernel), &recorder{}
	result := make(chan error, 1)
	go func() { result <- l.Run(t.Context(), r) }()
	sentinel(t, h, r, "vif1.0")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-result:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Run: %v, want net.ErrClosed", err)
		}
	case <-time.After(testhost.Patience):
		t.Fatal("Run goes on after Close")
	}
}

// TestLeavesNothingOpen is not parallel: it counts the process's descriptors and goroutines.
func TestLeavesNothingOpen(t *testing.T) {
	h := testhost.New(t)
	cycle := func() {
		h.Do(t, func() error {
			l, err := Open(Kernel)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			result := make(chan error, 1)
			go func() { result <- l.Run(ctx, &recorder{}) }()
			cancel()
			<-result
			return l.Close()
		})
	}
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	cycle() // what the runtime opens once
	files, routines := descriptors(), runtime.NumGoroutine()
	for range 100 {
		cycle()
	}
	if n := descriptors(); n > files {
		t.Errorf("%d descriptors are open, %d were before", n, files)
	}
	testhost.Wait(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= routines })
}

func TestOpenRefusesUnusableBuffer(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	l := open(t, h, Kernel, ReceiveBuffer(1))
	if size, _ := l.Buffer(); size < 1<<10 {
		t.Errorf("buffer of %d bytes, want the kernel's least", size)
	}
}
