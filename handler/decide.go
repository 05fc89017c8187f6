package handler

import (
	"context"

	"vifd/internal/rtnl"
	"vifd/internal/xen"
)

// consider decides about the round's link, and gives it the name that it is to have before anything else is done to it. The error is one of
// overtaken.
func (h *Handler) consider(ctx context.Context, conn Links, l *rtnl.Link, k *known) (plan Plan, ours bool, err error) {
	var x *xen.Facts
	plan, ours, x = h.decide(ctx, h.rules, l, k)
	advise(ctx, conn, &plan, x)
	if !ours || plan.State == StateIgnored || plan.State == StateUnmatched {
		return plan, ours, nil
	}
	before, renamed := l.Name, false
	if err = h.foretell(l, x, k); err == nil {
		renamed, err = h.rename(conn, l, x, k.own.Xen)
	}
	if renamed || overtaken(err) {
		k.formerly = before
	}
	switch {
	case overtaken(err):
		return plan, ours, err
	case err != nil:
		plan = Plan{Decision: plan.Decision, Action: plan.Action, Firewall: plan.Firewall, Retry: true}
		h.rules.block(&plan, l, StateFailed, err.Error())
	case renamed:
		plan, ours, x = h.decide(ctx, h.rules, l, k)
		advise(ctx, conn, &plan, x)
	}
	return plan, ours, nil
}

// decide plans for a link by what is known of it, k, which may be nil; false means that it is none of vifd's business.
func (h *Handler) decide(ctx context.Context, rs *Ruleset, l *rtnl.Link, k *known) (Plan, bool, *xen.Facts) {
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	f, x := h.facts(ctx, rs, l, k)
	plan, ours := rs.judge(l, k, f, x)
	return plan, ours, x
}
