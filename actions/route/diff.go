package route

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Flags of the host's IPv6 addresses on a vif (linux/if_addr.h). The host has the address elsewhere too, or nobody but the guest could
// object: so no duplicate address detection, which would keep it from being a route's source for a while.
const (
	flagNoDAD         = 0x02
	flagNoPrefixRoute = 0x200
)

// Actual is what the kernel says.
type Actual struct {
	Link      rtnl.Link
	Addresses []rtnl.Address
	Settings  map[string]string // of those that Route wants, by name; none where there is no such setting

	Routes     []rtnl.Route     // of vifd's protocol by the vif
	Neighbours []rtnl.Neighbour // of the vif
	Proxies    []rtnl.Neighbour // at the vif

	Answered map[Proxied]bool // at an uplink, of what is wanted or was once: false for somebody else's entry
	Shared   []Setting        // what the host still lacks
}

// Diff lists what must be done, in this order, to make have what is wanted: nothing where it is so already.
func Diff(want Route, have Actual) []Step {
	want = want.withDefaults()
	var steps []Step
	settings := maps.Clone(have.Settings)
	for _, s := range have.Shared {
		if name, follows := follower(s.Name, want.Interface); follows {
			settings[name.String()] = s.New
		}
		steps = append(steps, Step{op: opShared, setting: s})
	}
	have.Settings = settings
	d := differ{want: want, have: have, steps: steps, lost: make(map[bool]bool)}
	d.link()
	d.settings()
	d.addresses()
	if d.down || !have.Link.Up() {
		d.add(Step{op: opUp})
	}
	d.neighbours()
	d.routes()
	d.answered()
	return d.steps
}

// follower is the vif's own setting that changes with one of the host's.
func follower(name sysctl.Name, vif string) (sysctl.Name, bool) {
	switch name.String() {
	case "net.ipv4.ip_forward":
		return sysctl.IPv4(vif, "forwarding"), true
	case "net.ipv6.conf.all.forwarding":
		return sysctl.IPv6(vif, "forwarding"), true
	}
	return nil, false
}

// differ is one Diff under way.
type differ struct {
	want  Route
	have  Actual
	down  bool          // the link is taken down, and with it goes most of what it has
	lost  map[bool]bool // whether addresses are taken away, IPv4 (true) or IPv6, and with them routes may be
	steps []Step
}

func (d *differ) add(s Step) {
	if s.dev == "" {
		s.dev, s.index = d.want.Interface, d.want.Ifindex
	}
	d.steps = append(d.steps, s)
}

func (d *differ) link() {
	link := &d.have.Link
	newMAC := !bytes.Equal(link.MAC, d.want.MAC)
	// A driver may refuse a new MAC while the link is up.
	if d.down = link.Up() && (newMAC || link.Master != 0); d.down {
		d.add(Step{op: opDown})
		d.have.Routes, d.have.Neighbours, d.have.Proxies = nil, nil, nil
		d.have.Addresses = slices.DeleteFunc(slices.Clone(d.have.Addresses), func(a rtnl.Address) bool { return a.Prefix.Addr().Is6() })
	}
	if link.Master != 0 {
		d.add(Step{op: opLeave})
	}
	if newMAC {
		d.add(Step{op: opMAC, mac: d.want.MAC})
	}
	if d.want.MTU != 0 && link.MTU != d.want.MTU {
		d.add(Step{op: opMTU, mtu: d.want.MTU})
	}
}

func (d *differ) settings() {
	for _, s := range d.want.settings() {
		if value, ok := d.have.Settings[s.Name.String()]; !ok || value != s.New {
			s.Old = value
			d.add(Step{op: opSetting, setting: s})
		}
	}
}

// addresses come in an order that leaves the vif with one as long as can be: with the last IPv4 address of a link the kernel takes away its
// routes (fib_inetaddr_event, net/ipv4/fib_frontend.c). An address of the wrong length has to go first, for IPv6 takes it for the same.
func (d *differ) addresses() {
	var later []Step
	for _, a := range d.have.Addresses {
		if slices.Contains(d.want.Host, a.Prefix) || keeps(a) {
			continue
		}
		d.lost[a.Prefix.Addr().Is4()] = true
		s := Step{op: opDeleteAddress, address: a}
		if slices.ContainsFunc(d.want.Host, func(p netip.Prefix) bool { return p.Addr() == a.Prefix.Addr() }) {
			d.add(s)
		} else {
			later = append(later, s)
		}
	}
	for i, p := range d.want.Host {
		if !has(d.have.Addresses, p) && !slices.Contains(d.want.Host[:i], p) {
			d.add(Step{op: opAddress, address: hostAddress(d.want.Ifindex, p)})
		}
	}
	for _, s := range later {
		d.add(s)
	}
}

