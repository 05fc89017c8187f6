package handler

import (
	"context"
	"errors"
	"sync"

	"vifd/internal/ctl"
	"vifd/internal/vif"
)

// queue holds the vifs that somebody has to look at, each once: what comes for a vif that waits already is the same round,
// what comes for one that is being worked on makes one more.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond
	items   map[int]*item // by ifindex; waiting, being worked on, or both
	waiting []int         // in the order in which they came
	closed  bool
	ended   chan struct{} // closed when nobody works on any of them any more
}

type item struct {
	event   *vif.Event // the latest that says more than "look"
	news    *news      // what Xen says of it
	waits   bool       // in waiting
	busy    bool       // a worker has it
	waiters []chan<- ctl.Outcome
}

func newQueue() *queue {
	q := &queue{items: make(map[int]*item), ended: make(chan struct{})}
	q.more.L = &q.mu
	return q
}

// push asks for a round about ifindex. event may be nil; done, if it is not, gets the outcome of a round that began after
// this call, and must have room for it. After close nothing comes of it.
func (q *queue) push(ifindex int, event *vif.Event, done chan<- ctl.Outcome) {
	q.add(ifindex, event, nil, done)
}

// pushNews is push with what Xen says of the vif. Of two that wait for one round the later counts, but a call stays one.
func (q *queue) pushNews(ifindex int, n news, done chan<- ctl.Outcome) {
	q.add(ifindex, nil, &n, done)
}

func (q *queue) add(ifindex int, event *vif.Event, n *news, done chan<- ctl.Outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	it := q.items[ifindex]
	if it == nil {
		it = &item{}
		q.items[ifindex] = it
	}
	if event != nil {
		it.event = event
	}
	if n != nil {
		if it.news != nil {
			n.as = calledBy(it.news.as, n.as)
		}
		it.news = n
	}
	if done != nil {
		it.waiters = append(it.waiters, done)
	}
	if !it.waits {
		it.waits = true
		if !it.busy {
			q.waiting = append(q.waiting, ifindex)
			q.more.Signal()
		}
	}
}

// round is one vif to look at.
type round struct {
	ifindex int
	event   *vif.Event
	news    *news
	waiters []chan<- ctl.Outcome
}

// pop waits for a vif to look at; false means that the queue was closed.
func (q *queue) pop() (round, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return round{}, false
	}
	ifindex := q.waiting[0]
	q.waiting = q.waiting[1:]
	it := q.items[ifindex]
	r := round{ifindex: ifindex, event: it.event, news: it.news, waiters: it.waiters}
	it.event, it.news, it.waiters, it.waits, it.busy = nil, nil, nil, false, true
	return r, true
}

// done ends a round.
func (q *queue) done(r round, out ctl.Outcome) {
	for _, w := range r.waiters {
		w <- out
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[r.ifindex]
	it.busy = false
	if it.waits {
		q.waiting = append(q.waiting, r.ifindex)
		q.more.Signal()
		return
	}
	delete(q.items, r.ifindex)
}

// close has no more rounds begin.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// end says that the rounds that had begun have ended, too. It is called once.
func (q *queue) end() { close(q.ended) }

// ErrStopped says that the handler ended before it came to a vif. It does not work on it: the caller may.
var ErrStopped = errors.New("the handler has stopped")

// await receives n outcomes.
func (q *queue) await(ctx context.Context, n int, done <-chan ctl.Outcome) ([]ctl.Outcome, error) {
	outs := make([]ctl.Outcome, 0, n)
	for range n {
		select {
		case out := <-done:
			outs = append(outs, out)
		case <-q.ended:
			// Both are ready, where the last round was the one that is waited for.
			select {
			case out := <-done:
				outs = append(outs, out)
			default:
				return outs, ErrStopped
			}
		case <-ctx.Done():
			return outs, ctx.Err()
		}
	}
	return outs, nil
}
