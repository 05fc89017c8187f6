package handler

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/ctl"
	"vifd/internal/rtnl"
)

// ErrNoVif says that no interface has a name, and that nothing is known of one that had it.
var ErrNoVif = errors.New("no such interface")

// Sync looks at the interfaces of these names now, and returns when that is done; without names at everything, as Resync does. A name that an
// interface had which has gone counts, too. ErrNoVif: nothing was looked at.
func (h *Handler) Sync(ctx context.Context, names []string) ([]ctl.Outcome, error) {
	if len(names) == 0 {
		return h.Resync(ctx, nil)
	}
	var ifindexes []int
	for _, name := range names {
		some, err := h.called(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ifindexes = append(ifindexes, some...)
	}
	done := make(chan ctl.Outcome, len(ifindexes))
	for _, ifindex := range ifindexes {
		h.queue.push(ifindex, nil, done)
	}
	outs, err := h.queue.await(ctx, len(ifindexes), done)
	if err != nil {
		return nil, fmt.Errorf("sync: %d of %d vifs looked at: %w", len(outs), len(ifindexes), err)
	}
	return outs, nil
}

// SyncOnce is Sync for a process that works without the listener, side by side with others that do.
func SyncOnce(ctx context.Context, cfg Config, rs *Ruleset, names []string) ([]ctl.Outcome, error) {
	cfg.Workers = 1
	h, err := New(cfg, rs)
	if err != nil {
		return nil, err
	}
	var outs []ctl.Outcome
	for _, name := range names {
		ifindexes, err := h.called(name)
		if err != nil {
			return outs, fmt.Errorf("%s: %w", name, err)
		}
		for _, ifindex := range ifindexes {
			out, err := once(ctx, cfg, rs, name, round{ifindex: ifindex})
			if err != nil {
				return outs, err
			}
			outs = append(outs, out)
		}
	}
	return outs, nil
}

// called returns the ifindex of the interface of a name, and those of others that had it and are remembered.
func (h *Handler) called(name string) ([]int, error) {
	conn := <-h.conns
	l, err := conn.LinkByName(name)
	h.conns <- conn
	var found []int
	switch {
	case err == nil:
		found = append(found, l.Index)
	case !errors.Is(err, rtnl.ErrNotFound):
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for ifindex, k := range h.known {
		if k.record.Interface == name && (err != nil || ifindex != l.Index) {
			found = append(found, ifindex)
		}
	}
	if len(found) == 0 {
		return nil, ErrNoVif
	}
	return found, nil
}
