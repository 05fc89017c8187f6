package handler

import (
	"fmt"

	"vifd/actions/bridge"
	"vifd/internal/rtnl"
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
	want := limit(r, &rtnl.Link{})
	if want == nil {
		return nil
	}
	kernel, err := h.host.rates.of(conn)
	if err != nil {
		return err
	}
	return kernel.Supports(*want)
}
