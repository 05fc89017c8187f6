package packets

import (
	"net"
	"slices"
	"testing"

	"vifd/internal/frame"
)

// saying is something honest that a guest says.
type saying struct {
	name    string
	frames  [][]byte
	address bool // of which the rules must know that it is the guest's, beyond its MAC
}

func sayings(c *cast) []saying {
	all := append(sayings4(c), sayings6(c)...)
	return append(all, sayingsND(c)...)
}

// big is more than one frame holds.
func big() frame.Raw {
	out := make(frame.Raw, 3000)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

func sayings4(c *cast) []saying {
	me, victim := c.me, c.victim
	ip := frame.IPv4{Src: me.ip4, Dst: victim.ip4}
	long := ip
	long.Protocol = frame.ProtoUDP
	datagram := frame.Build(long, frame.UDP{Src: 4000, Dst: 4001}, big())[20:]
	unset := frame.IPv4{Src: unset4, Dst: broadcast4}
	discover := frame.Raw(frame.DHCPDiscover(me.mac, 7))
	arp := func(eth frame.Ethernet, a frame.ARP) [][]byte {
		a.SHA = me.mac
		return build(eth, a)
	}
	announce := c.all()
	announce.Type = 0x8035
	return []saying{
		{"IPv4", udp(c.to(), me.ip4, victim.ip4), true},
		{"IPv4 broadcast", udp(c.all(), me.ip4, broadcast4), true},
		{"IPv4 broadcast of the subnet", udp(c.all(), me.ip4, addr4(255)), true},
		{"IPv4 multicast", udp(c.group(group4), me.ip4, group4), true},
		{"IPv4 with options", build(c.to(), frame.IPv4{Src: me.ip4, Dst: victim.ip4, Options: frame.IPRouterAlert()}, frame.UDP{Src: 1, Dst: 2}, payload), true},
		{"IPv4 fragments", fragments4(c.to(), long, datagram, 1480, 1480), true},
		{"IPv4 fragments, the last one first", reversed(fragments4(c.to(), long, datagram, 1480, 1480)), true},
		{"IPv4 fragment that looks like an answer of DHCP", build(c.to(), frame.IPv4{Src: me.ip4, Dst: victim.ip4, FragmentOffset: 185, Protocol: frame.ProtoUDP}, frame.Raw{0, 67, 0, 68, 0, 8, 0, 0}), true},
		{"ping", build(c.to(), ip, frame.ICMPv4{Type: frame.ICMPEchoRequest, Body: frame.Echo(1, 1, "ping")}), true},
		{"answer to a ping", build(c.to(), ip, frame.ICMPv4{Type: frame.ICMPEchoReply, Body: frame.Echo(1, 1, "ping")}), true},
		{"TCP", build(c.to(), ip, frame.TCP{Src: 40000, Dst: 80, Flags: frame.SYN}), true},
		{"TCP to port 68", build(c.to(), ip, frame.TCP{Src: 40000, Dst: 68, Flags: frame.SYN}), true},
		{"IGMP", build(c.group(group4), frame.IPv4{Src: me.ip4, Dst: group4, TTL: 1, Options: frame.IPRouterAlert()}, frame.IGMP{Type: frame.IGMPv2Report, Group: group4}), true},
		{"DHCP discover", build(c.all(), unset, frame.UDP{Src: 68, Dst: 67}, discover), false},
		{"DHCP discover that must not be fragmented", build(c.all(), frame.IPv4{Src: unset4, Dst: broadcast4, DontFragment: true}, frame.UDP{Src: 68, Dst: 67}, discover), false},
		{"DHCP renewal", build(c.to(), ip, frame.UDP{Src: 68, Dst: 67}, discover), true},
		{"DHCP rebinding", build(c.all(), frame.IPv4{Src: me.ip4, Dst: broadcast4}, frame.UDP{Src: 68, Dst: 67}, discover), true},
		{"ARP request", arp(c.all(), frame.ARP{SPA: me.ip4, TPA: victim.ip4}), true},
		{"ARP request to a host", arp(c.to(), frame.ARP{SPA: me.ip4, THA: victim.mac, TPA: victim.ip4}), true},
		{"ARP reply", arp(c.to(), frame.ARP{Op: frame.ARPReply, SPA: me.ip4, THA: victim.mac, TPA: victim.ip4}), true},
		{"ARP reply, padded", [][]byte{trailing(arp(c.to(), frame.ARP{Op: frame.ARPReply, SPA: me.ip4, THA: victim.mac, TPA: victim.ip4})[0], make([]byte, 18)...)}, true},
		{"gratuitous ARP", arp(c.all(), frame.ARP{SPA: me.ip4, TPA: me.ip4}), true},
		{"gratuitous ARP reply", arp(c.all(), frame.ARP{Op: frame.ARPReply, SPA: me.ip4, THA: frame.Broadcast(), TPA: me.ip4}), true},
		{"ARP probe", arp(c.all(), frame.ARP{SPA: unset4, TPA: me.ip4}), true},
		{"RARP announcement", build(announce, frame.ARP{Op: 3, SHA: me.mac, THA: me.mac}), false},
	}
}

func sayings6(c *cast) []saying {
	me, victim := c.me, c.victim
	ip, local := frame.IPv6{Src: me.ip6, Dst: victim.ip6}, frame.IPv6{Src: me.ll, Dst: victim.ll}
	echo := frame.ICMPv6{Type: frame.ICMPv6EchoRequest, Body: frame.Echo(1, 1, string(big()))}
	// What stands in a later fragment is no header, whatever it looks like.
	like := func(next uint8, data ...byte) [][]byte {
		return build(c.to(), local, frame.Fragment{Offset: 181, ID: 5, NextHeader: next}, frame.Raw(append(data, make([]byte, 24)...)))
	}
	solicit := frame.Raw(frame.DHCPv6Solicit(me.mac, 7))
	return []saying{
		{"IPv6", udp(c.to(), me.ip6, victim.ip6), true},
		{"IPv6, link-local", udp(c.to(), me.ll, victim.ll), false},
		{"IPv6 multicast", udp(c.group(mdns6), me.ip6, mdns6), true},
		{"IPv6 multicast, link-local", udp(c.group(mdns6), me.ll, mdns6), false},
		{"IPv6 behind destination options", build(c.to(), local, frame.DestinationOptions{}, frame.UDP{Src: 1, Dst: 2}, payload), false},
		{"TCP over IPv6", build(c.to(), ip, frame.TCP{Src: 40000, Dst: 80, Flags: frame.SYN}), true},
		{"ping6", build(c.to(), ip, frame.ICMPv6{Type: frame.ICMPv6EchoRequest, Body: frame.Echo(1, 1, "ping")}), true},
		{"answer to a ping6", build(c.to(), local, frame.ICMPv6{Type: frame.ICMPv6EchoReply, Body: frame.Echo(1, 1, "ping")}), false},
		{"ping6 to all nodes", build(c.group(allNodes), frame.IPv6{Src: me.ll, Dst: allNodes}, frame.ICMPv6{Type: frame.ICMPv6EchoRequest, Body: frame.Echo(1, 1, "ping")}), false},
		{"ping6 in fragments", fragments6(c.to(), ip, frame.ProtoICMPv6, body(ip, echo), 1448, 1448), true},
		{"ping6 in fragments, the last one first", reversed(fragments6(c.to(), local, frame.ProtoICMPv6, body(local, echo), 1448, 1448)), false},
		{"ping6 in an atomic fragment", build(c.to(), local, frame.Fragment{ID: 3}, frame.ICMPv6{Type: frame.ICMPv6EchoRequest, Body: frame.Echo(1, 1, "ping")}), false},
		{"UDP over IPv6 in fragments", fragments6(c.to(), ip, frame.ProtoUDP, body(ip, frame.UDP{Src: 4000, Dst: 4001}, big()), 1448, 1448), true},
		{"UDP over IPv6 in fragments behind hop-by-hop options", [][]byte{
			frame.Build(c.to(), local, frame.HopByHop{}, frame.Fragment{More: true, ID: 4, NextHeader: frame.ProtoUDP}, frame.Raw{0x10, 0, 0x10, 1, 0, 24, 0, 0}),
			frame.Build(c.to(), local, frame.HopByHop{}, frame.Fragment{Offset: 1, ID: 4, NextHeader: frame.ProtoUDP}, frame.Raw(make([]byte, 16))),
		}, false},
		{"IPv6 fragment that looks like an RA", like(frame.ProtoICMPv6, frame.ICMPv6RouterAdvert, 0), false},
		{"IPv6 fragment that looks like an NA", like(frame.ProtoICMPv6, frame.ICMPv6NeighborAdvert, 0), false},
		{"IPv6 fragment that looks like an answer of DHCPv6", like(frame.ProtoUDP, 2, 35, 2, 34), false},
		// Where the ports are read from the packet's beginning, the flow label is in the place of one.
		{"IPv6 fragment of the flow 546", build(c.to(), frame.IPv6{Src: me.ll, Dst: victim.ll, FlowLabel: 546}, frame.Fragment{Offset: 181, ID: 5, NextHeader: frame.ProtoUDP}, payload), false},
		{"MLD report", build(c.group(allMLDv2), frame.IPv6{Src: me.ll, Dst: allMLDv2, HopLimit: 1}, frame.HopByHop{Options: frame.RouterAlert()}, frame.MLDv2Report(mdns6)), false},
		{"MLD report from ::", build(c.group(allMLDv2), frame.IPv6{Src: unset6, Dst: allMLDv2, HopLimit: 1}, frame.HopByHop{Options: frame.RouterAlert()}, frame.MLDv2Report(mdns6)), false},
		{"DHCPv6 solicit", build(c.group(allDHCPv6), frame.IPv6{Src: me.ll, Dst: allDHCPv6}, frame.UDP{Src: 546, Dst: 547}, solicit), false},
	}
}

func sayingsND(c *cast) []saying {
	me, victim := c.me, c.victim
	probe := func(target *guest, options ...frame.NDOption) [][]byte {
		group := frame.SolicitedNode(target.ip6)
		return build(c.group(group), frame.IPv6{Src: unset6, Dst: group}, frame.NeighborSolicit(target.ip6, options...))
	}
	local := &guest{ip6: me.ll}
	ask := frame.SolicitedNode(victim.ip6)
	all := frame.IPv6{Src: me.ll, Dst: allNodes}
	answer := frame.IPv6{Src: me.ip6, Dst: victim.ip6}
	routers := frame.IPv6{Src: me.ll, Dst: allRouters}
	flags := uint8(frame.NASolicited | frame.NAOverride)
	return []saying{
		{"NS", build(c.group(ask), frame.IPv6{Src: me.ip6, Dst: ask}, frame.NeighborSolicit(victim.ip6, sll(me.mac))), true},
		{"NS, link-local", build(c.group(ask), frame.IPv6{Src: me.ll, Dst: ask}, frame.NeighborSolicit(victim.ip6, sll(me.mac))), false},
		{"NS to a host, without an option", build(c.to(), frame.IPv6{Src: me.ll, Dst: victim.ll}, frame.NeighborSolicit(victim.ll)), false},
		{"NA, solicited", build(c.to(), answer, frame.NeighborAdvert(flags, me.ip6, tll(me.mac))), true},
		{"NA, solicited, link-local", build(c.to(), frame.IPv6{Src: me.ll, Dst: victim.ll}, frame.NeighborAdvert(flags, me.ll, tll(me.mac))), false},
		{"NA, without an option", build(c.to(), answer, frame.NeighborAdvert(frame.NASolicited, me.ip6)), true},
		{"NA, unsolicited", build(c.group(allNodes), all, frame.NeighborAdvert(frame.NAOverride, me.ip6, tll(me.mac))), true},
		{"NA, unsolicited, link-local", build(c.group(allNodes), all, frame.NeighborAdvert(frame.NAOverride, me.ll, tll(me.mac))), false},
		{"DAD", probe(me), true},
		{"DAD with a nonce", probe(me, nonce()), true},
		{"DAD, link-local", probe(local), false},
		{"DAD with a nonce, link-local", probe(local, nonce()), false},
		{"RS", build(c.group(allRouters), routers, frame.RouterSolicit(sll(me.mac))), false},
		{"RS without an option", build(c.group(allRouters), routers, frame.RouterSolicit()), false},
		{"RS from ::", build(c.group(allRouters), frame.IPv6{Src: unset6, Dst: allRouters}, frame.RouterSolicit()), false},
	}
}

// What an honest guest says arrives, to the byte, under the default rules.
func TestHonestFramesArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	w.introduce(t)
	for _, s := range sayings(c) {
		if arrived := w.exchange(t, c.me, c.me, s.frames, c.victim.eth0)[0]; !whole(s.frames, arrived) {
			t.Errorf("%s did not arrive: %s", s.name, described(s.frames))
		}
	}
	at := w.learned(t)
	for _, g := range w.guests {
		if at[g.mac.String()] != g.vif {
			t.Errorf("the bridge believes %s to be at %q, not at %s", g.mac, at[g.mac.String()], g.vif)
		}
	}
}

