package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"vifd/internal/rtnl"
	"vifd/rules"
)

// linkLocalLearning finds bridges of guests that learn from frames which no firewall sees, such as LLDP's.
func linkLocalLearning(ctx context.Context, h *Host) ([]Finding, error) {
	links, err := h.Links.Links(ctx)
	if err != nil || h.Set == nil {
		return nil, err
	}
	var found []Finding
	for _, l := range links {
		if l.Kind != rtnl.KindBridge || !usesBridge(h.Set, l.Name) {
			continue
		}
		learns, err := h.read("sys/class/net/" + l.Name + "/bridge/no_linklocal_learn")
		if err != nil {
			return found, err
		}
		if learns != "1" {
			found = append(found, Finding{
				Level: Warning, Subject: l.Name, Text: "a guest can teach this bridge another's MAC by a frame that no firewall sees (LLDP)",
				Cure: fmt.Sprintf("ip link set dev %s type bridge no_linklocal_learn 1", l.Name),
			})
		}
		stp, err := h.read("sys/class/net/" + l.Name + "/bridge/stp_state")
		if err != nil {
			return found, err
		}
		if stp == "1" {
			found = append(found, Finding{
				Level: Warning, Subject: l.Name, Text: "it runs STP, and takes guests' BPDUs before any firewall sees them",
				Cure: "give the rules' bridge the option guard: true",
			})
		}
	}
	return found, nil
}

func usesBridge(set *rules.Set, name string) bool {
	if _, ok := set.Networks[name]; ok {
		return true
	}
	return slices.ContainsFunc(set.Rules, func(r rules.Rule) bool {
		literal, ok := r.Action.Bridge.Name.Literal()
		return r.Action.Kind == rules.Bridge && (ok && literal == name || !ok)
	})
}

// reversePath finds strict reverse path filtering, which drops what a guest answers by another way than it was asked.
func reversePath(_ context.Context, h *Host) ([]Finding, error) {
	value, err := h.read("proc/sys/net/ipv4/conf/all/rp_filter")
	if err != nil || value != "1" {
		return nil, err
	}
	return []Finding{{
		Level: Warning, Subject: "net.ipv4.conf.all.rp_filter", Text: "reverse path filtering is strict: what comes from a routed guest's prefix by another way than the route to it is dropped",
		Cure: "sysctl -w net.ipv4.conf.all.rp_filter=2 where guests have more than one way; else nothing: vifd's guards check sources as well",
	}}, nil
}

// addresses finds guests' addresses that are the host's own.
func addresses(ctx context.Context, h *Host) ([]Finding, error) {
	if h.Set == nil {
		return nil, nil
	}
	links, err := h.Links.Links(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, l := range links {
		own, err := h.Links.Addresses(ctx, l.Index)
		if err != nil {
			return found, err
		}
		for _, a := range own {
			for _, g := range h.Set.Guests {
				if slices.ContainsFunc(g.IP, func(p netip.Prefix) bool { return p.Contains(a.Addr()) }) {
					found = append(found, Finding{
						Level: Error, Subject: l.Name, Text: fmt.Sprintf("the host has the address %s, which the rules give a guest (%s)", a.Addr(), g.Pos),
						Cure: fmt.Sprintf("give the guest another one, or ip addr del %s dev %s", a, l.Name),
					})
				}
			}
		}
	}
	return found, nil
}
