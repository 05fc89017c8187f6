package handler

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/actions/route"
	"vifd/internal/dhcp4"
	"vifd/internal/radv"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/matcher"
)

// Told is what the host tells a guest on its vif, of the guest's own addresses and of others'.
type Told struct {
	DHCP   *dhcp4.Config // nil: its DHCP requests are not answered
	Router *radv.Config  // nil: no router is advertised
}

// routed plans the host routes to a guest's addresses.
func routed(d *matcher.Decision, l *rtnl.Link) (*route.Route, error) {
	if len(d.Guest.IPs) == 0 {
		return nil, errors.New("nobody knows an address of the guest's that could be routed to it: give it in guests (by interface, domain or mac) or in the rule's guest")
	}
	want := &d.Rule.Action.Route
	r := newRoute(d, l, d.Guest.IPs)
	r.Uplink, r.Proxy = route.Link{Name: d.Route.Uplink}, want.Proxy
	r.Metric, r.Table, r.Neighbor = want.Metric, want.Table, want.Neighbor
	for _, a := range want.Address {
		r.Host = append(r.Host, whole(a))
	}
	return r, nil
}

func newRoute(d *matcher.Decision, l *rtnl.Link, guest []netip.Prefix) *route.Route {
	r := &route.Route{Ifindex: l.Index, Interface: l.Name, Guest: guest, GuestMACs: d.Guest.MACs, MTU: d.Rule.Link.MTU}
	for _, p := range guest {
		if p.Addr().Is4() {
			r.Forwarding.IPv4 = true
		} else {
			r.Forwarding.IPv6 = true
		}
	}
	return r
}

// whole is an address as a prefix of full length.
func whole(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// translated plans a guest's addresses, the host as its gateway, and its forwards.
func translated(p *Plan, l *rtnl.Link, f *vif.Facts) error {
	d := &p.Decision
	n := &d.NAT
	guest := &nat.Guest{Interface: l.Name, Uplink: n.Uplink, Prefixes: slices.Clone(d.Guest.IPs)}
	var host []netip.Prefix
	told := tolder{d: d, l: l}
	for _, subnet := range n.Subnet {
		own := slices.IndexFunc(d.Guest.IPs, func(ip netip.Prefix) bool { return ip.Addr().Is4() == subnet.Addr().Is4() })
		var id nat.ID
		var err error
		if own < 0 {
			id, err = identity(l.Name, f)
		}
		if err != nil {
			return err
		}
		a, err := nat.Derive(subnet, id.Domid, id.Vifid)
		if err != nil {
			return err
		}
		if own < 0 {
			guest.Prefixes, guest.Targets = append(guest.Prefixes, a.Guest), append(guest.Targets, target(d, a))
		} else {
			a.Guest = d.Guest.IPs[own]
			guest.Targets = append(guest.Targets, a.Guest.Addr())
		}
		switch {
		case subnet.Addr().Is4():
			host = append(host, whole(a.Gateway))
			told.dhcp(subnet, a)
		case own < 0:
			host = append(host, whole(a.Gateway))
			told.router(a)
		default:
			host = append(host, netip.PrefixFrom(nat.LinkLocalGateway, 64))
		}
	}
	for i := range d.Rule.Action.NAT.Forward {
		guest.Forwards = append(guest.Forwards, forward(&d.Rule.Action.NAT.Forward[i]))
	}
	if n.DHCP && len(d.Guest.MACs) == 0 {
		return errors.New("nobody knows the guest's MAC address, so its DHCP requests cannot be told from others': " +
			"give it in guests (by interface, domain or mac) or in the rule's guest")
	}
	if err := errors.Join(guest.Check(), told.check()); err != nil {
		return err
	}
	p.NAT = guest
	p.Route = newRoute(d, l, guest.Prefixes)
	p.Route.Host, p.Route.Proxy = host, true
	p.Route.MTU = cmp.Or(p.Route.MTU, n.MTU)
	if n.DHCP {
		p.Told = told.Told
	}
	return nil
}

// identity is the numbers that a guest's addresses are derived from: Xen's, or what the name says.
func identity(name string, f *vif.Facts) (nat.ID, error) {
	domid, ok1 := f.Value("domid")
	vifid, ok2 := f.Value("vifid")
	d, err1 := strconv.Atoi(domid)
	v, err2 := strconv.Atoi(vifid)
	if ok1 && ok2 && err1 == nil && err2 == nil {
		return nat.ID{Domid: d, Vifid: v}, nil
	}
	return nat.Identify(name)
}

// target is where forwards go: in IPv6 the address that a guest makes itself of its MAC (RFC 4291, appendix A), if that is known.
func target(d *matcher.Decision, a nat.Addresses) netip.Addr {
	if a.Guest.IsSingleIP() || len(d.Guest.MACs) == 0 {
		return a.Target
	}
	addr, host := a.Guest.Addr().As16(), firewall.MAC(d.Guest.MACs[0]).LinkLocal().As16()
	copy(addr[8:], host[8:])
	return netip.AddrFrom16(addr)
}

// addresses are all of a translated guest's.
func (p *Plan) addresses() []netip.Prefix {
	if p.NAT == nil {
		return nil
	}
	return slices.Clone(p.NAT.Prefixes)
}

// tolder gathers what a guest is told.
type tolder struct {
	Told
	d *matcher.Decision
	l *rtnl.Link
}

func (t *tolder) dhcp(subnet netip.Prefix, a nat.Addresses) {
	n := &t.d.NAT
	// With the network's mask every client is at home; the host answers ARP for the other guests.
	address := netip.PrefixFrom(a.Guest.Addr(), subnet.Bits())
	if !subnet.Contains(address.Addr()) {
		address = whole(a.Guest.Addr())
	}
	t.DHCP = &dhcp4.Config{
		Interface: t.l.Name, Ifindex: t.l.Index, MACs: t.d.Guest.MACs, Address: address, Router: a.Gateway, DNS: ofFamily(n.DNS, true),
		Domain: n.Domain, MTU: n.MTU, Lease: n.Lease,
	}
}

func (t *tolder) router(a nat.Addresses) {
	n := &t.d.NAT
	t.Router = &radv.Config{
		Interface: t.l.Name, Ifindex: t.l.Index, MACs: t.d.Guest.MACs, Prefix: a.Guest.Masked(), MTU: n.MTU, DNS: ofFamily(n.DNS, false), Domain: n.Domain,
	}
}

func (t *tolder) check() error {
	if !t.d.NAT.DHCP {
		return nil
	}
	var errs []error
	if t.DHCP != nil {
		errs = append(errs, ignoreIfindex(t.l, t.DHCP.Check))
	}
	if t.Router != nil {
		errs = append(errs, ignoreIfindex(t.l, t.Router.Check))
	}
	return errors.Join(errs...)
}

// ignoreIfindex lets what is asked of a made-up vif pass: it has no ifindex.
func ignoreIfindex(l *rtnl.Link, check func() error) error {
	if l.Index == 0 {
		return nil
	}
	return check()
}

func ofFamily(list []netip.Addr, ipv4 bool) []netip.Addr {
	var some []netip.Addr
	for _, a := range list {
		if a.Is4() == ipv4 {
			some = append(some, a)
		}
	}
	return some
}