// keeps tells whether an address is one that the kernel has made up: IPv6 does not work without.
func keeps(a rtnl.Address) bool { return a.Prefix.Addr().Is6() && a.Prefix.Addr().IsLinkLocalUnicast() }

func has(addresses []rtnl.Address, p netip.Prefix) bool {
	return slices.ContainsFunc(addresses, func(a rtnl.Address) bool { return a.Prefix == p && !a.Peer.IsValid() })
}

// hostAddress is what is asked of the kernel for one of the host's addresses.
func hostAddress(index int, p netip.Prefix) rtnl.Address {
	a := rtnl.Address{Index: index, Prefix: p, Protocol: rtnl.Protocol}
	if p.Addr().Is6() {
		a.Flags = flagNoDAD
		if p.IsSingleIP() {
			a.Flags |= flagNoPrefixRoute // the route to oneself is in the local table
		}
	}
	if p.Addr().IsLinkLocalUnicast() {
		a.Scope = rtnl.ScopeLink
	}
	return a
}

func (d *differ) neighbours() {
	want := d.want.neighbours()
	for _, n := range d.have.Neighbours {
		if n.Protocol == rtnl.Protocol && !slices.ContainsFunc(want, func(w rtnl.Neighbour) bool { return w.Addr == n.Addr }) {
			d.add(Step{op: opForget, addr: n.Addr})
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(d.have.Neighbours, func(n rtnl.Neighbour) bool {
			return n.Addr == w.Addr && n.Permanent() && n.Protocol == w.Protocol && bytes.Equal(n.MAC, w.MAC)
		}) {
			d.add(Step{op: opNeighbour, neighbour: w})
		}
	}
	for _, n := range d.have.Proxies {
		if n.Protocol == rtnl.Protocol && !slices.Contains(d.want.gateways(), n.Addr) {
			d.add(Step{op: opUnproxy, addr: n.Addr})
		}
	}
	for _, g := range d.want.gateways() {
		if !slices.ContainsFunc(d.have.Proxies, func(n rtnl.Neighbour) bool { return n.Addr == g }) {
			d.add(Step{op: opProxy, addr: g})
		}
	}
}

func (d *differ) routes() {
	want := d.want.routes(d.have.Link.Kind)
	for _, r := range d.have.Routes {
		if !slices.ContainsFunc(want, func(w rtnl.Route) bool { return sameRoute(r, w) }) {
			d.add(Step{op: opDeleteRoute, route: r})
		}
	}
	for _, w := range want {
		if d.lost[w.Dst.Addr().Is4()] || !slices.ContainsFunc(d.have.Routes, func(r rtnl.Route) bool { return sameRoute(r, w) }) {
			d.add(Step{op: opRoute, route: w})
		}
	}
}

// sameRoute compares what vifd gives a route.
func sameRoute(a, b rtnl.Route) bool {
	return a.Dst == b.Dst && a.Table == b.Table && a.Metric == b.Metric && a.Source == b.Source && a.Gateway == b.Gateway && a.TOS == b.TOS
}

func (d *differ) answered() {
	want := d.want.proxied()
	var stale []Proxied
	for p, ours := range d.have.Answered {
		if ours && !slices.Contains(want, p) {
			stale = append(stale, p)
		}
	}
	slices.SortFunc(stale, func(a, b Proxied) int { return a.Addr.Compare(b.Addr) })
	for _, p := range stale {
		d.add(Step{op: opUnanswer, dev: linkName(d.want.Uplink, p.Uplink), index: p.Uplink, addr: p.Addr})
	}
	for _, p := range want {
		if _, there := d.have.Answered[p]; !there {
			d.add(Step{op: opAnswer, dev: d.want.Uplink.Name, index: p.Uplink, addr: p.Addr})
		}
	}
}
