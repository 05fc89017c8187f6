package handler

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"vifd/internal/conntrack"
	"vifd/internal/testhost"
)

// slowFlows is connection tracking that takes its time for the first list.
type slowFlows struct {
	lists   atomic.Int32
	asked   chan struct{} // closed when the first list has been asked for
	release chan struct{} // closed when it may come
	flow    conntrack.Flow
	mu      sync.Mutex
	deleted []conntrack.Flow
}

func (f *slowFlows) Flows(_ context.Context, of []netip.Prefix) ([]conntrack.Flow, error) {
	if f.lists.Add(1) == 1 {
		close(f.asked)
		<-f.release
		return nil, nil
	}
	if contains(of, netip.PrefixFrom(f.flow.Src, 32)) {
		return []conntrack.Flow{f.flow}, nil
	}
	return nil, nil
}

func (f *slowFlows) Delete(flow conntrack.Flow) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deleted = append(f.deleted, flow)
	return true, nil
}

func (f *slowFlows) Close() error { return nil }

// TestTighteningsThatWaitShareOneList: with 100 000 connections each list takes a fifth of a second.
func TestTighteningsThatWaitShareOneList(t *testing.T) {
	t.Parallel()
	flows := &slowFlows{asked: make(chan struct{}), release: make(chan struct{}), flow: conntrack.Flow{Src: netip.MustParseAddr("10.9.0.7")}}
	dial := func() (Flows, error) { return flows, nil }
	var q tightener
	var all sync.WaitGroup
	tighten := func(last byte) {
		all.Go(func() {
			gone := []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 0, last}), 32)}
			if _, err := q.carryOut(t.Context(), dial, newTightening(nil, nil, gone)); err != nil {
				t.Error(err)
			}
		})
	}
	tighten(1)
	<-flows.asked
	for last := range byte(20) {
		tighten(last)
	}
	testhost.Wait(t, "all to wait", func() bool { return q.queue.Waiting() == 20 })
	close(flows.release)
	all.Wait()
	if n := flows.lists.Load(); n != 2 {
		t.Errorf("%d lists for 21 tightenings, want one for the first and one for the others", n)
	}
	if len(flows.deleted) != 1 || flows.deleted[0].Src != flows.flow.Src {
		t.Errorf("ended %v, want the one connection of a gone address", flows.deleted)
	}
}
