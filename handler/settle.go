package handler

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"time"

	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
)

// settle writes down what has become of the vif.
func (h *Handler) settle(l *rtnl.Link, k known, plan Plan, wrote bool, took time.Duration) ctl.Outcome {
	next := k.record
	if next.Interface == "" { // it failed before anything was written down
		next.Ifindex, next.Interface, next.Link.WasUp = l.Index, l.Name, l.Up()
		next.Rule, next.Action, next.Network, next.Firewall = plan.Decision.RuleName(), plan.Action, plan.Network(), plan.Firewall
	}
	next.State, next.Error = plan.State, plan.Reason
	if plan.Port == nil {
		next.Link.Bridge, next.Link.BridgeIfindex, next.Link.CreatedBridge = "", 0, false
		next.Link.StaticFDB, next.Link.VLAN = false, false
	} else {
		next.Link.BridgeIfindex = k.bridge
	}
	if before := h.before(l.Index); next.State != before.record.State || next.Rule != before.record.Rule || before.record.Since.IsZero() {
		next.Since = time.Now()
		h.report(l, &plan, took)
	} else {
		next.Since = before.record.Since
	}
	var err error
	if next.Own, err = k.own.text(); err != nil {
		h.cfg.Log.Error("record not written", "iface", l.Name, "ifindex", l.Index, "err", err)
	}
	switch {
	case plan.State == StateUnmatched && k.stored:
		err, k.stored = h.cfg.Records.Delete(l.Index), false
	case plan.State != StateUnmatched && !(k.stored && same(&next, &k.record)):
		err, k.stored = h.cfg.Records.Put(next), true
	}
	if err != nil {
		h.cfg.Log.Error("record not written", "iface", l.Name, "ifindex", l.Index, "err", err)
	}
	k.record, k.plan = next, plan
	switch {
	case plan.waiting: // its timer runs
	case plan.Retry:
		k.retries++
		h.retry(l.Index, &k)
	default:
		k.retries = 0
	}
	h.remember(l.Index, &k)
	return k.outcome()
}

func (h *Handler) before(ifindex int) known {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := h.known[ifindex]; k != nil {
		return *k
	}
	return known{}
}

func (h *Handler) remember(ifindex int, k *known) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[ifindex] = k
	if k.plan.Retry {
		h.lacking[ifindex] = k.plan.needs()
	} else {
		delete(h.lacking, ifindex)
	}
}

func (h *Handler) report(l *rtnl.Link, plan *Plan, took time.Duration) {
	attrs := []any{"iface", l.Name, "ifindex", l.Index, "rule", plan.Decision.RuleName(), "action", plan.Action, "took", took.Round(time.Microsecond)}
	switch plan.State {
	case StateFailed, StateBlocked:
		level := slog.LevelWarn
		if plan.Reason == reasonOffline { // every guest's end
			level = slog.LevelInfo
		}
		h.cfg.Log.Log(context.Background(), level, plan.State, append(attrs, "reason", plan.Reason)...)
	case StateUnmatched:
		h.cfg.Log.Debug(plan.State, attrs...)
	default:
		h.cfg.Log.Info(plan.State, append(attrs, "network", plan.Network())...)
	}
}

// retryFirst and retryMost bound the time until a failed vif is tried again; it doubles from round to round.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
)

// retry asks for another round later. The timer of a vif that has gone by then finds nothing to do.
func (h *Handler) retry(ifindex int, k *known) {
	wait := retryMost
	if k.retries < 7 {
		wait = min(retryMost, retryFirst<<(k.retries-1))
	}
	if k.retry != nil {
		k.retry.Stop()
	}
	k.until = time.Now().Add(wait)
	k.retry = time.AfterFunc(wait, func() { h.queue.push(ifindex, nil, nil) })
}

// same compares records but for the time.
func same(a, b *journal.Record) bool {
	return a.Ifindex == b.Ifindex && a.Interface == b.Interface && a.Rule == b.Rule && a.Action == b.Action &&
		a.Network == b.Network && slices.Equal(a.Firewall, b.Firewall) && a.State == b.State && a.Error == b.Error && a.Link == b.Link && bytes.Equal(a.Own, b.Own)
}

func (k *known) outcome() ctl.Outcome {
	return ctl.Outcome{
		Interface: k.record.Interface, Ifindex: k.record.Ifindex, State: k.record.State, Rule: k.record.Rule,
		Action: k.record.Action, Error: k.record.Error,
	}
}
