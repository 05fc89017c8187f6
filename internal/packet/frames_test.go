package packet_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"vifd/internal/frame"
)

var (
	v4a = netip.MustParseAddr("192.0.2.7")
	v4b = netip.MustParseAddr("192.0.2.1")
	v6a = netip.MustParseAddr("2001:db8::7")
	v6b = netip.MustParseAddr("2001:db8::1")
)

// extension is an IPv6 extension header that internal/frame has no layer for: AH, mobility, or one that lies.
func extension(next uint8, size byte, body ...byte) frame.Raw {
	return append(frame.Raw{next, size}, body...)
}

// contents are what handmade frames carry behind their Ethernet header.
func contents() [][]frame.Layer {
	data := frame.Raw("0123456789abcdefghijklmnopqrstuvwxyz")
	udp, tcp := frame.UDP{Src: 0x1234, Dst: 53}, frame.TCP{Src: 0x4321, Dst: 80, Flags: frame.SYN}
	ip4 := frame.IPv4{Src: v4a, Dst: v4b, ID: 0xabcd}
	ip6 := frame.IPv6{Src: v6a, Dst: v6b, FlowLabel: 0x54321}
	ah := func(next uint8) frame.Raw { return extension(next, 4, make([]byte, 22)...) }
	from4 := func(change func(*frame.IPv4), rest ...frame.Layer) []frame.Layer {
		h := ip4
		change(&h)
		return append([]frame.Layer{h}, rest...)
	}
	from6 := func(next uint8, rest ...frame.Layer) []frame.Layer {
		h := ip6
		h.NextHeader = next
		return append([]frame.Layer{h}, rest...)
	}
	hop := frame.HopByHop{Options: frame.RouterAlert()}
	dst, rt := frame.DestinationOptions{Options: []byte{0x1e, 8, 1, 2, 3, 4, 5, 6, 7, 8}}, frame.Routing{SegmentsLeft: 1, Data: make([]byte, 20)}
	return [][]frame.Layer{
		{frame.ARP{SPA: v4a, TPA: v4b}},
		{frame.ARP{Op: frame.ARPReply, SPA: v4a, TPA: v4b, HLen: 8}, data},
		{frame.ARP{PLen: 16, HType: 7}},
		{ip4, udp, data},
		{ip4, tcp, data},
		{ip4, frame.ICMPv4{Type: frame.ICMPEchoRequest, Body: frame.Echo(1, 2, "x")}},
		{ip4},
		from4(func(h *frame.IPv4) { h.Options = frame.IPRouterAlert() }, frame.IGMP{Type: frame.IGMPv2Report}),
		from4(func(h *frame.IPv4) { h.Options = make([]byte, 40) }, udp, data),
		from4(func(h *frame.IPv4) { h.MoreFragments, h.Protocol = true, 17 }, udp, data),
		from4(func(h *frame.IPv4) { h.MoreFragments, h.FragmentOffset, h.Protocol = true, 3, 17 }, data),
		from4(func(h *frame.IPv4) { h.FragmentOffset, h.Protocol, h.Options = 0x1fff, 6, make([]byte, 8) }, data),
		from4(func(h *frame.IPv4) { h.Protocol = 51 }, ah(17), udp, data),
		from4(func(h *frame.IPv4) { h.DontFragment = true }, frame.IPv6{Src: v6a, Dst: v6b}, udp),
		{ip6, udp, data},
		{ip6, tcp, data},
		{ip6, frame.ICMPv6{Type: frame.ICMPv6NeighborSolicit, Body: make([]byte, 28)}},
		{ip6},
		{ip6, hop, udp, data},
		{ip6, dst, udp, data},
		{ip6, rt, udp, data},
		{ip6, hop, dst, rt, dst, tcp, data},
		{ip6, frame.Fragment{}, udp, data},
		{ip6, frame.Fragment{More: true}, udp, data},
		{ip6, hop, frame.Fragment{More: true}, dst, udp, data},
		{ip6, frame.Fragment{Offset: 3, NextHeader: 17}, data},
		{ip6, hop, rt, frame.Fragment{Offset: 0x1fff, More: true, NextHeader: 58}, data},
		{ip6, frame.Fragment{Offset: 5, NextHeader: 60}, dst, udp, data},
		{ip6, frame.Fragment{Offset: 5, NextHeader: 59}, data},
		{ip6, frame.Fragment{Offset: 5, NextHeader: 51}, ah(17), udp},
		{ip6, frame.Fragment{}, frame.Fragment{Offset: 9, NextHeader: 6}, data},
		{ip6, frame.Fragment{}, frame.Fragment{}, udp},
		from6(51, ah(17), udp, data), from6(51, ah(60), dst, udp, data), from6(51, ah(44), frame.Fragment{Offset: 2, NextHeader: 17}, data),
		from6(50, data), from6(59, data), from6(135, extension(59, 1, make([]byte, 14)...)), from6(139, data), from6(255, data),
		from6(60, extension(17, 200, 0, 0, 0, 0, 0, 0), udp), from6(43, extension(6, 255, 0, 0), tcp), from6(44, extension(17, 0, 0, 0)),
		{frame.IPv6{Src: v6a, Dst: netip.MustParseAddr("ff01::1")}, udp},
		{frame.IPv6{Src: v6a, Dst: netip.MustParseAddr("ff02::1")}, udp},
		{frame.IPv6{Src: v6a, Dst: netip.IPv6Loopback()}, udp},
		{frame.IPv6{Src: netip.MustParseAddr("ff02::1"), Dst: v6b}, udp},
		{frame.LLC{DSAP: 0x42, SSAP: 0x42}, frame.Raw(frame.BPDU(vifMAC))},
		{frame.LLC{DSAP: 0xaa, SSAP: 0xaa}, frame.SNAP{}, ip4, udp},
		{frame.Raw{0xff, 0xff, 1, 2, 3, 4}},
		{frame.Raw{0xff}},
		{frame.Raw{}},
		{data},
	}
}

