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
	name, wanted, err := nameWanted(l, x, k.own.Xen)
	if err == nil && wanted {
		if err = h.foretell(l, k); err == nil {
			renamed, err = rename(conn, l, name)
		}
	}
	if renamed || overtaken(err) {
		k.formerly = before
	}
	switch {
	case overtaken(err):
		return plan, ours, err
	case err != nil:
		h.rules.unnamed(&plan, l, err)
	case renamed:
		plan, ours, x = h.decide(ctx, h.rules, l, k)
		advise(ctx, conn, &plan, x)
	}
	return plan, ours, nil
}

// unnamed makes a plan of one for a vif that cannot have the name of its guest's configuration.
func (r *Ruleset) unnamed(p *Plan, l *rtnl.Link, err error) {
	*p = Plan{Decision: p.Decision, Action: p.Action, Firewall: p.Firewall, Retry: true}
	r.block(p, l, StateFailed, err.Error())
}

// decide plans for a link by what is known of it, k, which may be nil; false means that it is none of vifd's business.
func (h *Handler) decide(ctx context.Context, rs *Ruleset, l *rtnl.Link, k *known) (Plan, bool, *xen.Facts) {
	ctx, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	f, x := h.facts(ctx, rs, l, k)
	plan, ours := rs.judge(l, k, f, x)
	return plan, ours, x
}
