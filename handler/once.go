package handler

import (
	"context"
	"fmt"

	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/vif"
)

// Once deals with one event and returns: for a process that works without the listener. Such processes may run side by
// side; those that are about the same vif wait for each other.
func Once(ctx context.Context, cfg Config, rs *Ruleset, ev vif.Event) (ctl.Outcome, error) {
	if ev.Subsystem != "net" || ev.Ifindex <= 0 {
		return ctl.Outcome{Interface: ev.Interface}, nil
	}
	unlock, err := cfg.Records.Lock(ctx, ev.Ifindex)
	if err != nil {
		return ctl.Outcome{}, fmt.Errorf("lock %s (ifindex %d): %w", ev.Interface, ev.Ifindex, err)
	}
	defer unlock()
	// What vifs share on the host is one process's at a time.
	if held, err := cfg.Records.Host(); rs.nat.Rules() > 0 || rs.routes() || held != nil || err != nil {
		release, err := cfg.Records.Lock(ctx, 0)
		if err != nil {
			return ctl.Outcome{}, fmt.Errorf("lock the host's settings: %w", err)
		}
		defer release()
	}
	cfg.Workers = 1
	h, err := New(cfg, rs)
	if err != nil {
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
	return h.round(ctx, conn, round{ifindex: ev.Ifindex, event: &ev}), nil
}

// VifStatus is a record as `vifd status` shows it.
func VifStatus(r *journal.Record) ctl.VifStatus {
	return ctl.VifStatus{
		Interface: r.Interface, Ifindex: r.Ifindex, Rule: r.Rule, Action: r.Action, Network: r.Network,
		Firewall: append([]string{}, r.Firewall...), State: r.State, Error: r.Error, Since: r.Since,
	}
}
