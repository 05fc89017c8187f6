package uevent

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/nlsock"
	"vifd/internal/testhost"
	"vifd/internal/vif"
)

// counter is a Sink that counts, and tells of every event.
type counter struct {
	n    int
	told chan struct{}
}

func (c *counter) Event(vif.Event) {
	c.n++
	if c.told != nil {
		c.told <- struct{}{}
	}
}

func (c *counter) Overflow() {}

func message(data []byte, genuine bool) nlsock.Message {
	m := nlsock.Message{Data: data, Groups: 1, Cred: unix.Ucred{}, HasCred: true}
	if !genuine {
		m.Port = 1
	}
	return m
}

func messages() []struct {
	name   string
	m      nlsock.Message
	allocs float64 // at most
} {
	event := kernelMessage("add", "vif1.0")
	return []struct {
		name   string
		m      nlsock.Message
		allocs float64
	}{
		{"event", message(event, true), 3}, // the text, the map and its entries
		{"queue", message([]byte("add@/devices/virtual/net/vif1.0/queues/rx-0\x00ACTION=add\x00"), true), 0},
		{"forged", message(event, false), 0},
	}
}

// TestAllocations is not parallel: AllocsPerRun counts the whole process's.
func TestAllocations(t *testing.T) {
	for _, tc := range messages() {
		l, sink := &Listener{source: Kernel}, &counter{}
		if got := testing.AllocsPerRun(100, func() { l.handle(tc.m, sink) }); got > tc.allocs {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, got, tc.allocs)
		}
	}
}

// BenchmarkHandle is what a message costs once it has been received.
func BenchmarkHandle(b *testing.B) {
	for _, bc := range messages() {
		b.Run(bc.name, func(b *testing.B) {
			l, sink := &Listener{source: Kernel}, &counter{}
			b.ReportAllocs()
			for b.Loop() {
				l.handle(bc.m, sink)
			}
		})
	}
}

// BenchmarkRun is the way from the kernel to the Sink, the renaming that causes the event included.
func BenchmarkRun(b *testing.B) {
	h := testhost.New(b)
	h.Veths(b, testhost.New(b), "vif1.0")
	link, err := h.Links().LinkByName("vif1.0")
	if err != nil {
		b.Fatal(err)
	}
	l, sink := open(b, h, Kernel), &counter{told: make(chan struct{})}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.Run(ctx, sink)
	}()
	names := [2]string{"vif1.1", "vif1.0"}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := h.Links().LinkSetName(link, names[i%2]); err != nil {
			b.Fatal(err)
		}
		<-sink.told
		i++
	}
	cancel()
	<-ended
}
