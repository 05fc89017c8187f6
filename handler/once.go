package handler

import (
	"context"
	"fmt"
	"sync"

	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/vif"
)

// Once deals with one event and returns: for a process that works without the listener. Such processes may run side by
// side; those that are about the same vif wait for each other.
func Once(ctx context.Context, cfg Config, rs *Ruleset, ev vif.Event) (ctl.Outcome, error) {
	cfg.Workers = 1
	if n, ok := newsOf(&ev); ok {
		return hotplugOnce(ctx, cfg, rs, &n)
	}
	if ev.Subsystem != "net" || ev.Ifindex <= 0 {
		return ctl.Outcome{Interface: ev.Interface}, nil
	}
	return once(ctx, cfg, rs, ev.Interface, round{ifindex: ev.Ifindex, event: &ev})
}

// hotplugOnce finds the interfaces that a call of the hotplug program is about, and deals with them.
func hotplugOnce(ctx context.Context, cfg Config, rs *Ruleset, n *news) (ctl.Outcome, error) {
	out := ctl.Outcome{Interface: n.iface}
	h, err := New(cfg, rs)
	if err != nil {
		return out, err
	}
	found, err := h.seek(ctx, n)
	if err != nil {
		return out, err
	}
	for _, ifindex := range found {
		for {
			// The record may have changed before the lock was had: the handler that reads it is made behind it.
			if out, err = once(ctx, cfg, rs, n.iface, round{ifindex: ifindex, news: n}); err != nil || out.State != StateWorking {
				break
			}
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// once is one round in a process of its own.
func once(ctx context.Context, cfg Config, rs *Ruleset, iface string, r round) (ctl.Outcome, error) {
	unlock, err := cfg.Records.Lock(ctx, r.ifindex)
	if err != nil {
		return ctl.Outcome{}, fmt.Errorf("lock %s (ifindex %d): %w", iface, r.ifindex, err)
	}
	defer unlock()
	// What vifs share on the host is one process's at a time. A program that a hook runs needs nothing of it, and comes last.
	var yield func()
	// Of rules that are not there nobody knows whether they are about any.
	if held, err := cfg.Records.Host(); rs.nat.Rules() > 0 || rs.routes() || rs.Rules() == 0 || held != nil || err != nil {
		release, err := cfg.Records.Lock(ctx, 0)
		if err != nil {
			return ctl.Outcome{}, fmt.Errorf("lock the host's settings: %w", err)
		}
		yield = sync.OnceFunc(release)
		defer yield()
	}
	h, err := New(cfg, rs)
	if err != nil {
		return ctl.Outcome{}, err
	}
	h.yield = yield
	if err := cfg.ReadTables(); err != nil {
		return ctl.Outcome{}, err
	}
	if _, err := cfg.NAT.Ensure(rs.nat); err != nil {
		return ctl.Outcome{}, err
	}
	if _, err := cfg.Firewall.Ensure(rs.program); err != nil {
		return ctl.Outcome{}, err
	}
	conn := <-h.conns
	// A removal's event as well: it names a vif that left no record.
	return h.round(ctx, conn, r), nil
}

// VifStatus is a record as `vifd status` shows it.
func VifStatus(r *journal.Record) ctl.VifStatus {
	return ctl.VifStatus{
		Interface: r.Interface, Ifindex: r.Ifindex, Rule: r.Rule, Action: r.Action, Network: r.Network,
		Firewall: append([]string{}, r.Firewall...), State: r.State, Error: r.Error, Since: r.Since,
	}
}
