package packets

import "vifd/internal/frame"

// attack is a lie. Of an attack of several frames, the fragments of a datagram, none has arrived unless all have.
type attack struct {
	name   string
	frames [][]byte
	by     []string // the templates that each stop it alone
	inert  bool     // the bridge forwards it to nobody, guarded or not
	beyond bool     // it is no lie about who one is, and none of source-guard's business
}

// attacks is all that lie about who one is, or what.
func attacks(c *cast) []attack {
	var all []attack
	for _, group := range []func(*cast) []attack{linkAttacks, arpAttacks, ipv4Attacks, ipv6Attacks, neighbourAttacks, routerAttacks, serverAttacks} {
		all = append(all, group(c)...)
	}
	return all
}

func linkAttacks(c *cast) []attack {
	const mac, other = "no-mac-spoofing", "no-other-l2"
	from := func(src, dst []byte) [][]byte {
		return udp(frame.Ethernet{Src: src, Dst: dst}, c.me.ip4, broadcast4)
	}
	typed := func(kind uint16) [][]byte {
		eth := c.all()
		eth.Type = kind
		return build(eth, payload)
	}
	linkLocal := func(src []byte, last byte, kind uint16) [][]byte {
		return build(frame.Ethernet{Src: src, Dst: []byte{0x01, 0x80, 0xc2, 0x00, 0x00, last}, Type: kind}, payload)
	}
	stp := frame.Ethernet{Src: c.me.mac, Dst: []byte{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}}
	pvst := frame.Ethernet{Src: c.me.mac, Dst: []byte{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd}}
	llc, snap := frame.LLC{DSAP: 0x42, SSAP: 0x42}, frame.LLC{DSAP: 0xaa, SSAP: 0xaa}
	return []attack{
		{name: "MAC of a friend", frames: from(c.friend.mac, c.victim.mac), by: []string{mac}},
		{name: "MAC of a friend, broadcast", frames: from(c.friend.mac, frame.Broadcast()), by: []string{mac}},
		{name: "MAC of the victim, broadcast", frames: from(c.victim.mac, frame.Broadcast()), by: []string{mac}},
		{name: "MAC of nobody", frames: from(nobody, c.victim.mac), by: []string{mac}},
		{name: "MAC of nobody, with next to nothing behind it", frames: build(frame.Ethernet{Src: nobody, Dst: c.victim.mac, Type: frame.TypeIPv4}, frame.Raw{0x45, 0}), by: []string{mac}},
		{name: "MAC that is multicast", frames: from([]byte{0x03, 0, 0, 0, 0, 1}, c.victim.mac), inert: true},
		{name: "MAC that is broadcast", frames: from(frame.Broadcast(), c.victim.mac), inert: true},
		{name: "MAC that is zero", frames: from(nil, c.victim.mac), inert: true},
		{name: "LLDP from a false MAC", frames: linkLocal(nobody, 0x0e, 0x88cc), inert: true},
		{name: "EAPOL from a friend's MAC", frames: linkLocal(c.friend.mac, 0x03, 0x888e), inert: true},
		{name: "pause from a false MAC", frames: linkLocal(nobody, 0x01, 0x8808), inert: true},
		{name: "BPDU", frames: build(stp, llc, frame.Raw(frame.BPDU(c.me.mac))), by: []string{"no-bpdu", other}},
		{name: "BPDU to all", frames: build(c.all(), llc, frame.Raw(frame.BPDU(c.me.mac))), by: []string{other, "ethertypes"}},
		{name: "per-VLAN BPDU", frames: build(pvst, snap, frame.SNAP{OUI: [3]byte{0, 0, 0x0c}, Type: 0x010b}, frame.Raw(frame.BPDU(c.me.mac))), by: []string{"no-bpdu", other}},
		{name: "IPv4 in SNAP", frames: build(c.to(), snap, frame.SNAP{}, frame.IPv4{Src: c.friend.ip4, Dst: c.victim.ip4}, frame.UDP{Src: 1, Dst: 2}, payload), by: []string{other, "ethertypes"}},
		{name: "ARP in SNAP", frames: build(c.to(), snap, frame.SNAP{}, frame.ARP{Op: frame.ARPReply, SHA: c.me.mac, SPA: c.friend.ip4}), by: []string{other, "ethertypes"}},
		{name: "RA in SNAP", frames: build(c.group(allNodes), snap, frame.SNAP{}, frame.IPv6{Src: c.me.ll, Dst: allNodes}, frame.RouterAdvert(1800)), by: []string{other, "ethertypes"}},
		{name: "IPX in 802.3", frames: build(c.all(), frame.Raw{0xff, 0xff, 0, 30}), by: []string{other, "ethertypes"}},
		{name: "ether type 0x88b5", frames: typed(0x88b5), by: []string{other, "ethertypes"}},
		{name: "MPLS", frames: typed(0x8847), by: []string{other, "ethertypes"}},
		{name: "PPPoE discovery", frames: typed(0x8863), by: []string{other, "ethertypes"}},
		{name: "PPPoE session", frames: typed(0x8864), by: []string{other, "ethertypes"}},
		{name: "EAPOL", frames: typed(0x888e), by: []string{other, "ethertypes"}},
		{name: "LLDP", frames: typed(0x88cc), by: []string{"no-lldp", other}},
		{name: "MACsec", frames: typed(0x88e5), by: []string{other, "ethertypes"}},
		{name: "provider backbone bridging", frames: typed(0x88e7), by: []string{other, "ethertypes"}},
		{name: "batman", frames: typed(0x4305), by: []string{other, "ethertypes"}},
		{name: "loopback", frames: typed(0x9000), by: []string{other, "ethertypes"}},
		{name: "tag 0x9200", frames: typed(0x9200), by: []string{other, "ethertypes"}},
		{name: "tag 0x9100 and next to nothing", frames: build(frame.Ethernet{Src: c.me.mac, Dst: c.victim.mac, Type: 0x9100}, frame.Raw{0, 5, 8, 0}), by: []string{"no-vlan-tags", other}},
		{name: "LLDP to the bridges' group", frames: build(frame.Ethernet{Src: c.me.mac, Dst: []byte{0x01, 0x80, 0xc2, 0, 0, 0}, Type: 0x88cc}, payload), by: []string{"no-lldp", "no-bpdu", other}},
		{name: "CDP", frames: build(frame.Ethernet{Src: c.me.mac, Dst: []byte{0x01, 0, 0x0c, 0xcc, 0xcc, 0xcc}}, snap, frame.SNAP{OUI: [3]byte{0, 0, 0x0c}, Type: 0x2000}, payload), by: []string{"no-lldp", other}},
	}
}

