package handler

import (
	"context"
	"errors"
	"time"

	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// Watch looks at vifs anew when their guests' configurations change, until ctx ends. A xenstored that comes later is noticed with the
// first interface.
func (h *Handler) Watch(ctx context.Context) error {
	h.isXen()
	select {
	case <-h.xenstored.arrival():
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		err := h.cfg.Xenstore.Watch(ctx, xen.Backends, h.changed)
		var refused *xenstore.Error
		if !errors.As(err, &refused) {
			return err
		}
		// A driver domain has as many watches as its quota says. Without ours all else is done still.
		h.cfg.Log.Warn("xenstore not watched: changes of a guest's configuration take effect with its next event", "err", err)
		select {
		case <-time.After(watchAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watchAgain is how long after a refusal xenstored is asked again to be watched.
const watchAgain = time.Minute

// changed takes the path of something that has changed in xenstore below the backends' folder, or that folder itself where anything
// may have changed.
func (h *Handler) changed(path string) {
	h.heard(nil)
	device, key, all := xen.Watched(path)
	h.mu.Lock()
	// Which keys count is read here, and not of the rules: an installation that keeps those from being read asks xenstore.
	var look []int
	if all || xen.Configures(key) || h.asked.names(key) {
		for ifindex, k := range h.known {
			if x := k.own.Xen; x != nil && (all || x.Same(device)) {
				look = append(look, ifindex)
			}
		}
	}
	h.mu.Unlock()
	for _, ifindex := range look {
		h.queue.push(ifindex, nil, nil)
	}
}
