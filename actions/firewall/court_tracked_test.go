package firewall_test

import (
	"net/netip"
	"strings"
	"testing"

	"vifd/internal/frame"
	"vifd/internal/packet"
	"vifd/internal/stmt"
)

// newTrackedCourt has the kernel track connections, and routes to all unicast addresses of the cast. It puts fragments together
// before any hook sees them, and knows more of a packet than that it is the first of its connection: there are none such.
func newTrackedCourt(t *testing.T) *routedCourt {
	t.Helper()
	c := newRoutedCourt(t)
	c.tracked, c.cast.fragments, c.cast.whole = true, false, true
	c.cast.v4 = addrs("192.0.2.1", "192.0.2.7", "192.0.2.254", "172.16.9.1", "198.51.100.5", "203.0.113.77", "10.1.2.3", "192.0.2.255", "172.16.9.4")
	c.cast.v6 = addrs("2001:db8::1", "2001:db8::7", "2001:db8:1::5", "2001:db8::fe", "fd00::4", "2001:db8::1:1", "2001:db8:9::1", "2001:db8:9::7", "fd00::5", "fd00::6")
	for _, args := range []string{
		"address add 192.0.2.254/24 dev " + guestPort, "address add 172.16.9.1/24 dev " + farPort, "route add default dev " + farPort,
		"-6 address add 2001:db8::fe/64 nodad dev " + guestPort, "-6 address add 2001:db8:9::1/64 nodad dev " + farPort, "-6 route add default dev " + farPort,
	} {
		if strings.HasPrefix(args, "-6") {
			c.host.Run(t, "sysctl", "-qw", "net.ipv6.conf."+farPort+".disable_ipv6=0")
		}
		c.host.Run(t, "ip", strings.Fields(args)...)
	}
	return c
}

// routes is what the tracked court's routing tables say (nft_fib4_eval, nft_fib4_eval_type and their likes of IPv6): an address of
// its own has no route.
func routes(addr netip.Addr, l stmt.Lookup) (present bool, oif string, kind uint32) {
	const unicast, local, broadcast = 1, 2, 3
	oif, kind = farPort, unicast
	for _, near := range []string{"192.0.2.0/24", "2001:db8::/64"} {
		if netip.MustParsePrefix(near).Contains(addr) {
			oif = guestPort
		}
	}
	switch addr.String() {
	case "192.0.2.254", "2001:db8::fe", "172.16.9.1", "2001:db8:9::1":
		kind = local
	case "192.0.2.255":
		kind = broadcast
	}
	elsewhere := l.Iif && oif != guestPort
	if l.Result == stmt.FibAddrType && elsewhere {
		return true, oif, unicast
	}
	if elsewhere || kind == local {
		return false, "", kind
	}
	return true, oif, kind
}

// begins reports whether a packet is the first of a connection, or none that could be one.
func begins(p *packet.Packet) bool {
	l4, _ := p.L4Proto()
	kind, _ := p.Payload(packet.TransportHeader, 0, 1)
	flags, _ := p.Payload(packet.TransportHeader, 13, 1)
	if p.Unseen() != "" || p.Protocol() == frame.TypeARP {
		return p.Protocol() == frame.TypeARP
	}
	switch l4 {
	case frame.ProtoICMP:
		return kind[0] == frame.ICMPEchoRequest
	case frame.ProtoICMPv6:
		return kind[0] == frame.ICMPv6EchoRequest || kind[0] >= 130 && kind[0] <= 136
	case frame.ProtoTCP:
		return len(flags) == 1 && flags[0] == frame.SYN
	}
	return l4 == frame.ProtoUDP || l4 == 2
}
