package handler

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"vifd/internal/ctl"
	"vifd/internal/vif"
)

// TestQueueCoalesces: what comes while a vif waits is the same round; what comes while it is worked on is one more.
func TestQueueCoalesces(t *testing.T) {
	q := newQueue()
	first, second := &vif.Event{Action: "add"}, &vif.Event{Action: "move"}
	q.push(7, first, nil)
	q.push(7, second, nil)
	q.push(7, nil, nil)
	r, ok := q.pop()
	if !ok || r.ifindex != 7 || r.event != second {
		t.Fatalf("pop() = %+v, %v; want vif 7 with its latest event", r, ok)
	}
	q.push(7, nil, nil)
	q.push(7, nil, nil)
	q.push(8, nil, nil)
	// 7 is busy: the next is 8.
	other, _ := q.pop()
	if other.ifindex != 8 {
		t.Fatalf("pop() = vif %d while 7 is being worked on, want 8", other.ifindex)
	}
	q.done(other, ctl.Outcome{})
	q.done(r, ctl.Outcome{})
	again, _ := q.pop()
	if again.ifindex != 7 {
		t.Fatalf("pop() = vif %d, want one more round for 7", again.ifindex)
	}
	q.done(again, ctl.Outcome{})
	if len(q.items) != 0 || len(q.waiting) != 0 {
		t.Errorf("left in the queue: %v, %v", q.items, q.waiting)
	}
}

// TestQueueAnswersRoundsThatBeganAfter: who asks while a vif is worked on gets the outcome of the next round.
func TestQueueAnswersRoundsThatBeganAfter(t *testing.T) {
	q := newQueue()
	early, late := make(chan ctl.Outcome, 1), make(chan ctl.Outcome, 1)
	q.push(1, nil, early)
	r, _ := q.pop()
	q.push(1, nil, late)
	q.done(r, ctl.Outcome{Rule: "first"})
	if got := <-early; got.Rule != "first" {
		t.Errorf("the early one got %+v", got)
	}
	select {
	case got := <-late:
		t.Fatalf("the late one got %+v of a round that began before it asked", got)
	default:
	}
	r, _ = q.pop()
	q.done(r, ctl.Outcome{Rule: "second"})
	if got := <-late; got.Rule != "second" {
		t.Errorf("the late one got %+v", got)
	}
}

func TestQueueClose(t *testing.T) {
	q := newQueue()
	q.push(1, nil, nil)
	q.close()
	q.close()
	if r, ok := q.pop(); ok {
		t.Errorf("pop() = %+v after close", r)
	}
	q.end()
	if _, err := q.await(context.Background(), 1, make(chan ctl.Outcome)); !errors.Is(err, ErrStopped) {
		t.Errorf("await() = %v, want %v", err, ErrStopped)
	}
	done := make(chan ctl.Outcome, 1)
	done <- ctl.Outcome{Rule: "last"}
	if outs, err := q.await(context.Background(), 1, done); err != nil || len(outs) != 1 {
		t.Errorf("await() = %v, %v, though the round was the last that ended", outs, err)
	}
}

// TestQueueUnderLoad lets many push and many work: no vif is ever with two workers, and none is forgotten.
func TestQueueUnderLoad(t *testing.T) {
	const vifs, pushers, workers, pushes = 20, 8, 8, 2000
	q := newQueue()
	var mu sync.Mutex
	busy := make(map[int]bool)
	var crew sync.WaitGroup
	for range workers {
		crew.Go(func() {
			for {
				r, ok := q.pop()
				if !ok {
					return
				}
				mu.Lock()
				if busy[r.ifindex] {
					t.Errorf("vif %d is with two workers", r.ifindex)
				}
				busy[r.ifindex] = true
				mu.Unlock()
				mu.Lock()
				busy[r.ifindex] = false
				mu.Unlock()
				q.done(r, ctl.Outcome{Ifindex: r.ifindex})
			}
		})
	}
	var sources sync.WaitGroup
	for seed := range uint64(pushers) {
		sources.Go(func() {
			dice := rand.New(rand.NewPCG(seed, 1))
			for range pushes {
				ifindex := 1 + dice.IntN(vifs)
				done := make(chan ctl.Outcome, 1)
				q.push(ifindex, nil, done)
				if out := <-done; out.Ifindex != ifindex {
					t.Errorf("asked for %d, got %d", ifindex, out.Ifindex)
				}
			}
		})
	}
	sources.Wait()
	q.close()
	crew.Wait()
}