// meant is what templates stop of an honest guest, for that is what they are for.
var meant = map[string][]string{
	"ethertypes":       {"RARP announcement"},
	"no-mac-broadcast": {"IPv4 broadcast", "IPv4 broadcast of the subnet"},
	"no-ip-multicast":  {"IPv4 multicast", "IGMP"},
	"no-ip6-multicast": {"IPv6 multicast", "IPv6 multicast, link-local", "ping6 to all nodes"},
	"no-multicast":     {"IPv4 multicast", "IGMP", "IPv6 multicast", "IPv6 multicast, link-local", "ping6 to all nodes"},
}

// A template stops what it is for and nothing else. What those do that close is in the tables of docs/firewall.md.
func TestTemplatesAlonePassHonestFrames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	w.introduce(t)
	for _, name := range bridged(t) {
		if name == "no-other-traffic" || slices.Contains(composites[1:], name) {
			continue
		}
		w.guardBy(t, c.me, name)
		for _, s := range sayings(c) {
			arrived := whole(s.frames, w.exchange(t, c.me, c.friend, s.frames, c.victim.eth0)[0])
			if arrived == slices.Contains(meant[name], s.name) {
				t.Errorf("%s alone: that %s arrived is %v: %s", name, s.name, arrived, described(s.frames))
			}
		}
	}
}

