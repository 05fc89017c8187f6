package route

import (
	"net/netip"
	"slices"

	"vifd/internal/rtnl"
)

// What an address must not be to stand for the host (IFA_F_*, linux/if_addr.h).
const (
	flagSecondary  = 0x01 // in IPv6: temporary
	flagDADFailed  = 0x08
	flagDeprecated = 0x20
	flagTentative  = 0x40
)

// Primary finds the host's addresses among those of an uplink, one for each family: the first that is global and neither secondary nor
// temporary nor deprecated nor still in doubt; not valid where there is none. With its whole length, as on a vif: 192.0.2.1/32.
func Primary(uplink []rtnl.Address) (ipv4, ipv6 netip.Prefix) {
	for _, a := range uplink {
		addr := a.Prefix.Addr()
		if a.Scope != rtnl.ScopeGlobal || a.Flags&(flagSecondary|flagDADFailed|flagDeprecated|flagTentative) != 0 {
			continue
		}
		whole := netip.PrefixFrom(addr, addr.BitLen())
		if addr.Is4() && !ipv4.IsValid() {
			ipv4 = whole
		}
		if addr.Is6() && !ipv6.IsValid() {
			ipv6 = whole
		}
	}
	return ipv4, ipv6
}

// Gateways finds what Route.Gateways is to be: the routers that an uplink's default routes go by, as far as they can be answered for.
func Gateways(routes []rtnl.Route, uplink int) []netip.Addr {
	var list []netip.Addr
	for _, r := range routes {
		g := r.Gateway
		if r.OIF == uplink && r.Dst.Bits() == 0 && g.IsValid() && g.Is6() && !g.IsLinkLocalUnicast() && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}