func arpAttacks(c *cast) []attack {
	const arp = "no-arp-spoofing"
	me, friend, victim := c.me, c.friend, c.victim
	say := func(a frame.ARP) [][]byte { return build(c.all(), a) }
	honest := frame.ARP{Op: frame.ARPReply, SHA: me.mac, SPA: me.ip4, THA: victim.mac, TPA: victim.ip4}
	odd := func(change func(*frame.ARP)) [][]byte {
		a := honest
		change(&a)
		return say(a)
	}
	rarp := func(eth frame.Ethernet, sha []byte) [][]byte {
		eth.Type = 0x8035
		return build(eth, frame.ARP{Op: 3, SHA: sha, THA: sha, SPA: unset4, TPA: unset4})
	}
	short := frame.Build(c.to(), frame.ARP{Op: frame.ARPReply, SHA: me.mac, SPA: friend.ip4})
	rows := []attack{
		{name: "ARP reply for a friend's address", frames: odd(func(a *frame.ARP) { a.SPA = friend.ip4 })},
		{name: "ARP reply for a friend's address, to the victim", frames: build(c.to(), frame.ARP{Op: frame.ARPReply, SHA: me.mac, SPA: friend.ip4, THA: victim.mac, TPA: victim.ip4})},
		{name: "ARP reply for the victim's address", frames: odd(func(a *frame.ARP) { a.SPA = victim.ip4 })},
		{name: "ARP reply for nobody's address", frames: odd(func(a *frame.ARP) { a.SPA = nobody4 })},
		{name: "ARP reply with a false MAC", frames: odd(func(a *frame.ARP) { a.SHA = nobody })},
		{name: "ARP reply with a friend's MAC and address", frames: odd(func(a *frame.ARP) { a.SHA, a.SPA = friend.mac, friend.ip4 })},
		{name: "ARP reply from 0.0.0.0", frames: odd(func(a *frame.ARP) { a.SPA = unset4 })},
		{name: "ARP request from a friend's address", frames: say(frame.ARP{SHA: me.mac, SPA: friend.ip4, TPA: victim.ip4})},
		{name: "ARP request with a false MAC", frames: say(frame.ARP{SHA: nobody, SPA: me.ip4, TPA: victim.ip4})},
		{name: "gratuitous ARP for a friend's address", frames: say(frame.ARP{SHA: me.mac, SPA: friend.ip4, TPA: friend.ip4})},
		{name: "gratuitous ARP reply for a friend's address", frames: say(frame.ARP{Op: frame.ARPReply, SHA: me.mac, SPA: friend.ip4, THA: frame.Broadcast(), TPA: friend.ip4})},
		{name: "gratuitous ARP with a false MAC", frames: say(frame.ARP{SHA: nobody, SPA: me.ip4, TPA: me.ip4})},
		{name: "ARP probe for a friend's address", frames: say(frame.ARP{SHA: me.mac, SPA: unset4, TPA: friend.ip4})},
		{name: "ARP probe with a false MAC", frames: say(frame.ARP{SHA: nobody, SPA: unset4, TPA: me.ip4})},
		{name: "ARP of hardware type 6", frames: odd(func(a *frame.ARP) { a.HType = 6 })},
		{name: "ARP of hardware type 6 for a friend's address", frames: odd(func(a *frame.ARP) { a.HType, a.SPA = 6, friend.ip4 })},
		{name: "ARP of protocol 0x86dd", frames: odd(func(a *frame.ARP) { a.PType = frame.TypeIPv6 })},
		{name: "ARP with MACs of 8 bytes", frames: odd(func(a *frame.ARP) { a.HLen = 8 })},
		{name: "ARP with MACs of 1 byte", frames: odd(func(a *frame.ARP) { a.HLen = 1 })},
		{name: "ARP with addresses of 16 bytes", frames: odd(func(a *frame.ARP) { a.PLen = 16 })},
		{name: "ARP of operation 9", frames: odd(func(a *frame.ARP) { a.Op = 9 })},
		{name: "ARP of operation 0x0201", frames: odd(func(a *frame.ARP) { a.Op = 0x0201 })},
		{name: "RARP in ARP", frames: odd(func(a *frame.ARP) { a.Op = 3 })},
		{name: "ARP cut off behind the sender", frames: [][]byte{short[:14+18]}},
		{name: "ARP cut off in the sender's address", frames: [][]byte{short[:14+16]}},
		{name: "ARP cut off behind the operation", frames: [][]byte{short[:14+8]}},
		{name: "RARP with a friend's MAC", frames: rarp(c.all(), friend.mac)},
		{name: "RARP with a false MAC", frames: rarp(c.to(), nobody)},
	}
	for i := range rows {
		rows[i].by = []string{arp}
	}
	return append(rows,
		attack{name: "RARP for a friend, from his MAC", frames: rarp(frame.Ethernet{Src: friend.mac, Dst: frame.Broadcast()}, friend.mac), by: []string{arp, "no-mac-spoofing"}},
		attack{name: "ARP for a friend, from his MAC", frames: build(frame.Ethernet{Src: friend.mac, Dst: frame.Broadcast()}, frame.ARP{SHA: friend.mac, SPA: friend.ip4, TPA: friend.ip4}), by: []string{arp, "no-mac-spoofing"}},
	)
}
