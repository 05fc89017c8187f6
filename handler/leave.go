package handler

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"vifd/actions/bridge"
	"vifd/internal/ctl"
	"vifd/internal/rtnl"
)

// forget cleans up after a vif that has gone: its elements, the bridge that was made for it, its record, in this order.
func (h *Handler) forget(ctx context.Context, conn Links, ifindex int, k known) ctl.Outcome {
	name := k.record.Interface
	if name == "" && k.event != nil {
		name = k.event.Interface // one that came and went before anybody looked
	}
	if err := h.cleanUp(ctx, conn, name, &k); err != nil {
		return h.fail(ifindex, k, err)
	}
	h.takeDown(ctx, &k, &Plan{})
	if k.stored {
		if err := h.cfg.Records.Delete(ifindex); err != nil {
			return h.fail(ifindex, k, fmt.Errorf("delete record: %w", err))
		}
	}
	h.mu.Lock()
	delete(h.known, ifindex)
	delete(h.lacking, ifindex)
	h.mu.Unlock()
	if k.record.Interface != "" && !k.host {
		h.cfg.Log.Info("removed", "iface", name, "ifindex", ifindex, "rule", k.record.Rule)
	}
	return ctl.Outcome{Interface: name, Ifindex: ifindex}
}

func (h *Handler) cleanUp(ctx context.Context, conn Links, name string, k *known) error {
	for _, name := range slices.Compact([]string{name, k.formerly}) {
		if name == "" {
			continue
		}
		// Another device may bear the name by now. What the firewall knows under it is that one's business, for its own round
		// leaves exactly what it needs.
		_, err := conn.LinkByName(name)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
			if _, err := h.cfg.Firewall.Remove(name, k.record.Ifindex); err != nil {
				return err
			}
			h.tighten(ctx, h.rules.program, nil, h.unowned(lost(k.plan.Guest, nil), k.record.Ifindex))
		case err != nil:
			return err
		}
	}
	if _, err := h.mislead(ctx, conn, &k.record, k.record.Interface, k, &Plan{}); err != nil {
		return err
	}
	if _, err := h.unthrottle(ctx, conn, k); err != nil {
		return err
	}
	h.host.places.drop(k.record.Ifindex)
	if k.record.Link.Bridge == "" {
		return nil
	}
	_, err := bridge.Undo(ctx, conn, undoState(&k.record, k.record.Interface))
	return err
}

// unowned are those of a gone guest's prefixes that no other guest has by now: one that was moved, or started anew, may be
// back under another interface before the old one is gone.
func (h *Handler) unowned(gone []netip.Prefix, ifindex int) []netip.Prefix {
	if len(gone) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for other, k := range h.known {
		if g := k.plan.Guest; g != nil && other != ifindex {
			gone = slices.DeleteFunc(gone, func(ip netip.Prefix) bool { return contains(addresses(g), ip) })
		}
	}
	return gone
}

// disown is for a link that is the host's own. Should it have been taken for a vif before, by other rules, that is undone.
func (h *Handler) disown(ctx context.Context, conn Links, l *rtnl.Link, k known, plan Plan) ctl.Outcome {
	if k.record.Link.Bridge != "" {
		if _, err := bridge.Undo(ctx, conn, undoState(&k.record, l.Name)); err != nil && !errors.Is(err, bridge.ErrRenamed) {
			return h.fail(l.Index, k, err)
		}
	}
	if _, err := h.mislead(ctx, conn, &k.record, l.Name, &k, &Plan{}); err != nil {
		return h.fail(l.Index, k, err)
	}
	if _, err := h.unthrottle(ctx, conn, &k); err != nil {
		return h.fail(l.Index, k, err)
	}
	if _, err := h.giveBack(ctx, conn, &k); err != nil {
		return h.fail(l.Index, k, err)
	}
	if _, err := h.guard(l, &k.record, k.formerly, &plan); err != nil {
		return h.fail(l.Index, k, err)
	}
	h.takeDown(ctx, &k, &plan)
	if k.stored {
		if err := h.cfg.Records.Delete(l.Index); err != nil {
			return h.fail(l.Index, k, fmt.Errorf("delete record: %w", err))
		}
	}
	k.stored, k.bridge, k.plan, k.host, k.formerly = false, 0, plan, true, ""
	k.record.Interface, k.record.State = l.Name, ""
	h.remember(l.Index, &k)
	return ctl.Outcome{Interface: l.Name, Ifindex: l.Index}
}

// fail keeps what is known of a vif that could not be dealt with, and has it tried again.
func (h *Handler) fail(ifindex int, k known, err error) ctl.Outcome {
	k.retries++
	k.record.State, k.record.Error = StateFailed, err.Error()
	h.retry(ifindex, &k)
	h.remember(ifindex, &k)
	h.cfg.Log.Warn(StateFailed, "iface", k.record.Interface, "ifindex", ifindex, "reason", err)
	return k.outcome()
}