// A guest of whom the rules know no address can ask for one, and talk on the link from the address its MAC makes.
func TestGuestWithoutAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, homeless)
	c := w.cast()
	c.me = w.guests[homeless-1]
	w.introduce(t)
	for _, s := range sayings(c) {
		arrived := w.exchange(t, c.me, c.friend, s.frames, c.victim.eth0)[0]
		switch {
		case s.address && len(arrived) > 0:
			t.Errorf("%s arrived: %s", s.name, described(arrived))
		case !s.address && !whole(s.frames, arrived):
			t.Errorf("%s did not arrive: %s", s.name, described(s.frames))
		}
	}
	for _, a := range attacks(c) {
		if arrived := w.exchange(t, c.me, c.friend, a.frames, c.victim.eth0)[0]; whole(a.frames, arrived) {
			t.Errorf("%s arrived: %s", a.name, described(arrived))
		}
	}
}

// What others send arrives at a guarded guest.
func TestFramesToGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	w.introduce(t)
	to := &cast{me: c.friend, friend: c.victim, victim: c.me}
	for _, s := range sayings(to) {
		if arrived := w.exchange(t, to.me, to.me, s.frames, to.victim.eth0)[0]; !whole(s.frames, arrived) {
			t.Errorf("%s did not arrive: %s", s.name, described(s.frames))
		}
	}
	// Servers and routers are on the host's side of the bridge, and are not guarded.
	server := net.HardwareAddr{0x00, 0x16, 0x3e, 0x00, 0x01, 0x01}
	ll := frame.IPv6{Src: addr6(server), Dst: allNodes}
	for _, s := range []saying{
		{name: "DHCP offer", frames: build(frame.Ethernet{Src: server, Dst: frame.Broadcast()}, frame.IPv4{Src: addr4(254), Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, frame.Raw(frame.DHCPOffer(c.me.mac, 7, c.me.ip4, addr4(254))))},
		{name: "RA", frames: build(frame.Ethernet{Src: server, Dst: frame.MulticastMAC(allNodes)}, ll, frame.RouterAdvert(1800, sll(server)))},
		{name: "ARP reply", frames: build(frame.Ethernet{Src: server, Dst: c.me.mac}, frame.ARP{Op: frame.ARPReply, SHA: server, SPA: addr4(254), THA: c.me.mac, TPA: c.me.ip4})},
	} {
		w.bridge.Send(t, s.frames[0])
		if got := w.exchange(t, c.friend, c.friend, nil, c.me.eth0)[0]; !whole(s.frames, got) {
			t.Errorf("%s from the host's side did not arrive: %s", s.name, described(s.frames))
		}
	}
}
