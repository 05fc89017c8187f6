package handler

import (
	"context"
	"errors"

	"vifd/actions/route"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
)

// routes is where routes are made.
func (h *Handler) routes(conn Links) route.Host {
	return route.Host{Conn: conn, Sysctls: h.cfg.Sysctls, Shared: h.host.forwarding}
}

// keepMAC has a plan want the address that the link has, where its driver was found to take no other: to try means to take the link down,
// and the news of that would start the next round.
func (k *known) keepMAC(conn Links, plan *Plan) error {
	if k.own.MAC == "" || plan.Port == nil && plan.Route == nil {
		return nil
	}
	l, err := conn.LinkByIndex(k.record.Ifindex)
	switch {
	case err != nil:
		return err
	case l.MAC.String() != k.own.MAC: // it does, by now
		k.own.MAC = ""
	case plan.Port != nil:
		plan.Port.MAC = l.MAC
	default:
		plan.Route.MAC = l.MAC
	}
	return nil
}

// prepare completes the plan with what the kernel knows, and notes what undoing it will take.
func (h *Handler) prepare(ctx context.Context, conn Links, k *known, plan *Plan) error {
	if err := k.keepMAC(conn, plan); err != nil {
		return err
	}
	if plan.Link != nil {
		if err := h.note(conn, k, plan.Link); err != nil {
			return err
		}
	}
	if plan.Rate != nil {
		k.own.Rate = new(plan.Rate.State())
	}
	if k.own.Place = nil; plan.Route == nil {
		return nil
	}
	k.own.Place = &place{Seat: plan.seat, Prefixes: plan.Route.Guest}
	if err := plan.locate(ctx, conn, &h.host.uplinks); err != nil {
		return err
	}
	if plan.NAT != nil {
		k.own.NAT = &translation{plan.NAT.Prefixes}
	}
	var before route.State
	if k.own.Route != nil {
		before = *k.own.Route
	}
	state, err := route.Prepare(conn, h.cfg.Sysctls, *plan.Route, before)
	if err != nil {
		return err
	}
	k.own.Route = &state
	return nil
}

// lead leads packets to the guest and from it: its forwards and masquerade, then its routes, and then it is told of them. before is how
// it was translated until now, nil: not.
func (h *Handler) lead(ctx context.Context, conn Links, l *rtnl.Link, k *known, plan *Plan, before *translation) (wrote bool, err error) {
	if plan.NAT != nil {
		if wrote, err = h.cfg.NAT.Set(plan.NAT, l.Index); err != nil {
			return wrote, err
		}
		h.tighten(ctx, h.rules.program, nil, h.unowned(before.without(plan.NAT.Prefixes), l.Index))
	}
	result, err := route.Apply(ctx, h.routes(conn), *plan.Route, *k.own.Route)
	wrote = wrote || len(result.Steps) > 0
	for _, s := range result.Skipped {
		h.cfg.Log.Warn("skipped", "iface", l.Name, "ifindex", l.Index, "step", s.Step.String(), "err", s.Err)
	}
	if err != nil {
		return wrote, err
	}
	k.own.Route = &result.State
	if len(result.Skipped) > 0 {
		plan.Route.MAC, k.own.MAC = l.MAC, l.MAC.String()
	}
	return wrote, h.tell(l, plan)
}

// tell has the guest's questions answered.
func (h *Handler) tell(l *rtnl.Link, plan *Plan) error {
	var errs []error
	switch {
	case plan.Told == (Told{}):
	case h.cfg.Leases == nil:
		h.cfg.Log.Warn("no DHCP and no router advertisements until a listener runs (vifd listen)", "iface", l.Name, "ifindex", l.Index)
	case plan.Told.DHCP != nil:
		errs = append(errs, h.cfg.Leases.Set(*plan.Told.DHCP))
	}
	if plan.Told.Router != nil && h.cfg.Router != nil {
		errs = append(errs, h.cfg.Router.Set(*plan.Told.Router))
	}
	return errors.Join(errs...)
}

// hush ends what is told on a vif that plan does not have told; the zero Plan is of none.
func (h *Handler) hush(ifindex int, plan *Plan) {
	if h.cfg.Leases != nil && plan.Told.DHCP == nil {
		h.cfg.Leases.Remove(ifindex)
	}
	if h.cfg.Router != nil && plan.Told.Router == nil {
		h.cfg.Router.Remove(ifindex)
	}
}

// mislead takes back what led to the guest and plan does not want, where was is what the vif had before; name is what it is called
// by now, or was when it went. wrote tells whether anything was there, after which the link is down.
func (h *Handler) mislead(ctx context.Context, conn Links, was *journal.Record, name string, k *known, plan *Plan) (wrote bool, err error) {
	h.hush(was.Ifindex, plan)
	if k.own.Route != nil && plan.Route == nil {
		state := *k.own.Route
		state.Interface = name
		if _, err := route.Undo(ctx, h.routes(conn), state); err != nil {
			return true, err
		}
		k.own.Route, wrote = nil, true
	}
	if k.own.NAT == nil || plan.NAT != nil && was.Interface == name {
		return wrote, nil
	}
	if _, err := h.cfg.NAT.Remove(was.Interface, was.Ifindex); err != nil {
		return true, err
	}
	if plan.NAT == nil {
		// A client that never stops sending would otherwise keep what it has, also when another guest has the address or the port.
		h.tighten(ctx, h.rules.program, nil, h.unowned(k.own.NAT.without(nil), was.Ifindex))
		k.own.NAT = nil
	}
	return wrote, nil
}
