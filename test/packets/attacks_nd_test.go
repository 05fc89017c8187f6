package packets

import (
	"net"
	"net/netip"
	"slices"

	"vifd/internal/frame"
)

var (
	sll = frame.SourceLinkLayer
	tll = frame.TargetLinkLayer
)

// nonce is the option of RFC 3971 that RFC 7527 has in duplicate address detection.
func nonce() frame.NDOption { return frame.NDOption{Type: 14, Data: []byte{1, 2, 3, 4, 5, 6}} }

func neighbourAttacks(c *cast) []attack {
	me, friend, victim := c.me, c.friend, c.victim
	ip := frame.IPv6{Src: me.ll, Dst: allNodes}
	send := func(src netip.Addr, m frame.ICMPv6) [][]byte {
		return build(c.group(allNodes), frame.IPv6{Src: src, Dst: allNodes}, m)
	}
	ask := func(options ...frame.NDOption) [][]byte {
		return send(me.ll, frame.NeighborSolicit(victim.ip6, options...))
	}
	probe := func(target netip.Addr, options ...frame.NDOption) [][]byte {
		group := frame.SolicitedNode(target)
		return build(c.group(group), frame.IPv6{Src: unset6, Dst: group}, frame.NeighborSolicit(target, options...))
	}
	claim := func(flags uint8, target netip.Addr, options ...frame.NDOption) [][]byte {
		return send(me.ll, frame.NeighborAdvert(flags, target, options...))
	}
	solicit := func(options ...frame.NDOption) [][]byte { return send(me.ll, frame.RouterSolicit(options...)) }
	long := func(kind uint8, mac net.HardwareAddr) frame.NDOption {
		return frame.NDOption{Type: kind, Length: 2, Data: append(slices.Clone(mac), make([]byte, 8)...)}
	}
	rows := []attack{
		{name: "NS with a false source link-layer address", frames: ask(sll(nobody))},
		{name: "NS with a friend's link-layer address", frames: send(me.ip6, frame.NeighborSolicit(victim.ip6, sll(friend.mac)))},
		{name: "NS with a nonce before the false one", frames: ask(nonce(), sll(nobody))},
		{name: "NS with a target link-layer address before the false one", frames: ask(tll(me.mac), sll(nobody))},
		{name: "NS with two source link-layer addresses", frames: ask(sll(me.mac), sll(nobody))},
		{name: "NS with two, the first of them false", frames: ask(sll(nobody), sll(me.mac))},
		{name: "NS with an option that is too long", frames: ask(long(frame.OptionSourceLinkLayer, me.mac))},
		{name: "NS with an option of length 0", frames: build(c.group(allNodes), ip, frame.NeighborSolicit(victim.ip6), frame.Raw{1, 0, 0, 0x16, 0x3e, 0, 0, 9})},
		{name: "NS with half an option", frames: build(c.group(allNodes), ip, frame.NeighborSolicit(victim.ip6), frame.Raw{1, 1, 0, 0x16})},
		{name: "NS with an unknown option", frames: ask(frame.NDOption{Type: 200, Data: friend.mac})},
		{name: "NS to the victim alone with a false one", frames: build(c.to(), frame.IPv6{Src: me.ip6, Dst: victim.ip6}, frame.NeighborSolicit(victim.ip6, sll(nobody)))},
		{name: "DAD for a friend's address", frames: probe(friend.ip6)},
		{name: "DAD for a friend's address with a nonce", frames: probe(friend.ip6, nonce())},
		{name: "DAD for a friend's link-local address", frames: probe(friend.ll)},
		{name: "DAD for nobody's address", frames: probe(nobody6)},
		{name: "DAD with a false link-layer address", frames: probe(me.ip6, sll(nobody))},
		{name: "DAD with a nonce and a false link-layer address", frames: probe(me.ip6, nonce(), sll(nobody))},
		{name: "DAD to a host for his address", frames: build(c.to(), frame.IPv6{Src: unset6, Dst: victim.ip6}, frame.NeighborSolicit(victim.ip6))},
		{name: "NA for a friend's address", frames: claim(frame.NAOverride, friend.ip6, tll(me.mac))},
		{name: "NA for a friend's link-local address", frames: claim(frame.NAOverride, friend.ll, tll(me.mac))},
		{name: "NA for the victim's address", frames: claim(0, victim.ip6, tll(me.mac))},
		{name: "NA for nobody's address", frames: claim(0, nobody6, tll(me.mac))},
		{name: "NA for a friend's address without an option", frames: claim(frame.NAOverride, friend.ip6)},
		{name: "NA for a friend's address with his MAC", frames: claim(frame.NAOverride, friend.ip6, tll(friend.mac))},
		{name: "NA for a friend's address, solicited", frames: build(c.to(), frame.IPv6{Src: me.ip6, Dst: victim.ip6}, frame.NeighborAdvert(frame.NASolicited|frame.NAOverride, friend.ip6, tll(me.mac)))},
		{name: "NA with a false target link-layer address", frames: claim(frame.NAOverride, me.ip6, tll(nobody))},
		{name: "NA with another option before the false one", frames: claim(frame.NAOverride, me.ip6, nonce(), tll(nobody))},
		{name: "NA with a source link-layer address before the false one", frames: claim(frame.NAOverride, me.ip6, sll(me.mac), tll(nobody))},
		{name: "NA with two target link-layer addresses", frames: claim(frame.NAOverride, me.ip6, tll(me.mac), tll(nobody))},
		{name: "NA with an option that is too long", frames: claim(frame.NAOverride, me.ip6, long(frame.OptionTargetLinkLayer, nobody))},
		{name: "NA with a source link-layer address", frames: claim(frame.NAOverride, me.ip6, sll(nobody))},
		{name: "RS with a false link-layer address", frames: solicit(sll(nobody))},
		{name: "RS with two link-layer addresses", frames: solicit(sll(me.mac), sll(nobody))},
		{name: "RS with a nonce before the false one", frames: solicit(nonce(), sll(nobody))},
		{name: "RS with an option that is too long", frames: solicit(long(frame.OptionSourceLinkLayer, me.mac))},
		{name: "redirect", frames: send(me.ll, frame.Redirect(me.ll, nobody6, tll(me.mac)))},
		{name: "redirect to the victim, from a router of his", frames: build(c.to(), frame.IPv6{Src: friend.ll, Dst: victim.ip6}, frame.Redirect(me.ll, nobody6, tll(me.mac)))},
	}
	claims := frame.NeighborAdvert(frame.NAOverride, friend.ip6, tll(me.mac))
	rows = append(rows, hidden("NA for a friend's address", c, ip, claims)...)
	rows = append(rows, hidden("NS with a false source link-layer address", c, ip, frame.NeighborSolicit(victim.ip6, sll(nobody)))...)
	for i := range rows {
		rows[i].by = []string{"no-nd-spoofing"}
	}
	// What ties a friend's address to my MAC by coming from it.
	for _, src := range []struct {
		what string
		addr netip.Addr
	}{{"address", friend.ip6}, {"link-local address", friend.ll}} {
		for what, m := range map[string]frame.ICMPv6{
			"NS with my MAC": frame.NeighborSolicit(victim.ip6, sll(me.mac)),
			"NS":             frame.NeighborSolicit(victim.ip6),
			"RS with my MAC": frame.RouterSolicit(sll(me.mac)),
		} {
			rows = append(rows, attack{name: what + " from a friend's " + src.what, frames: send(src.addr, m), by: []string{"no-nd-spoofing", "no-ip6-spoofing"}})
		}
	}
	return rows
}

