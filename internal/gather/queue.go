package gather

import (
	"sync"
	"time"
)

// Queue gathers requests. The zero Queue waits for nobody.
type Queue[R any] struct {
	// Gap and Wait have a request that comes less than Gap after the last group wait that long for others. One that comes alone does not wait.
	Gap, Wait time.Duration

	ended time.Time // when the last group had been carried out; guarded by the lock that Submit is given

	mu      sync.Mutex
	waiting []*item[R]
}

type item[R any] struct {
	request *R
	done    bool // guarded by the lock that Submit is given
}

// Submit queues r and sees to it that it is carried out. Whoever finds nobody at work, which is who holds the lock, carries out what has
// gathered, his own request among it; the others find theirs done.
func (q *Queue[R]) Submit(work sync.Locker, r *R, carryOut func(group []*R)) {
	mine := &item[R]{request: r}
	q.mu.Lock()
	q.waiting = append(q.waiting, mine)
	q.mu.Unlock()

	work.Lock()
	defer work.Unlock()
	if mine.done {
		return
	}
	if time.Since(q.ended) < q.Gap {
		time.Sleep(q.Wait)
	}
	q.mu.Lock()
	items := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	group := make([]*R, len(items))
	for i, it := range items {
		group[i], it.done = it.request, true
	}
	carryOut(group)
	q.ended = time.Now()
}

// Waiting is the number of requests that nobody has taken up yet.
func (q *Queue[R]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}
