package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Errors a caller can do something about.
var (
	// ErrGone: there is no link with this ifindex any more.
	ErrGone = errors.New("the vif has gone")
	// ErrRenamed: the link with this ifindex has another name than expected; what is to be done with it must be decided anew.
	ErrRenamed = errors.New("the vif has been renamed")
	// ErrNoUplink: the uplink is not there, or not under this name.
	ErrNoUplink = errors.New("no such uplink")
	// ErrUnmet: the kernel took every request, and yet the vif is not as wanted.
	ErrUnmet = errors.New("not as configured")
)

// Metrics of a guest's routes unless the rule says otherwise, as Xen's vif-route has them: while an HVM guest has both devices the emulated
// one, a tap, is the one that works.
const (
	VifMetric = 2
	TapMetric = 1
)

// kindTap is the Link.Kind of a tap.
const kindTap = "tun"

// Route is the desired state: the host routes for the guest behind this vif.
type Route struct {
	Ifindex   int
	Interface string // its name, which must still be the link's

	Guest []netip.Prefix // each becomes a route to the vif
	Host  []netip.Prefix // the host's own addresses on the vif, 192.0.2.1/32; the first of a family is the source of what the host sends to the guest

	// Proxy has the host answer: on the vif for everything that it routes elsewhere (IPv4) and for Gateways (IPv6), on the uplink for the guest's
	// single addresses. Prefixes are not answered for: they have to be routed to the host.
	Proxy    bool
	Uplink   Link         // the zero Link: none, so that nothing is answered for outside
	Gateways []netip.Addr // IPv6 routers beyond the uplink that the guest takes for its neighbours

	Metric uint32 // of the routes; 0: TapMetric for a tap, else VifMetric
	Table  uint32 // of the routes; 0: rtnl.TableMain

	Neighbor  bool // permanent neighbour entries for the guest's single addresses
	GuestMACs []net.HardwareAddr

	MAC net.HardwareAddr // of the host's end; nil: HostMAC
	MTU int              // 0: as it is

	Forwarding Families // what the host has to forward for the guest
}

// Link names a link that is not the vif.
type Link struct {
	Ifindex int    `json:"ifindex,omitempty"`
	Name    string `json:"name,omitempty"`
}

// Families says which of the two are meant.
type Families struct {
	IPv4 bool `json:"ipv4,omitempty"`
	IPv6 bool `json:"ipv6,omitempty"`
}

// HostMAC is what the host's end of a vif is given, fe:ff:ff:ff:ff:ff, as for a bridged one.
func HostMAC() net.HardwareAddr {
	return net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// check reports what no kernel would have to be asked for, and fills in what is left to defaults.
func (r Route) check() (Route, error) {
	for _, p := range slices.Concat(r.Guest, r.Host) {
		if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
			return r, fmt.Errorf("%v is no address to route", p)
		}
	}
	for _, a := range r.Gateways {
		if !a.Is6() || a.Is4In6() || a.IsLinkLocalUnicast() {
			return r, fmt.Errorf("%v cannot be answered for as a gateway: not a global IPv6 address", a)
		}
	}
	if r.Neighbor && len(r.GuestMACs) != 1 {
		return r, fmt.Errorf("a permanent neighbour needs the guest's MAC, of which %d are known", len(r.GuestMACs))
	}
	return r.withDefaults(), nil
}

func (r Route) withDefaults() Route {
	if r.MAC == nil {
		r.MAC = HostMAC()
	}
	if r.Table == 0 {
		r.Table = rtnl.TableMain
	}
	return r
}

// routes are the kernel's routes that the guest's addresses become.
func (r Route) routes(kind string) []rtnl.Route {
	metric := r.Metric
	switch {
	case metric != 0:
	case kind == kindTap:
		metric = TapMetric
	default:
		metric = VifMetric
	}
	var list []rtnl.Route
	for _, dst := range r.Guest {
		one := rtnl.Route{Dst: dst.Masked(), Table: r.Table, Protocol: rtnl.Protocol, Metric: metric, OIF: r.Ifindex, Source: r.source(dst.Addr())}
		if dst.Addr().Is4() {
			one.Scope = rtnl.ScopeLink
		}
		if !slices.ContainsFunc(list, func(other rtnl.Route) bool { return other.Dst == one.Dst }) {
			list = append(list, one)
		}
	}
	return list
}

// source is the host's address towards a guest's; not valid where it has none of that family.
func (r Route) source(guest netip.Addr) netip.Addr {
	for _, p := range r.Host {
		if p.Addr().Is4() == guest.Is4() && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// singles are the guest's addresses that are not prefixes.
func (r Route) singles() []netip.Addr {
	var list []netip.Addr
	for _, p := range r.Guest {
		if p.IsSingleIP() && !slices.Contains(list, p.Addr()) {
			list = append(list, p.Addr())
		}
	}
	return list
}

// proxied is what the host answers for at the uplink.
func (r Route) proxied() []Proxied {
	if !r.Proxy || r.Uplink.Ifindex == 0 {
		return nil
	}
	var list []Proxied
	for _, a := range r.singles() {
		list = append(list, Proxied{Uplink: r.Uplink.Ifindex, Addr: a})
	}
	return list
}

// gateways is what the host answers for at the vif by name. In IPv4 it does for everything.
func (r Route) gateways() []netip.Addr {
	if !r.Proxy {
		return nil
	}
	return r.Gateways
}

// neighbours are the permanent entries.
func (r Route) neighbours() []rtnl.Neighbour {
	if !r.Neighbor {
		return nil
	}
	var list []rtnl.Neighbour
	for _, a := range r.singles() {
		list = append(list, permanent(r.Ifindex, a, r.GuestMACs[0]))
	}
	return list
}

// ipv6 tells whether there is IPv6 on the vif at all.
func (r Route) ipv6() bool {
	return slices.ContainsFunc(slices.Concat(r.Guest, r.Host), func(p netip.Prefix) bool { return p.Addr().Is6() })
}

// settings are those of the vif. The values before are left open.
func (r Route) settings() []Setting {
	var list []Setting
	add := func(on bool, name func(iface, setting string) sysctl.Name, setting, value string) {
		if on {
			list = append(list, Setting{Name: name(r.Interface, setting), New: value})
		}
	}
	add(r.ipv6(), sysctl.IPv6, "disable_ipv6", "0") // where a host has it on for every new link
	add(r.ipv6(), sysctl.IPv6, "accept_ra", "0")    // a guest is not to give the host a router
	add(r.Proxy, sysctl.IPv4, "proxy_arp", "1")
	add(len(r.gateways()) > 0, sysctl.IPv6, "proxy_ndp", "1")
	// As a rule these follow "all", and are right by now.
	add(r.Forwarding.IPv4, sysctl.IPv4, "forwarding", "1")
	add(r.Forwarding.IPv6, sysctl.IPv6, "forwarding", "1")
	return list
}
