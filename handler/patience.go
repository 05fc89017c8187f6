package handler

import (
	"context"
	"errors"
	"sync"
	"time"

	"vifd/internal/xenstore"
)

// xenTimeout is how long xenstored has to answer what one round asks. It answers within a millisecond, unless it is ill.
const xenTimeout = 5 * time.Second

// xenPause is for how long an ill xenstored is not asked again: a thousand vifs would otherwise wait for it one after the other.
const xenPause = time.Second

// patience remembers that xenstored did not answer.
type patience struct {
	mu    sync.Mutex
	err   error         // nil: it did
	until time.Time     // when it is asked again
	here  chan struct{} // closed when there is a xenstored for the first time
}

// arrival is closed once there is, or has been, a xenstored.
func (p *patience) arrival() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.here == nil {
		p.here = make(chan struct{})
	}
	return p.here
}

// lost is the error of a moment ago. Nil: the caller is to ask, and to say what it heard; while it does that of one who has been ill,
// nobody else is kept waiting.
func (p *patience) lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	if time.Now().Before(p.until) {
		return p.err
	}
	p.until = time.Now().Add(xenTimeout + xenPause) // beyond which the caller does not wait
	return nil
}

// heard notes what came of asking: an error that others would run into as well, or any other word. Recovered: by that one it is well
// again, who has been ill.
func (p *patience) heard(err error) (recovered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, xenstore.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		p.err, p.until = err, time.Now().Add(xenPause)
	case errors.Is(err, context.Canceled): // the caller's own end
	default:
		recovered, p.err = p.err != nil, nil
	}
	return recovered
}

// heard notes what came of asking xenstored. Once it has recovered, those that it could not answer need not wait until they are tried again:
// one that was frozen has no other way to say so.
func (h *Handler) heard(err error) {
	if !h.xenstored.heard(err) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for ifindex, k := range h.known {
		if k.own.Xen != nil && k.plan.Retry {
			h.queue.push(ifindex, nil, nil)
		}
	}
}

// patient asks and tells a xenstored that may be ill.
type patient struct{ h *Handler }

func (r patient) Do(ctx context.Context, f func(*xenstore.Tx) error) error {
	if err := r.h.xenstored.lost(); err != nil {
		return err
	}
	err := r.h.cfg.Xenstore.Do(ctx, f)
	r.h.heard(err)
	return err
}

func (r patient) ReadMany(ctx context.Context, paths ...string) ([]xenstore.Value, error) {
	if err := r.h.xenstored.lost(); err != nil {
		return nil, err
	}
	values, err := r.h.cfg.Xenstore.ReadMany(ctx, paths...)
	r.h.heard(err)
	return values, err
}
