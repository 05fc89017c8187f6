package handler

import (
	"fmt"

	"vifd/actions/bridge"
	"vifd/actions/rate"
	"vifd/rules"
)

// supported reports what rules want of the kernel that it does not have: when they are loaded, and not when the first guest comes.
func (h *Handler) supported(conn Links, rs *Ruleset) error {
	filters := false
	for i := range rs.set.Rules {
		r := &rs.set.Rules[i]
		if err := h.rateSupported(conn, r); err != nil {
			return fmt.Errorf("%s: rule %q: rate: %w", r.Pos, r.Name, err)
		}
		if r.Action.Kind == rules.Bridge && r.Action.Bridge.VLAN != nil && !filters {
			filters = true
			if err := bridge.ProbeVLANs(conn); err != nil {
				return fmt.Errorf("%s: rule %q: vlan: %w", r.Action.Pos, r.Name, err)
			}
		}
	}
	return nil
}

func (h *Handler) rateSupported(conn Links, r *rules.Rule) error {
	want := MayLimit(r)
	if want.FromGuest == 0 && want.ToGuest == 0 {
		return nil
	}
	kernel, err := h.host.rates.of(conn)
	if err != nil {
		return err
	}
	return kernel.Supports(want)
}

// MayLimit tells in which directions a rule limits what passes, or may do so: what facts decide is known when a vif comes only, and
// whether the kernel can do it is asked before. A direction that is limited has some rate.
func MayLimit(r *rules.Rule) rate.Rate {
	way := func(key string, b rules.Bandwidth) uint64 {
		if b.BitsPerSecond == 0 && r.Late(key) {
			return 1
		}
		return b.BitsPerSecond
	}
	return rate.Rate{FromGuest: way("rate.from-guest", r.Rate.FromGuest), ToGuest: way("rate.to-guest", r.Rate.ToGuest)}
}
