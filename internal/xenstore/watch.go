package xenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A watch whose connection was lost, or not to be had, is tried again after pauses that double; after one that held for longer than
// the longest pause they begin anew.
const (
	watchPause    = 20 * time.Millisecond
	maxWatchPause = 5 * time.Second
)

// maxEvents is how many paths may wait for a watch's function. A path is 4 KiB long at most.
const maxEvents = 256

// Watch calls f with the path of each node at path or below that was written, made or removed, or whose permissions were set, until
// ctx ends; then it returns ctx's error. Path may also be @introduceDomain or @releaseDomain.
//
// The first call, with path itself, comes at once, whether or not path exists; and one more like it each time the connection was made
// anew, since meanwhile anything may have changed: so a call with path itself says to look at all below it. Events may be spurious.
// A path that waits for f already is not queued again, and when more than 256 wait they become one call with path itself.
//
// Watch outlives xenstored: while nobody answers it tries again, at growing intervals up to 5 s. It returns early with ErrClosed, and
// with the refusal when xenstored does not want to watch path. Calls of f come one after another, on the goroutine that called
// Watch, so f may make requests; while it runs, events wait.
func (s *Store) Watch(ctx context.Context, path string, f func(path string)) error {
	token := strconv.FormatUint(s.tokens.Add(1), 10)
	payload, err := pathPayload(path, token)
	if err != nil {
		return explain("watch", path, false, err)
	}
	w := watch{path: path, token: token, payload: payload, call: f}
	for pause := watchPause; ; pause = min(2*pause, maxWatchPause) {
		began := time.Now()
		err := s.watch(ctx, w)
		var refused *Error
		switch {
		case ctx.Err() != nil:
			return explain("watch", path, false, ctx.Err())
		case errors.Is(err, ErrClosed), errors.As(err, &refused), errors.Is(err, ErrTooLong):
			return explain("watch", path, false, err)
		}
		if time.Since(began) > maxWatchPause {
			pause = watchPause
		}
		if err := s.pause(ctx, pause); err != nil {
			return explain("watch", path, false, err)
		}
	}
}

// pause sleeps until the Store is closed, or ctx ends: then it returns why.
func (s *Store) pause(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if sleep(ctx, d) != nil {
		return s.why(ctx)
	}
	return nil
}

type watch struct {
	path, token string
	payload     []byte // both, for WATCH and UNWATCH
	call        func(string)
}

// watch watches as long as one connection holds.
func (s *Store) watch(ctx context.Context, w watch) error {
	c, err := s.connection(ctx)
	if err != nil {
		return err
	}
	events, err := c.subscribe(w)
	if err != nil {
		return err
	}
	defer c.unsubscribe(w)
	unwatch := message{kind: kindUnwatch, payload: w.payload}
	a, err := c.one(ctx, message{kind: kindWatch, payload: w.payload}, func(answer) message { return unwatch })
	if err != nil {
		return err
	}
	if a.refused != nil {
		return a.refused
	}
	defer c.tidy(unwatch)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done: // what still waits is covered by the first call of the next connection
			return &lostError{cause: errHungUp}
		case <-events.waiting:
		}
		for _, path := range events.take() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.call(path)
		}
	}
}

// subscribe makes the queue into which the reader puts a watch's events, before the watch is asked for: the first may be there before
// the answer.
func (c *conn) subscribe(w watch) (*queue, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, &lostError{cause: c.err}
	}
	q := &queue{watched: w.path, waiting: make(chan struct{}, 1)}
	c.queues[w.token] = q
	return q, nil
}

func (c *conn) unsubscribe(w watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.queues, w.token)
}

// event is a WATCH_EVENT: a path and a token, each ended by a NUL, and perhaps more (the kernel's watch_fired). A token that nobody has is
// of a watch that has ended.
func (c *conn) event(payload []byte) error {
	path, rest, ok := bytes.Cut(payload, []byte{0})
	token, _, ended := bytes.Cut(rest, []byte{0})
	if !ok || !ended {
		return fmt.Errorf("%w: an event of %d bytes without path and token", errGarbage, len(payload))
	}
	c.mu.Lock()
	q := c.queues[string(token)]
	c.mu.Unlock()
	if q != nil {
		q.add(string(path))
	}
	return nil
}

// queue is what a watch's function has still to be told. The reader, which fills it, never waits.
type queue struct {
	watched string
	waiting chan struct{} // of capacity 1: full when there are paths

	mu    sync.Mutex
	paths []string
}

func (q *queue) add(path string) {
	q.mu.Lock()
	if !slices.Contains(q.paths, path) {
		if len(q.paths) == maxEvents {
			q.paths, path = nil, q.watched
		}
		q.paths = append(q.paths, path)
	}
	q.mu.Unlock()
	select {
	case q.waiting <- struct{}{}:
	default:
	}
}

func (q *queue) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	paths := q.paths
	q.paths = nil
	return paths
}
