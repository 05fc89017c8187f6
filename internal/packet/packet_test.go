package packet_test

import (
	"bytes"
	"net/netip"
	"testing"

	"vifd/internal/frame"
	"vifd/internal/packet"
)

// TestSurprises says in plain values what somebody who writes rules would not expect. That the kernel does so, too, is
// TestKernelAgrees's to show.
func TestSurprises(t *testing.T) {
	t.Parallel()
	ip4, ip6, udp := frame.IPv4{Src: v4a, Dst: v4b}, frame.IPv6{Src: v6a, Dst: v6b}, frame.UDP{Src: 0x1111, Dst: 0x2222}
	later4 := frame.IPv4{Src: v4a, Dst: v4b, FragmentOffset: 1, Protocol: 17}
	data := frame.Raw{0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7}
	ten := []frame.VLAN{{TCI: 0x600a}}
	th := func(offset, length int) func(*packet.Packet) ([]byte, bool) {
		return func(p *packet.Packet) ([]byte, bool) { return p.Payload(packet.TransportHeader, offset, length) }
	}
	ll := func(offset, length int) func(*packet.Packet) ([]byte, bool) {
		return func(p *packet.Packet) ([]byte, bool) { return p.Payload(packet.LinkHeader, offset, length) }
	}
	l4proto := func(p *packet.Packet) ([]byte, bool) {
		proto, ok := p.L4Proto()
		return []byte{proto}, ok
	}
	exists := func(kind uint8) func(*packet.Packet) ([]byte, bool) {
		return func(p *packet.Packet) ([]byte, bool) {
			has, ok := p.HasExthdr(kind)
			return map[bool][]byte{true: {1}, false: {0}}[has], ok
		}
	}
	for _, tc := range []struct {
		what   string
		layers []frame.Layer
		load   func(*packet.Packet) ([]byte, bool)
		want   []byte // nil: the rule ends
	}{
		{"a tag is put back for the link header", []frame.Layer{frame.Ethernet{Tags: ten}, ip4, udp}, ll(12, 6), []byte{0x81, 0, 0x60, 0x0a, 8, 0}},
		{"what a tag hides is looked into", []frame.Layer{frame.Ethernet{Tags: ten}, ip4, udp}, th(2, 2), []byte{0x22, 0x22}},
		{"what two hide is not", []frame.Layer{frame.Ethernet{Tags: append(ten, ten...)}, ip4, udp}, th(2, 2), nil},
		{"a tagged 802.3 frame has no length", []frame.Layer{frame.Ethernet{Tags: ten}, frame.LLC{DSAP: 0x42, SSAP: 0x42}, data}, ll(16, 2), []byte{0, 4}},
		{"a later fragment has ports by the shortcut", []frame.Layer{frame.Ethernet{}, later4, data}, th(2, 2), []byte{0xd2, 0xd3}},
		{"and none the long way", []frame.Layer{frame.Ethernet{}, later4, data}, th(1, 2), nil},
		{"with IPv6 they are the IPv6 header's", []frame.Layer{frame.Ethernet{}, ip6, frame.Fragment{Offset: 1, NextHeader: 17}, data}, th(0, 4), []byte{0x60, 0, 0, 0}},
		{"a later fragment of an extension header has no protocol", []frame.Layer{frame.Ethernet{}, ip6, frame.Fragment{Offset: 1, NextHeader: 60}, data}, l4proto, nil},
		{"nothing behind AH is the protocol", []frame.Layer{frame.Ethernet{}, frame.IPv6{NextHeader: 51}, extension(17, 0, make([]byte, 6)...), udp}, l4proto, []byte{51}},
		{"but it is an extension header", []frame.Layer{frame.Ethernet{}, frame.IPv6{NextHeader: 51}, extension(17, 0, make([]byte, 6)...), udp}, exists(17), []byte{1}},
		{"a protocol may begin behind the packet's end", []frame.Layer{frame.Ethernet{}, frame.IPv6{NextHeader: 60}, extension(17, 9)}, l4proto, []byte{17}},
		{"IPv4 has and misses no extension headers", []frame.Layer{frame.Ethernet{}, ip4, udp}, exists(44), nil},
	} {
		layers := tc.layers
		if eth, ok := layers[0].(frame.Ethernet); ok {
			eth.Dst, eth.Src = vifMAC, bridgeMAC
			layers[0] = eth
		}
		p := packet.Dissect(frame.Build(layers...), packet.Bridge)
		got, ok := tc.load(&p)
		if ok != (tc.want != nil) || ok && !bytes.Equal(got, tc.want) {
			t.Errorf("%s: loaded %x, %v, want %x", tc.what, got, ok, tc.want)
		}
	}
}

// TestTagIsForgotten holds what only a routed interface does: a priority tag is gone, and what is behind the packet as well.
func TestTagIsForgotten(t *testing.T) {
	t.Parallel()
	data := frame.Build(
		frame.Ethernet{Dst: vifMAC, Src: bridgeMAC, Tags: []frame.VLAN{{TCI: 0xe000}, {}}},
		frame.IPv4{Src: v4a, Dst: v4b}, frame.UDP{Src: 1, Dst: 2},
	)
	p := packet.Dissect(append(data, "padding"...), packet.Inet)
	link, _ := p.Payload(packet.LinkHeader, 12, 3)
	_, tagged := p.VLAN()
	if tagged || p.Length() != 28 || !bytes.Equal(link, []byte{8, 0, 0x45}) {
		t.Errorf("tagged: %v, length %d, from the type field on %x", tagged, p.Length(), link)
	}
	p = packet.Dissect(data, packet.Bridge)
	if tci, tagged := p.VLAN(); !tagged || tci != 0xe000 || p.Protocol() != frame.TPIDCustomer {
		t.Errorf("in a bridge: tagged: %v, tag %x, protocol %x", tagged, tci, p.Protocol())
	}
}

// TestPiecesOfMemory holds what doc.go says of frames that do not lie in one piece: of one of more than a page, sent by a packet
// socket, the first piece is its Ethernet header, so that the shortcut sees no transport header.
func TestPiecesOfMemory(t *testing.T) {
	t.Parallel()
	shortcut, long := payload(packet.TransportHeader, 0, 2), payload(packet.TransportHeader, 1, 2)
	later := frame.IPv4{Src: v4a, Dst: netip.MustParseAddr("192.0.2.1"), FragmentOffset: 1, Protocol: 17}
	eth := frame.Ethernet{Dst: vifMAC}
	frames := [][]byte{
		frame.Build(eth, later, frame.Raw(make([]byte, 1000))),
		frame.Build(eth, later, frame.Raw(make([]byte, 5000))),
	}
	got := newOracle(t, packet.Bridge, []load{shortcut, long}, len(frames)).ask(t, frames)
	for i, want := range []bool{true, false} {
		if _, loaded := got[shortcut.name][i]; loaded != want {
			t.Errorf("of the fragment of %d bytes, loaded by the shortcut: %v, want %v", len(frames[i]), loaded, want)
		}
		if _, loaded := got[long.name][i]; loaded {
			t.Errorf("of the fragment of %d bytes, something is loaded the long way", len(frames[i]))
		}
	}
}
