package handler

import (
	"fmt"
	"net/netip"
	"slices"
	"unicode"
	"unicode/utf8"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// connect plans a guest's way to the network, and its guard.
func (r *Ruleset) connect(p *Plan, l *rtnl.Link, f *vif.Facts) {
	d := &p.Decision
	for _, name := range []string{d.Network, d.Route.Uplink, d.NAT.Uplink} {
		if err := checkShown(name); err != nil {
			r.block(p, l, StateFailed, fmt.Sprintf("%s: %v", d.Kind, err))
			return
		}
	}
	profile, err := r.program.Profile(FirewallList(d.Rule))
	if err != nil {
		r.block(p, l, StateFailed, err.Error())
		return
	}
	if profile.NeedsMAC && len(d.Guest.MACs) == 0 {
		r.block(p, l, StateBlocked, "nobody knows the guest's MAC address, so it cannot be guarded: "+
			"give it in guests (by interface, domain or mac) or in the rule's guest")
		return
	}
	guest := &firewall.Guest{Interface: l.Name, Profile: profile, IPs: slices.Clone(d.Guest.IPs)}
	switch d.Kind {
	case rules.Bridge:
		p.Port = r.port(d, l)
	case rules.Route:
		p.Route, err = routed(d, l)
	case rules.NAT:
		err = translated(p, l, f)
		guest.IPs = p.addresses()
	case rules.Ignore, rules.Block: // lead nowhere
	}
	if err == nil {
		err = configured(p, l, f)
	}
	if err != nil {
		p.Port, p.Route, p.NAT, p.Told, p.Rate = nil, nil, nil, Told{}, nil
		r.block(p, l, StateBlocked, err.Error())
		return
	}
	for _, mac := range d.Guest.MACs {
		guest.MACs = append(guest.MACs, firewall.MAC(mac))
	}
	slices.SortFunc(guest.IPs, netip.Prefix.Compare)
	p.State, p.Guest = StateConfigured, guest
	if limited := limit(d.Rule, l); limited != nil {
		p.Rate = limited
	}
	p.Link = device(d, l)
	if p.hooks, err = hooksOf(p, guest, l, f); err != nil {
		p.Port, p.Route, p.NAT, p.Told, p.Rate, p.Link = nil, nil, nil, Told{}, nil, nil
		r.refuse(p, l, err)
	}
}

// checkShown refuses a name that is not shown as it is. The kernel takes control characters in one, and whoever prints it would have a terminal
// do what a guest's configuration says.
func checkShown(name string) error {
	for _, c := range name {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			return fmt.Errorf("%q holds characters that cannot be shown: no interface is meant by that", name)
		}
	}
	return nil
}

// FirewallList is a rule's templates, for the kind of guests that it connects.
func FirewallList(r *rules.Rule) firewall.List {
	return firewall.List{Refs: Refs(r.Firewall), Routed: r.Action.Kind == rules.Route || r.Action.Kind == rules.NAT}
}

// port plans the port of a bridge.
func (r *Ruleset) port(d *matcher.Decision, l *rtnl.Link) *bridge.Port {
	want := &d.Rule.Action.Bridge
	network := r.set.Networks[d.Network].Bridge
	create := network.Create
	if want.Create != nil {
		create = *want.Create
	}
	var vlan bridge.VLAN
	if v := want.VLAN; v != nil {
		vlan.Untagged = v.Untagged
		for _, r := range v.Tagged {
			vlan.Tagged = append(vlan.Tagged, [2]uint16{r.First, r.Last})
		}
	}
	return &bridge.Port{
		Ifindex: l.Index, Interface: l.Name,
		Bridge: d.Network, Create: create, BridgeMTU: network.MTU,
		MTU: want.MTU, Flags: portFlags(want), StaticFDB: want.StaticFDB, GuestMACs: d.Guest.MACs, VLAN: vlan,
	}
}