func routerAttacks(c *cast) []attack {
	me := c.me
	ip := frame.IPv6{Src: me.ll, Dst: allNodes}
	alone := frame.RouterAdvert(1800, sll(me.mac), frame.Prefix(netip.MustParsePrefix("2001:db8:bad::/64")))
	rows := []attack{
		{name: "RA", frames: build(c.group(allNodes), ip, alone)},
		{name: "RA without options", frames: build(c.group(allNodes), ip, frame.RouterAdvert(0))},
		{name: "RA to the victim alone", frames: build(c.to(), frame.IPv6{Src: me.ll, Dst: c.victim.ll}, alone)},
		{name: "RA in a broadcast", frames: build(c.all(), ip, alone)},
		{name: "RA from a global address", frames: build(c.group(allNodes), frame.IPv6{Src: me.ip6, Dst: allNodes}, alone)},
		{name: "RA from a friend's address", frames: build(c.group(allNodes), frame.IPv6{Src: c.friend.ll, Dst: allNodes}, alone)},
		{name: "redirect, which routers send", frames: build(c.to(), frame.IPv6{Src: me.ll, Dst: c.victim.ip6}, frame.Redirect(me.ll, nobody6))},
	}
	rows = append(rows, hidden("RA", c, ip, alone)...)
	for i := range rows {
		rows[i].by = []string{"no-router-advert"}
	}
	return rows
}

// hidden is an ICMPv6 message behind everything that may keep a filter from reading its type.
func hidden(what string, c *cast, ip frame.IPv6, m frame.ICMPv6) []attack {
	return obscured(what, c.group(ip.Dst), ip, frame.ProtoICMPv6, body(ip, m), []byte{frame.ICMPv6EchoRequest, 0, 0, 0, 0, 0, 0, 0})
}

