package handler

import (
	"context"

	"vifd/internal/rtnl"
	"vifd/internal/xen"
)

// consider decides about the round's link, and gives it the name that it is to have before anything else is done to it.
func (h *Handler) consider(ctx context.Context, conn Links, l *rtnl.Link, k *known) (Plan, bool) {
	plan, ours, x := h.decide(ctx, h.rules, l, k)
	if !ours || plan.State == StateIgnored || plan.State == StateUnmatched {
		return plan, ours
	}
	renamed, err := h.rename(conn, l, x, k.own.Xen)
	switch {
	case err != nil:
		plan = Plan{Decision: plan.Decision, Action: plan.Action, Firewall: plan.Firewall, Retry: true}
		h.rules.block(&plan, l, StateFailed, err.Error())
	case renamed:
		plan, ours, _ = h.decide(ctx, h.rules, l, k)
	}
	return plan, ours
}

// decide plans for a link by what is known of it, k, which may be nil; false means that it is none of vifd's business.
func (h *Handler) decide(ctx context.Context, rs *Ruleset, l *rtnl.Link, k *known) (Plan, bool, *xen.Facts) {
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	f, x := h.facts(ctx, rs, l, k)
	if !rs.ours(l, f) {
		return Plan{State: StateUnmatched, Guest: rs.leaveAlone(l)}, false, nil
	}
	plan := rs.Plan(l, f)
	if x == nil {
		return plan, true, nil
	}
	rs.heed(&plan, x, l)
	if plan.Route != nil {
		plan.seat = seat(x.Guest(), x.Device().Vifid) // a stub domain serves its guest, with the guest's address
	}
	if k != nil {
		k.keep(x)
		rs.takenAway(&plan, k.own.Xen, l)
	}
	return plan, true, x
}
