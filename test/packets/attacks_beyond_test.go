package packets

import (
	"slices"

	"vifd/internal/frame"
)

// beyondAttacks is what a guest can do without lying about who it is, and what the templates that source-guard does not include
// are for.
func beyondAttacks(c *cast) []attack {
	me, victim := c.me, c.victim
	vrrp := frame.IPv4{Src: me.ip4, Dst: vrrp4, TTL: 255, Protocol: protoVRRP}
	v6 := frame.IPv6{Src: me.ll, Dst: vrrp6, NextHeader: protoVRRP}
	all4, query6 := frame.IPv4{Src: me.ip4, Dst: systems4, TTL: 1, Options: frame.IPRouterAlert()}, frame.IPv6{Src: me.ll, Dst: allNodes, HopLimit: 1}
	mld := frame.ICMPv6{Type: 130, Body: make([]byte, 20)}
	echo := frame.ICMPv4{Type: frame.ICMPEchoRequest, Body: frame.Echo(1, 1, "x")}
	tcp := func(flags uint8) [][]byte {
		return build(c.to(), frame.IPv4{Src: me.ip4, Dst: victim.ip4}, frame.TCP{Src: 1, Dst: 80, Flags: flags})
	}
	tcp6 := func(flags uint8) [][]byte {
		return build(c.to(), frame.IPv6{Src: me.ip6, Dst: victim.ip6}, frame.HopByHop{}, frame.TCP{Src: 1, Dst: 80, Flags: flags})
	}
	discover := frame.Raw(frame.DHCPDiscover(nobody, 1))
	unset := frame.IPv4{Src: unset4, Dst: broadcast4, Protocol: frame.ProtoUDP}
	datagram := frame.Build(unset, frame.UDP{Src: 68, Dst: 67}, discover)[20:]
	rows := []attack{
		{name: "VRRP for another's group", frames: build(c.group(vrrp4), vrrp, advert(51, 0x31)), by: []string{"no-vrrp", "no-ip-multicast", "no-multicast"}},
		{name: "VRRP for another's group, to the victim", frames: build(c.to(), frame.IPv4{Src: me.ip4, Dst: victim.ip4, TTL: 255, Protocol: protoVRRP}, advert(51, 0x31)), by: []string{"no-vrrp"}},
		{name: "VRRP over IPv6 for another's group", frames: build(c.group(vrrp6), v6, advert(51, 0x31)), by: []string{"no-vrrp", "no-ip6-multicast", "no-multicast"}},
		{name: "VRRP over IPv6 behind destination options", frames: build(c.group(vrrp6), frame.IPv6{Src: me.ll, Dst: vrrp6}, frame.DestinationOptions{NextHeader: protoVRRP}, advert(51, 0x31)), by: []string{"no-vrrp", "no-ip6-multicast", "no-multicast"}},
		{name: "IGMP query", frames: build(c.group(systems4), all4, frame.IGMP{Type: frame.IGMPQuery, MaxRespTime: 1}), by: []string{"no-multicast-querier", "no-ip-multicast", "no-multicast"}},
		{name: "MLD query", frames: build(c.group(allNodes), query6, frame.HopByHop{Options: frame.RouterAlert()}, mld), by: []string{"no-multicast-querier", "no-ip6-multicast", "no-multicast"}},
		{name: "PIM hello", frames: build(c.group(pim4), frame.IPv4{Src: me.ip4, Dst: pim4, TTL: 1, Protocol: 103}, frame.Raw{0x20, 0, 0, 0}), by: []string{"no-multicast-querier", "no-ip-multicast", "no-multicast"}},
		{name: "DHCP discover for another client", frames: build(c.all(), frame.IPv4{Src: unset4, Dst: broadcast4}, frame.UDP{Src: 68, Dst: 67}, discover), by: []string{"no-dhcp-spoofing"}},
		{name: "DHCP discover for another client from another port", frames: build(c.all(), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 6868, Dst: 67}, discover), by: []string{"no-dhcp-spoofing", "no-mac-broadcast"}},
		{name: "DHCP discover for another client in fragments", frames: fragments4(c.all(), unset, datagram, 8), by: []string{"no-dhcp-spoofing"}},
		{name: "DHCP discover for another client with a false length", frames: lengthened(build(c.all(), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 68, Dst: 67}, discover)), by: []string{"no-dhcp-spoofing"}},
		{name: "ping of everybody", frames: build(c.all(), frame.IPv4{Src: me.ip4, Dst: addr4(255)}, echo), by: []string{"no-smurfs", "no-mac-broadcast"}},
		{name: "ping of a group", frames: build(c.group(group4), frame.IPv4{Src: me.ip4, Dst: group4}, echo), by: []string{"no-smurfs", "no-ip-multicast", "no-multicast"}},
		{name: "TCP without a flag", frames: tcp(0), by: []string{"tcp-sanity"}},
		{name: "TCP with SYN and FIN", frames: tcp(frame.SYN | frame.FIN), by: []string{"tcp-sanity"}},
		{name: "TCP with SYN and RST, IPv6, behind options", frames: tcp6(frame.SYN | frame.RST), by: []string{"tcp-sanity"}},
	}
	for i := range rows {
		rows[i].beyond = true
	}
	return rows
}

