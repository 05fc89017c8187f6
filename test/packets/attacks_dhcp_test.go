package packets

import "vifd/internal/frame"

func serverAttacks(c *cast) []attack {
	me, victim := c.me, c.victim
	ip := frame.IPv4{Src: me.ip4, Dst: broadcast4, Protocol: frame.ProtoUDP}
	optioned := ip
	optioned.Options = frame.IPRouterAlert()
	offer := frame.Raw(frame.DHCPOffer(victim.mac, 1, nobody4, me.ip4))
	datagram := frame.Build(ip, frame.UDP{Src: 67, Dst: 68}, offer)[20:]
	rows := []attack{
		{name: "DHCP offer", frames: build(c.all(), ip, frame.UDP{Src: 67, Dst: 68}, offer)},
		{name: "DHCP offer to the victim", frames: build(c.to(), frame.IPv4{Src: me.ip4, Dst: victim.ip4}, frame.UDP{Src: 67, Dst: 68}, offer)},
		{name: "DHCP offer from another port", frames: build(c.all(), ip, frame.UDP{Src: 6767, Dst: 68}, offer)},
		{name: "DHCP offer from the client's port", frames: build(c.all(), ip, frame.UDP{Src: 68, Dst: 68}, offer)},
		{name: "DHCP offer behind options", frames: build(c.all(), optioned, frame.UDP{Src: 67, Dst: 68}, offer)},
		{name: "DHCP offer in fragments", frames: fragments4(c.all(), ip, datagram, 64)},
		{name: "DHCP offer in the smallest fragments", frames: fragments4(c.all(), ip, datagram, 8)},
		{name: "DHCP offer in fragments, the last one first", frames: reversed(fragments4(c.all(), ip, datagram, 8, 16))},
		{name: "DHCP offer in fragments behind options", frames: fragments4(c.all(), optioned, datagram, 8)},
	}
	// DHCP clients read frames by themselves, and some take what no host would.
	lying := func(change func(ip []byte)) [][]byte {
		f := frame.Build(c.all(), ip, frame.UDP{Src: 67, Dst: 68}, offer)
		change(f[14:])
		return [][]byte{f}
	}
	rows = append(rows,
		attack{name: "DHCP offer with a length that is too long", frames: lying(func(ip []byte) { ip[2] = 0x7f })},
		attack{name: "DHCP offer with a length that is too short", frames: lying(func(ip []byte) { ip[2], ip[3] = 0, 19 })},
		attack{name: "DHCP offer with a header of 16 bytes", frames: lying(func(ip []byte) { ip[0] = 0x44 })},
		attack{name: "DHCP offer with version 5", frames: lying(func(ip []byte) { ip[0] = 0x55 })},
	)
	for i := range rows {
		rows[i].by = []string{"no-dhcp-server"}
	}
	ip6 := frame.IPv6{Src: me.ll, Dst: victim.ll}
	advert := frame.Raw(frame.DHCPv6Advertise(victim.mac, me.mac, 1, nobody6))
	answers := []attack{
		{name: "DHCPv6 advertise", frames: build(c.to(), ip6, frame.UDP{Src: 547, Dst: 546}, advert)},
		{name: "DHCPv6 advertise to all", frames: build(c.group(allNodes), frame.IPv6{Src: me.ll, Dst: allNodes}, frame.UDP{Src: 547, Dst: 546}, advert)},
		{name: "DHCPv6 advertise from another port", frames: build(c.to(), ip6, frame.UDP{Src: 5547, Dst: 546}, advert)},
		{name: "DHCPv6 advertise from a global address", frames: build(c.to(), frame.IPv6{Src: me.ip6, Dst: victim.ll}, frame.UDP{Src: 547, Dst: 546}, advert)},
	}
	answers = append(answers, obscured("DHCPv6 advertise", c.to(), ip6, frame.ProtoUDP,
		body(ip6, frame.UDP{Src: 547, Dst: 546}, advert), []byte{0x10, 0, 0x10, 0, 0, 8, 0, 0})...)
	for i := range answers {
		answers[i].by = []string{"no-dhcp6-server"}
	}
	return append(rows, answers...)
}
