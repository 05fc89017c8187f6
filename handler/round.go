package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/actions/link"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
)

// round brings one vif to what the rules want, whatever state it is in.
func (h *Handler) round(ctx context.Context, conn Links, r round) ctl.Outcome {
	h.turn.RLock()
	defer h.turn.RUnlock()
	begin := time.Now()
	k := h.recall(r)
	link, err := conn.LinkByIndex(r.ifindex)
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return h.forget(ctx, conn, r.ifindex, k)
	case err != nil:
		return h.fail(r.ifindex, k, err)
	}
	plan, ours, err := h.consider(ctx, conn, &link, &k)
	if err != nil {
		return h.again(&link, &k)
	}
	h.rules.place(h.host.places, &link, &plan)
	if !ours {
		return h.disown(ctx, conn, &link, k, plan)
	}
	rs, hooks := h.rules, k.hooks(&plan)
	wrote, err := h.carryOut(ctx, conn, &link, &k, &plan)
	switch {
	case overtaken(err):
		return h.again(&link, &k)
	case err != nil:
		plan.State, plan.Reason, plan.Retry = StateFailed, err.Error(), true
	}
	h.attend(ctx, &k, &plan, hooks, r.news != nil || len(r.waiters) > 0)
	if h.rules != rs {
		// They changed while a program ran: what is to be said of the vif is the next round's to decide.
		k.plan = plan
		return h.again(&link, &k)
	}
	if err := h.tellXen(ctx, conn, &link, &k, &plan, r.news != nil); err != nil {
		plan.Retry = true
		h.cfg.Log.Debug("Xen not told", "iface", link.Name, "ifindex", link.Index, "err", err)
		if r.news != nil && plan.State == StateConfigured {
			plan.State, plan.Reason = StateFailed, err.Error() // the guest waits for a word that does not come
		}
	}
	return h.settle(&link, k, plan, wrote, time.Since(begin))
}

// again is for a round that something has come between: the next one sees what has become of the vif, and needs to know what this one has done.
func (h *Handler) again(l *rtnl.Link, k *known) ctl.Outcome {
	h.remember(l.Index, k)
	h.queue.push(l.Index, nil, nil)
	return ctl.Outcome{Interface: l.Name, Ifindex: l.Index, State: StateWorking}
}

// overtaken reports that a vif went, or got another name, while it was worked on.
func overtaken(err error) bool {
	return slices.ContainsFunc([]error{
		errWent, bridge.ErrGone, bridge.ErrRenamed, route.ErrGone, route.ErrRenamed, rate.ErrGone, rate.ErrRenamed, link.ErrGone, link.ErrRenamed,
	}, func(target error) bool { return errors.Is(err, target) })
}

// recall returns what is known of the round's vif, a copy, with the round's event in it.
func (h *Handler) recall(r round) known {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.known[r.ifindex]
	if k == nil {
		k = &known{record: journal.Record{Ifindex: r.ifindex}}
		h.known[r.ifindex] = k
	}
	if r.event != nil {
		k.event = r.event
	}
	if r.news != nil {
		r.news.note(k)
	}
	return *k
}

// carryOut does what plan says, in the order that leaves no gap: record, guard, link. wrote tells whether the kernel was
// written to.
func (h *Handler) carryOut(ctx context.Context, conn Links, l *rtnl.Link, k *known, plan *Plan) (wrote bool, err error) {
	was, before, up := k.record, k.own, l.Up()
	if err := h.prepare(ctx, conn, k, plan); err != nil {
		return false, err
	}
	if err := h.announce(l, k, plan); err != nil {
		return false, err
	}
	if leaves(&was, plan) {
		if _, err := bridge.Undo(ctx, conn, undoState(&was, l.Name)); err != nil && !errors.Is(err, bridge.ErrRenamed) {
			return true, err
		}
		wrote, up = true, false
		k.bridge = 0
	}
	misled, err := h.mislead(ctx, conn, &was, l.Name, k, plan)
	if wrote = wrote || misled; misled {
		up = false
	}
	if err != nil {
		return wrote, err
	}
	guarded, err := h.guard(l, &was, k.formerly, plan)
	wrote = wrote || guarded
	if err != nil {
		return wrote, err
	}
	k.formerly = ""
	if guarded && plan.Guest != nil {
		h.tighten(ctx, h.rules.program, []*firewall.Guest{plan.Guest}, lost(k.plan.Guest, plan.Guest))
	}
	set, err := h.setUp(ctx, conn, k, plan)
	wrote = wrote || set
	if err != nil {
		return wrote, err
	}
	throttled, err := h.throttle(ctx, conn, k, plan)
	wrote = wrote || throttled
	if err != nil {
		return wrote, err
	}
	switch {
	case plan.Route != nil:
		led, err := h.lead(ctx, conn, l, k, plan, before.NAT)
		return wrote || led, err
	case plan.Port != nil:
		result, err := bridge.Apply(ctx, conn, *plan.Port)
		k.bridge = result.State.BridgeIndex
		k.record.Link.CreatedBridge = k.record.Link.CreatedBridge || result.BridgeCreated
		for _, s := range result.Skipped {
			h.cfg.Log.Warn("skipped", "iface", l.Name, "ifindex", l.Index, "step", s.Step.String(), "err", s.Err)
			plan.Port.MAC, k.own.MAC = l.MAC, l.MAC.String()
		}
		return wrote || len(result.Steps) > 0, err
	case plan.shut() && up:
		return true, conn.Set(l.Index, rtnl.Change{Up: new(false)})
	case !plan.shut() && was.Link.WasUp && !up:
		// vifd took it down, and has nothing to do with it any more.
		return true, conn.Set(l.Index, rtnl.Change{Up: new(true)})
	}
	return wrote, nil
}