const protoVRRP = 112

// advert is an advertisement: of VRRP version 3 if its first byte is 0x31, else 0x21, of version 2, or CARP's.
func advert(vrid byte, first byte) frame.Raw {
	return frame.Raw{first, vrid, 255, 1, 0, 100, 0, 0, 192, 0, 2, 100}
}

// rider is what an allowance is for, what comes close to it, and which attacks it makes no attack.
type rider struct {
	honest []saying
	near   []attack
	honors []string // names of attacks that are honest of whoever may this
}

// riders is by the template's name; each goes before source-guard.
func riders(c *cast) map[string]rider {
	me, victim := c.me, c.victim
	as := func(mac []byte, to frame.Ethernet) frame.Ethernet { to.Src = mac; return to }
	multicast := c.group(vrrp4)
	vrrp := frame.IPv4{Src: me.ip4, Dst: vrrp4, TTL: 255, Protocol: protoVRRP}
	v6 := frame.IPv6{Src: me.ll, Dst: vrrp6, NextHeader: protoVRRP}
	shared := []saying{
		{name: "gratuitous ARP for the shared address", frames: build(c.all(), frame.ARP{SHA: me.mac, SPA: shared4, TPA: shared4})},
		{name: "gratuitous ARP of the virtual MAC", frames: build(as(virtual, c.all()), frame.ARP{Op: frame.ARPReply, SHA: virtual, SPA: shared4, THA: frame.Broadcast(), TPA: shared4})},
		{name: "ARP reply with the virtual MAC", frames: build(c.to(), frame.ARP{Op: frame.ARPReply, SHA: virtual, SPA: shared4, THA: victim.mac, TPA: victim.ip4})},
		{name: "ARP probe for the shared address", frames: build(c.all(), frame.ARP{SHA: me.mac, SPA: unset4, TPA: shared4})},
		{name: "NA of the shared address", frames: build(as(virtual, c.group(allNodes)), frame.IPv6{Src: shared6, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, shared6, tll(virtual)))},
		{name: "NA of the shared address from one's own", frames: build(c.group(allNodes), frame.IPv6{Src: me.ll, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, shared6, tll(me.mac)))},
		{name: "NS from the shared address", frames: build(c.to(), frame.IPv6{Src: shared6, Dst: victim.ip6}, frame.NeighborSolicit(victim.ip6, sll(me.mac)))},
		{name: "DAD of the shared address", frames: build(c.group(frame.SolicitedNode(shared6)), frame.IPv6{Src: unset6, Dst: frame.SolicitedNode(shared6)}, frame.NeighborSolicit(shared6, nonce()))},
		{name: "TCP from the shared address", frames: build(as(virtual, c.to()), frame.IPv4{Src: shared4, Dst: victim.ip4}, frame.TCP{Src: 80, Dst: 4000, Flags: frame.SYN})},
		{name: "UDP from the shared address", frames: udp(c.to(), shared4, victim.ip4)},
		{name: "UDP in fragments from the shared address", frames: fragments4(c.to(), frame.IPv4{Src: shared4, Dst: victim.ip4, Protocol: frame.ProtoUDP}, frame.Build(frame.IPv4{Src: shared4, Dst: victim.ip4}, frame.UDP{Src: 1, Dst: 2}, big())[20:], 1480)[:1]},
		{name: "UDP from the shared address, IPv6", frames: udp(c.to(), shared6, victim.ip6)},
		{name: "UDP in fragments from the shared address, IPv6", frames: fragments6(c.to(), frame.IPv6{Src: shared6, Dst: victim.ip6}, frame.ProtoUDP, body(frame.IPv6{Src: shared6, Dst: victim.ip6}, frame.UDP{Src: 1, Dst: 2}, big()), 1440, 1440)},
		{name: "ping from the shared address", frames: build(c.to(), frame.IPv4{Src: shared4, Dst: victim.ip4}, frame.ICMPv4{Type: frame.ICMPEchoReply, Body: frame.Echo(1, 1, "x")})},
	}
	offer := frame.Raw(frame.DHCPOffer(victim.mac, 1, nobody4, shared4))
	ipv6 := frame.IPv6{Src: shared6, Dst: victim.ip6}
	near := []attack{
		{name: "ARP for another's address with the virtual MAC", frames: build(as(virtual, c.all()), frame.ARP{Op: frame.ARPReply, SHA: virtual, SPA: c.friend.ip4, TPA: victim.ip4})},
		{name: "ARP for the shared address with a false MAC", frames: build(c.all(), frame.ARP{Op: frame.ARPReply, SHA: nobody, SPA: shared4, TPA: victim.ip4})},
		{name: "ARP for the shared address from a false MAC", frames: build(as(nobody, c.all()), frame.ARP{Op: frame.ARPReply, SHA: virtual, SPA: shared4, TPA: victim.ip4})},
		{name: "ARP for the shared address of another shape", frames: build(c.all(), frame.ARP{Op: frame.ARPReply, HLen: 8, SHA: virtual, SPA: shared4, TPA: victim.ip4})},
		{name: "NA for another's address with the virtual MAC", frames: build(as(virtual, c.group(allNodes)), frame.IPv6{Src: shared6, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, c.friend.ip6, tll(virtual)))},
		{name: "NA for the shared address with a false MAC", frames: build(c.group(allNodes), frame.IPv6{Src: shared6, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, shared6, tll(nobody)))},
		{name: "NA for the shared address with two MACs", frames: build(c.group(allNodes), frame.IPv6{Src: shared6, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, shared6, tll(virtual), tll(nobody)))},
		{name: "NA for the shared address from another's", frames: build(c.group(allNodes), frame.IPv6{Src: c.friend.ll, Dst: allNodes}, frame.NeighborAdvert(frame.NAOverride, shared6, tll(virtual)))},
		{name: "NS from the shared address with a false MAC", frames: build(c.to(), ipv6, frame.NeighborSolicit(victim.ip6, sll(nobody)))},
		{name: "RA from the shared address", frames: build(c.group(allNodes), frame.IPv6{Src: shared6, Dst: allNodes}, frame.RouterAdvert(1800))},
		{name: "RA from the shared address behind destination options", frames: build(c.to(), ipv6, frame.DestinationOptions{}, frame.RouterAdvert(1800))},
		{name: "RA from the shared address in fragments", frames: fragments6(c.to(), ipv6, frame.ProtoICMPv6, body(ipv6, frame.RouterAdvert(1800)), 8)},
		{name: "redirect from the shared address", frames: build(c.to(), ipv6, frame.Redirect(me.ll, nobody6))},
		{name: "DHCP offer from the shared address", frames: build(c.to(), frame.IPv4{Src: shared4, Dst: victim.ip4}, frame.UDP{Src: 67, Dst: 68}, offer)},
		{name: "DHCP offer from the shared address, broadcast", frames: build(as(virtual, c.all()), frame.IPv4{Src: shared4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, offer)},
		{name: "DHCPv6 advertise from the shared address", frames: build(c.to(), ipv6, frame.UDP{Src: 547, Dst: 546}, payload)},
		{name: "DHCPv6 advertise from the shared address in fragments", frames: fragments6(c.to(), ipv6, frame.ProtoUDP, body(ipv6, frame.UDP{Src: 547, Dst: 546}, payload), 8)},
		{name: "IPv4 from another's address and the virtual MAC", frames: udp(as(virtual, c.to()), c.friend.ip4, victim.ip4)},
		{name: "multicast from the shared address", frames: udp(c.group(group4), shared4, group4)},
		{name: "VRRP from the shared address", frames: build(multicast, frame.IPv4{Src: shared4, Dst: vrrp4, TTL: 255, Protocol: protoVRRP}, advert(52, 0x31))},
		{name: "TCP from the shared address, tagged", frames: disguised(build(c.to(), frame.IPv4{Src: shared4, Dst: victim.ip4}, frame.TCP{Src: 80, Dst: 4000, Flags: frame.SYN}), disguises[3].tags)},
	}
	group := func(carp bool) rider {
		kinds := []byte{0x31, 0x21}
		if carp {
			kinds = kinds[1:]
		}
		r := rider{honest: slices.Clone(shared), near: slices.Clone(near)}
		for _, kind := range kinds {
			r.honest = append(r.honest, saying{name: "advertisement", frames: build(as(virtual, multicast), vrrp, advert(51, kind))})
		}
		r.honest = append(r.honest, saying{name: "advertisement over IPv6", frames: build(as(virtual, c.group(vrrp6)), v6, advert(51, kinds[0]))})
		change := func(f func(*frame.IPv4)) frame.IPv4 { ip := vrrp; f(&ip); return ip }
		for name, layers := range map[string][]frame.Layer{
			"of another group":           {as(virtual, multicast), vrrp, advert(52, kinds[0])},
			"of another type":            {as(virtual, multicast), vrrp, advert(51, 0x32)},
			"of TTL 254":                 {as(virtual, multicast), change(func(ip *frame.IPv4) { ip.TTL = 254 }), advert(51, kinds[0])},
			"to one host":                {as(virtual, c.to()), change(func(ip *frame.IPv4) { ip.Dst = victim.ip4 }), advert(51, kinds[0])},
			"to everybody":               {as(virtual, c.all()), vrrp, advert(51, kinds[0])},
			"from another's address":     {as(virtual, multicast), change(func(ip *frame.IPv4) { ip.Src = c.friend.ip4 }), advert(51, kinds[0])},
			"in a fragment":              {as(virtual, multicast), change(func(ip *frame.IPv4) { ip.MoreFragments = true }), advert(51, kinds[0])},
			"in a later fragment":        {as(virtual, multicast), change(func(ip *frame.IPv4) { ip.FragmentOffset = 1 }), advert(51, kinds[0])},
			"from a false MAC":           {as(nobody, multicast), vrrp, advert(51, kinds[0])},
			"over IPv6 of another group": {as(virtual, c.group(vrrp6)), v6, advert(52, kinds[0])},
			"over IPv6 behind options":   {as(virtual, c.group(vrrp6)), frame.IPv6{Src: me.ll, Dst: vrrp6}, frame.DestinationOptions{NextHeader: protoVRRP}, advert(51, kinds[0])},
		} {
			r.near = append(r.near, attack{name: "advertisement " + name, frames: build(layers...)})
		}
		return r
	}
	own6 := frame.IPv6{Src: me.ll, Dst: victim.ll}
	return map[string]rider{
		"allow-address-pair": {honest: shared, near: near},
		"allow-vrrp":         group(false),
		"allow-carp":         group(true),
		"allow-dhcp-server": {
			honest: []saying{{name: "DHCP offer", frames: build(c.all(), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, offer)}},
			near: []attack{
				{name: "DHCP offer from another's address", frames: build(c.all(), frame.IPv4{Src: c.friend.ip4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, offer)},
				{name: "DHCP offer from a false MAC", frames: build(as(nobody, c.all()), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, offer)},
				{name: "DHCP offer from another port", frames: build(c.all(), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 66, Dst: 68}, offer)},
			},
			honors: []string{
				"DHCP offer", "DHCP offer to the victim", "DHCP offer behind options", "DHCP offer in fragments", "DHCP offer in the smallest fragments",
				"DHCP offer in fragments, the last one first", "DHCP offer in fragments behind options",
			},
		},
		"allow-dhcp6-server": {
			honest: []saying{{name: "DHCPv6 advertise", frames: build(c.to(), own6, frame.UDP{Src: 547, Dst: 546}, payload)}},
			near: []attack{
				{name: "DHCPv6 advertise from another's address", frames: build(c.to(), frame.IPv6{Src: c.friend.ll, Dst: victim.ll}, frame.UDP{Src: 547, Dst: 546}, payload)},
				{name: "DHCPv6 advertise from a false MAC", frames: build(as(nobody, c.to()), own6, frame.UDP{Src: 547, Dst: 546}, payload)},
			},
			honors: []string{"DHCPv6 advertise", "DHCPv6 advertise to all", "DHCPv6 advertise from a global address"},
		},
		"allow-router-advert": {
			honest: []saying{{name: "RA", frames: build(c.group(allNodes), frame.IPv6{Src: me.ll, Dst: allNodes}, frame.RouterAdvert(1800, sll(me.mac)))}},
			honors: []string{"RA", "RA without options", "RA to the victim alone", "RA in a broadcast"},
		},
		"allow-dhcp":  {honest: []saying{{name: "DHCP discover", frames: build(c.all(), frame.IPv4{Src: unset4, Dst: broadcast4}, frame.UDP{Src: 68, Dst: 67}, payload)}}},
		"allow-dhcp6": {honest: []saying{{name: "DHCPv6 solicit", frames: build(c.group(allDHCPv6), frame.IPv6{Src: me.ll, Dst: allDHCPv6}, frame.UDP{Src: 546, Dst: 547}, payload)}}},
	}
}
