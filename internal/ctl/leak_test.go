package ctl

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"vifd/internal/vif"
)

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Not parallel: it counts what the whole process holds.
func TestNothingLeaks(t *testing.T) {
	round := func() {
		s := serve(t, echo, nil)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, err := NewClient(s.dir).Event(t.Context(), vif.Event{Ifindex: i}); err != nil {
					t.Error(err)
				}
			})
		}
		silent := dialRaw(t, s.dir)
		wg.Wait()
		s.stop()
		_ = silent.Close()
		if _, err := Listen(t.Context(), s.dir+"/none"); err == nil {
			t.Error("listens in a folder that is not there")
		}
	}
	round() // what is made once (the poller) is made
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 20 {
		round()
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if got := openFiles(t); got > files {
		t.Errorf("%d files are open, %d before", got, files)
	}
}

func BenchmarkEvent(b *testing.B) {
	dir := b.TempDir()
	s, err := Listen(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	ctx := b.Context()
	go func() { done <- s.Serve(ctx, handlerFunc(echo)) }()
	b.Cleanup(func() {
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	c := NewClient(dir)
	event := vif.Event{Action: vif.Add, Interface: "vif1.0", Ifindex: 7, Env: map[string]string{"INTERFACE": "vif1.0", "IFINDEX": "7"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Event(ctx, event); err != nil {
			b.Fatal(err)
		}
	}
}
