package packets

import (
	"net/netip"

	"vifd/internal/frame"
)

func ipv4Attacks(c *cast) []attack {
	from := func(src netip.Addr) [][]byte { return udp(c.to(), src, c.victim.ip4) }
	ports := func(ip frame.IPv4, src, dst uint16) [][]byte {
		return build(c.all(), ip, frame.UDP{Src: src, Dst: dst}, frame.Raw(frame.DHCPDiscover(c.me.mac, 1)))
	}
	unset := frame.IPv4{Src: unset4, Dst: broadcast4}
	later := frame.IPv4{Src: c.friend.ip4, Dst: c.victim.ip4, FragmentOffset: 3, Protocol: frame.ProtoUDP}
	options := frame.IPv4{Src: c.friend.ip4, Dst: c.victim.ip4, Options: frame.IPRouterAlert()}
	rows := []attack{
		{name: "IPv4 from a friend's address", frames: from(c.friend.ip4)},
		{name: "IPv4 from the victim's address", frames: from(c.victim.ip4)},
		{name: "IPv4 from nobody's address", frames: from(nobody4)},
		{name: "IPv4 from 127.0.0.1", frames: from(netip.MustParseAddr("127.0.0.1"))},
		{name: "IPv4 from a group", frames: from(group4)},
		{name: "IPv4 from 255.255.255.255", frames: from(broadcast4)},
		{name: "IPv4 from a friend's address, broadcast", frames: udp(c.all(), c.friend.ip4, broadcast4)},
		{name: "IPv4 from a friend's address, with options", frames: build(c.to(), options, frame.UDP{Src: 1, Dst: 2}, payload)},
		{name: "IPv4 from a friend's address, later fragment", frames: build(c.to(), later, payload)},
		{name: "IPv4 from a friend's address, TCP", frames: build(c.to(), frame.IPv4{Src: c.friend.ip4, Dst: c.victim.ip4}, frame.TCP{Src: 1, Dst: 80, Flags: frame.RST})},
		{name: "IPv4 cut off in the source", frames: [][]byte{from(c.friend.ip4)[0][:14+14]}},
		{name: "IPv4 from 0.0.0.0 to a host", frames: from(unset4)},
		{name: "IPv4 from 0.0.0.0, broadcast", frames: udp(c.all(), unset4, broadcast4)},
		{name: "IPv4 from 0.0.0.0, ping", frames: build(c.all(), unset, frame.ICMPv4{Type: frame.ICMPEchoRequest, Body: frame.Echo(1, 1, "x")})},
		{name: "IPv4 from 0.0.0.0, IGMP", frames: build(c.group(group4), frame.IPv4{Dst: group4, TTL: 1, Options: frame.IPRouterAlert()}, frame.IGMP{Type: frame.IGMPv2Report, Group: group4})},
		{name: "DHCP discover from another port", frames: ports(unset, 6868, 67)},
		{name: "DHCP discover to another port", frames: ports(unset, 68, 6767)},
		{name: "DHCP discover from 0.0.0.0 to a host", frames: ports(frame.IPv4{Src: unset4, Dst: c.victim.ip4}, 68, 67)},
		{name: "DHCP over TCP from 0.0.0.0", frames: build(c.all(), unset, frame.TCP{Src: 68, Dst: 67, Flags: frame.SYN})},
		{name: "IPv4 from 0.0.0.0, later fragment", frames: build(c.all(), frame.IPv4{Src: unset4, Dst: broadcast4, FragmentOffset: 3, Protocol: frame.ProtoUDP}, frame.Raw{0, 68, 0, 67, 0, 8, 0, 0})},
	}
	for i := range rows {
		rows[i].by = []string{"no-ip-spoofing"}
	}
	return rows
}

func ipv6Attacks(c *cast) []attack {
	from := func(src netip.Addr) [][]byte { return udp(c.to(), src, c.victim.ip6) }
	friend := frame.IPv6{Src: c.friend.ip6, Dst: c.victim.ip6}
	datagram := body(friend, frame.UDP{Src: 4000, Dst: 4000}, payload)
	unset := frame.IPv6{Src: unset6, Dst: allNodes}
	report := frame.MLDv2Report(mdns6)
	rows := []attack{
		{name: "IPv6 from a friend's address", frames: from(c.friend.ip6)},
		{name: "IPv6 from a friend's link-local address", frames: from(c.friend.ll)},
		{name: "IPv6 from the victim's address", frames: from(c.victim.ip6)},
		{name: "IPv6 from nobody's address", frames: from(nobody6)},
		{name: "IPv6 from fe80::1", frames: from(netip.MustParseAddr("fe80::1"))},
		{name: "IPv6 from ::1", frames: from(netip.IPv6Loopback())},
		{name: "IPv6 from a friend's IPv4 address", frames: from(netip.AddrFrom16(c.friend.ip4.As16()))},
		{name: "IPv6 from a group", frames: from(allNodes)},
		{name: "IPv6 from a friend's address, behind hop-by-hop options", frames: build(c.to(), friend, frame.HopByHop{}, frame.UDP{Src: 1, Dst: 2}, payload)},
		{name: "IPv6 from a friend's address, later fragment", frames: fragments6(c.to(), friend, frame.ProtoUDP, datagram, 8)[1:]},
		{name: "IPv6 from a friend's address, no next header", frames: build(c.to(), friend, payload)},
		{name: "IPv6 cut off in the source", frames: [][]byte{from(c.friend.ip6)[0][:14+20]}},
		{name: "IPv6 from ::", frames: from(unset6)},
		{name: "IPv6 from ::, multicast", frames: udp(c.group(allNodes), unset6, allNodes)},
		{name: "IPv6 from ::, ping", frames: build(c.group(allNodes), unset, frame.ICMPv6{Type: frame.ICMPv6EchoRequest, Body: frame.Echo(1, 1, "x")})},
		{name: "IPv6 from ::, to a host", frames: build(c.to(), frame.IPv6{Src: unset6, Dst: c.victim.ip6}, frame.RouterSolicit())},
		{name: "IPv6 from ::, later fragment", frames: fragments6(c.group(allNodes), unset, frame.ProtoICMPv6, body(unset, report), 8)[1:]},
		{name: "neighbour advertisement from ::", frames: build(c.group(allNodes), unset, frame.NeighborAdvert(0, c.me.ll))},
	}
	for i := range rows {
		rows[i].by = []string{"no-ip6-spoofing"}
	}
	return rows
}