// tags are what stands before the EtherType.
func tags() [][]frame.VLAN {
	return [][]frame.VLAN{
		nil,
		{{TCI: 10}},
		{{TCI: 0xe000}},
		{{TPID: frame.TPIDService, TCI: 0x1fff}},
		{{TPID: frame.TPIDService, TCI: 20}, {TCI: 10}},
		{{TCI: 0}, {TCI: 10}},
		{{TCI: 0x2000}, {TPID: frame.TPIDService, TCI: 0}},
		{{TCI: 0}, {TCI: 0}, {TCI: 0}},
	}
}

// destinations are addresses to which frames go, those that are treated in a way of their own among them.
func destinations() []net.HardwareAddr {
	return []net.HardwareAddr{
		vifMAC, bridgeMAC, frame.Broadcast(),
		{0x33, 0x33, 0, 0, 0, 1},
		{0x02, 9, 9, 9, 9, 9},
		{1, 0x80, 0xc2, 0, 0, 0},
		{1, 0x80, 0xc2, 0, 0, 1},
		{1, 0x80, 0xc2, 0, 0, 0xe},
		{1, 0x80, 0xc2, 0, 0, 0x10},
		{1, 0x80, 0xc2, 0, 1, 1},
	}
}

// handmade are all contents behind all tags, each sort of the untagged cut at every place, and a few to every destination.
func handmade() [][]byte {
	var list [][]byte
	for i, c := range contents() {
		for _, t := range tags() {
			data := frame.Build(append([]frame.Layer{frame.Ethernet{Dst: vifMAC, Tags: t}}, c...)...)
			list = append(list, data)
			if (i == 0 || i%8 == 3) && len(t) < 3 {
				for n := 14; n < min(len(data), 110); n++ {
					list = append(list, slices.Clone(data[:n]))
				}
			}
		}
	}
	for _, dst := range destinations() {
		for _, c := range [][]frame.Layer{{frame.ARP{}}, {frame.IPv4{}, frame.UDP{}}, {frame.IPv6{Src: v6a, Dst: v6b}, frame.UDP{}}} {
			list = append(list, frame.Build(append([]frame.Layer{frame.Ethernet{Dst: dst}}, c...)...))
		}
	}
	return append(list, edges()...)
}

// random is a frame made of parts that fit or do not, with some bytes changed, cut short or padded.
func random(rng *rand.Rand) []byte {
	pick := contents()
	t := tags()
	eth := frame.Ethernet{Dst: vifMAC}
	if rng.IntN(8) == 0 {
		eth.Dst = destinations()[rng.IntN(len(destinations()))]
	}
	if rng.IntN(2) == 0 {
		eth.Tags = t[rng.IntN(len(t))]
	}
	layers := append([]frame.Layer{eth}, pick[rng.IntN(len(pick))]...)
	if rng.IntN(4) == 0 {
		layers = append(layers[:1+rng.IntN(len(layers))], pick[rng.IntN(len(pick))]...)
	}
	data := frame.Build(layers...)
	head := 14 + 4*len(eth.Tags)
	if rng.IntN(3) > 0 && len(data) > head {
		interesting := []byte{0, 1, 4, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 255, 0x45, 0x46, 0x4f, 0x60, byte(rng.IntN(256))}
		for range 1 + rng.IntN(3) {
			at := head + rng.IntN(min(len(data)-head, 16+rng.IntN(80)))
			data[at] = interesting[rng.IntN(len(interesting))]
		}
	}
	switch rng.IntN(5) {
	case 0:
		data = data[:14+rng.IntN(len(data)-13)]
	case 1:
		data = append(data, make([]byte, rng.IntN(64))...)
	}
	if rng.IntN(4) > 0 {
		sumIPv4(data[min(head, len(data)):])
	}
	return data
}

// sumIPv4 puts the checksum right of what may be an IPv4 header: only then does an inet hook see the frame.
func sumIPv4(h []byte) {
	if len(h) < 20 || h[0]>>4 != 4 || len(h) < int(h[0]&15)*4 {
		return
	}
	h[10], h[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < int(h[0]&15)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
}
