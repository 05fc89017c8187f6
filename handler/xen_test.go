package handler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"vifd/internal/vif"
	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// frozen is a xenstored that takes requests and answers none.
type frozen struct {
	Xenstore
	asked, asking, most atomic.Int32
	well                atomic.Bool
}

func (f *frozen) ReadMany(ctx context.Context, paths ...string) ([]xenstore.Value, error) {
	if f.well.Load() {
		return make([]xenstore.Value, len(paths)), nil
	}
	f.asked.Add(1)
	f.most.Store(max(f.most.Load(), f.asking.Add(1)))
	<-ctx.Done()
	f.asking.Add(-1)
	return nil, ctx.Err()
}

// TestPatience: of a thousand vifs one waits for a xenstored that does not answer, and the others go on without it.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store frozen
		h := &Handler{cfg: Config{Xenstore: &store}, queue: newQueue(), known: map[int]*known{
			7: {own: own{Xen: &xenState{}}, plan: Plan{Retry: true}}, 8: {own: own{Xen: &xenState{}}}, 9: {plan: Plan{Retry: true}},
		}}
		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), xenTimeout)
			defer cancel()
			_, err := patient{h}.ReadMany(ctx, "x")
			return err
		}
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		begin := time.Now()
		var workers sync.WaitGroup
		var vifs atomic.Int32
		for range DefaultWorkers {
			workers.Go(func() {
				for vifs.Add(1) <= 1000 {
					if ask() == nil {
						t.Error("a frozen xenstored has answered")
					}
					<-time.After(100 * time.Millisecond) // the rest of a round, by the bubble's clock
				}
			})
		}
		workers.Wait()
		took := time.Since(begin)
		if cycle := xenTimeout + xenPause; store.most.Load() > 1 || store.asked.Load() > int32(took/cycle)+2 || took > 3*cycle {
			t.Errorf("%d asked in %v, %d of them at once", store.asked.Load(), took, store.most.Load())
		}
		// It is asked again soon, and then by all at once.
		store.well.Store(true)
		<-time.After(xenTimeout + xenPause)
		for range 3 {
			if err := ask(); err != nil {
				t.Errorf("it is well again: %v", err)
			}
		}
		if r, _ := h.queue.pop(); r.ifindex != 7 || len(h.queue.items) != 1 {
			t.Errorf("looked at anew: %d, of %d", r.ifindex, len(h.queue.items))
		}
	})
}

// TestStateOf: what is remembered of a device is never another's.
func TestStateOf(t *testing.T) {
	three := xen.DeviceOf(vif.XenName{Domid: 3})
	state := xenState{Device: three, As: "vif-bridge", Offline: true, Memory: xen.Memory{"mac": "x"}}
	if got := state.of(three, false); got.As == "" || got.Memory == nil || !got.Offline {
		t.Errorf("of the same device: %+v", got)
	}
	for _, other := range []struct {
		device   xen.Device
		emulated bool
	}{{xen.DeviceOf(vif.XenName{Domid: 4}), false}, {xen.DeviceOf(vif.XenName{Domid: 3, Vifid: 1}), false}, {three, true}} {
		if got := state.of(other.device, other.emulated); got.As != "" || got.Memory != nil || got.Offline || got.Device != other.device {
			t.Errorf("of another: %+v", got)
		}
	}
}

// TestQueueKeepsTheOrderOfNews: of offline and online that wait for one round the later counts, and a script's name stays.
func TestQueueKeepsTheOrderOfNews(t *testing.T) {
	three := xen.DeviceOf(vif.XenName{Domid: 3})
	call := func(as string) news { return news{device: three, as: as} }
	off := func(as string) news { return news{device: three, as: as, offline: true} }
	for _, tc := range []struct {
		come    []news
		as      string
		offline bool
	}{
		{[]news{call("vif-bridge"), off("")}, "vif-bridge", true},
		{[]news{off("vif-bridge"), call("")}, "vif-bridge", false},
		{[]news{call("vif-bridge"), off(""), call(asItself)}, "vif-bridge", false},
		{[]news{call(asItself), call("vif-nat")}, "vif-nat", false},
	} {
		// Those that wait, and those that come while the first is worked on.
		for _, busy := range []bool{false, true} {
			q, k := newQueue(), &known{}
			for i, n := range tc.come {
				q.pushNews(7, n, nil)
				if busy && i == 0 {
					r, _ := q.pop()
					r.news.note(k)
					for _, n := range tc.come[1:] {
						q.pushNews(7, n, nil)
					}
					q.done(r, k.outcome())
					break
				}
			}
			r, _ := q.pop()
			r.news.note(k)
			if k.own.Xen.As != tc.as || k.own.Xen.Offline != tc.offline {
				t.Errorf("%+v, busy %v: %+v", tc.come, busy, k.own.Xen)
			}
		}
	}
}

// unwatched is a xenstored that refuses to be watched.
type unwatched struct {
	Xenstore
	asked atomic.Int32
}

func (*unwatched) Present() bool { return true }

func (u *unwatched) Watch(context.Context, string, func(string)) error {
	u.asked.Add(1)
	return &xenstore.Error{Op: "watch", Path: xen.Backends, Errno: syscall.EDQUOT}
}

// TestWatchRefused: a domain that has no watch left goes on without, and asks again.
func TestWatchRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store unwatched
		h := &Handler{cfg: Config{Xenstore: &store, Log: slog.New(slog.DiscardHandler)}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*watchAgain+time.Second)
		defer cancel()
		if err := h.Watch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Watch() = %v: it has ended before its time", err)
		}
		if n := store.asked.Load(); n != 4 {
			t.Errorf("asked %d times in 3 minutes, want 4", n)
		}
	})
}