// obscured puts data, a packet of the protocol next, behind extension headers and into fragments. Decoy is how a harmless
// packet of that protocol begins.
func obscured(what string, eth frame.Ethernet, ip frame.IPv6, next uint8, data, decoy []byte) []attack {
	raw := frame.Raw(data)
	behind := func(layers ...frame.Layer) [][]byte {
		layers = append([]frame.Layer{eth, ip}, layers...)
		return build(append(layers, raw)...)
	}
	options := frame.DestinationOptions{NextHeader: next}
	optioned := frame.Build(options, raw)
	cut := fragments6(eth, ip, frame.ProtoDestination, optioned, 8)
	lying := slices.Clone(cut)
	lying[0] = trailing(lying[0], decoy...)
	// In the first fragment there is the beginning of a destination header that goes on in the second one.
	wide := frame.Build(frame.DestinationOptions{NextHeader: next, Options: append([]byte{1, 12}, make([]byte, 12)...)}, raw)
	widely := fragments6(eth, ip, frame.ProtoDestination, wide, 8)
	deceiving := slices.Clone(widely)
	deceiving[0] = trailing(deceiving[0], append(make([]byte, 8), decoy...)...)
	// What a later fragment says of the protocol counts for nothing (RFC 8200, 4.5), but a filter may believe it.
	posing := posed(cut, frame.ProtoUDP)
	inner := frame.Build(frame.Fragment{ID: 78, NextHeader: next}, raw)
	routed := frame.Build(frame.Routing{Type: 4, NextHeader: next}, raw)
	// AH of 24 and of 32 bytes: next header, length, and what nobody checks who has no keys.
	auth := func(next uint8, size int) frame.Raw {
		return append(frame.Raw{next, byte(size/4 - 2)}, make([]byte, size-2)...)
	}
	ipsec := ip
	ipsec.NextHeader = 51
	authentic := func(layers ...frame.Layer) [][]byte {
		return build(append(append([]frame.Layer{eth, ipsec}, layers...), raw)...)
	}
	return []attack{
		{name: what + " behind AH", frames: authentic(auth(next, 24))},
		{name: what + " behind a longer AH", frames: authentic(auth(next, 32))},
		{name: what + " behind an AH of a length that nobody uses", frames: authentic(auth(next, 88))},
		{name: what + " behind AH and destination options", frames: authentic(auth(frame.ProtoDestination, 24), options)},
		{name: what + " in an atomic fragment behind AH", frames: authentic(auth(frame.ProtoFragment, 24), frame.Fragment{NextHeader: next})},
		{name: what + " behind hop-by-hop options", frames: behind(frame.HopByHop{NextHeader: next})},
		{name: what + " behind a router alert", frames: behind(frame.HopByHop{Options: frame.RouterAlert(), NextHeader: next})},
		{name: what + " behind destination options", frames: behind(options)},
		{name: what + " behind ten destination options", frames: behind(append(slices.Repeat([]frame.Layer{frame.DestinationOptions{}}, 9), options)...)},
		{name: what + " behind a routing header", frames: behind(frame.Routing{Type: 4, NextHeader: next})},
		{name: what + " behind hop-by-hop and destination options", frames: behind(frame.HopByHop{}, options)},
		{name: what + " in an atomic fragment", frames: behind(frame.Fragment{NextHeader: next})},
		{name: what + " in an atomic fragment behind hop-by-hop options", frames: behind(frame.HopByHop{}, frame.Fragment{NextHeader: next})},
		{name: what + " in an atomic fragment behind and before options", frames: behind(frame.DestinationOptions{}, frame.Fragment{}, options)},
		{name: what + " in two atomic fragments", frames: behind(frame.Fragment{ID: 1}, frame.Fragment{ID: 2, NextHeader: next})},
		{name: what + " in fragments", frames: fragments6(eth, ip, next, data, 8)},
		{name: what + " in fragments, the last one first", frames: reversed(fragments6(eth, ip, next, data, 8))},
		{name: what + " in fragments, of which the first has no more than options", frames: cut},
		{name: what + " in such fragments, the last one first", frames: reversed(cut)},
		{name: what + " in such fragments, with something harmless behind the first", frames: lying},
		{name: what + " in such fragments, the later one posing as UDP", frames: posing},
		{name: what + " in such fragments, something harmless behind the first and the later one posing as UDP", frames: posed(lying, frame.ProtoUDP)},
		{name: what + " in fragments that cut options in two", frames: widely},
		{name: what + " in fragments that cut options in two, with something harmless behind the first", frames: deceiving},
		{name: what + " in fragments, of which the first has no more than another fragment header", frames: fragments6(eth, ip, frame.ProtoFragment, inner, 8)},
		{name: what + " in fragments, of which the first has no more than a routing header", frames: fragments6(eth, ip, frame.ProtoRouting, routed, 8)},
	}
}