// guard tells the firewall about the vif, under its name of now, and then takes back what it knew under an earlier one.
func (h *Handler) guard(l *rtnl.Link, was *journal.Record, formerly string, plan *Plan) (wrote bool, err error) {
	if plan.Guest != nil {
		wrote, err = h.cfg.Firewall.Set(plan.Guest, l.Index)
	} else {
		wrote, err = h.cfg.Firewall.Remove(l.Name, l.Index)
	}
	for _, before := range slices.Compact([]string{was.Interface, formerly}) {
		if err != nil || before == "" || before == l.Name {
			continue
		}
		var removed bool
		removed, err = h.cfg.Firewall.Remove(before, l.Index)
		wrote = wrote || removed
	}
	return wrote, err
}

// leaves reports whether what was done to the link before has to be undone first: it is in a bridge that it shall not be in
// any more, or was pinned there, or given VLANs, and is to be no longer.
func leaves(was *journal.Record, plan *Plan) bool {
	if was.Link.Bridge == "" {
		return false
	}
	return plan.Port == nil || plan.Port.Bridge != was.Link.Bridge || was.Link.StaticFDB && !plan.Port.StaticFDB ||
		was.Link.VLAN && !plan.Port.VLAN.Wanted()
}

// undoState is what was done to the link, which is called name by now.
func undoState(was *journal.Record, name string) bridge.State {
	return bridge.State{Ifindex: was.Ifindex, Interface: name, Bridge: was.Link.Bridge, BridgeIndex: was.Link.BridgeIfindex}
}

// announce writes down what is about to be done, unless the journal says so already.
func (h *Handler) announce(l *rtnl.Link, k *known, plan *Plan) error {
	next := k.record
	next.Ifindex, next.Interface = l.Index, l.Name
	next.Rule, next.Action, next.Network, next.Firewall = plan.Decision.RuleName(), plan.Action, plan.Network(), plan.Firewall
	if k.record.Interface == "" {
		next.Link.WasUp = l.Up()
	}
	if plan.Port != nil {
		next.Link.StaticFDB, next.Link.VLAN = plan.Port.StaticFDB, plan.Port.VLAN.Wanted()
		if next.Link.Bridge != plan.Port.Bridge {
			next.Link.Bridge, next.Link.BridgeIfindex, next.Link.CreatedBridge = plan.Port.Bridge, 0, false
		}
	}
	next.State, next.Error = k.record.State, k.record.Error
	var err error
	if next.Own, err = k.own.text(); err != nil {
		return fmt.Errorf("write down what is about to be done to %s: %w", l.Name, err)
	}
	if k.stored && same(&next, &k.record) || plan.State == StateUnmatched && !k.stored {
		k.record = next
		return nil
	}
	next.State, next.Error, next.Since = StateWorking, "", time.Now()
	if err := h.cfg.Records.Put(next); err != nil {
		return fmt.Errorf("write down what is about to be done to %s: %w", l.Name, err)
	}
	k.record, k.stored = next, true
	return nil
}

// foretell writes down whose interface it is that is about to get a name which does not say so. A process that is killed right behind the
// renaming would leave a tap of which nobody knows the guest: it has no device in sysfs, as a vif has.
func (h *Handler) foretell(l *rtnl.Link, k *known) error {
	if k.stored {
		return nil
	}
	next := k.record
	next.Ifindex, next.Interface, next.Link.WasUp, next.State, next.Since = l.Index, l.Name, l.Up(), StateWorking, time.Now()
	var err error
	if next.Own, err = k.own.text(); err == nil {
		err = h.cfg.Records.Put(next)
	}
	if err != nil {
		return fmt.Errorf("write down that %s is about to be renamed: %w", l.Name, err)
	}
	k.record, k.stored = next, true
	return nil
}
