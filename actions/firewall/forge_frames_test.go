package firewall_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"

	"vifd/actions/firewall"
	"vifd/internal/frame"
)

// cast is who random frames are from, to and about.
type cast struct {
	mac       firewall.MAC // the guest's
	macs      []net.HardwareAddr
	v4, v6    []netip.Addr
	hosts     []net.HardwareAddr // of the guest's port, and of its bridge
	far       net.HardwareAddr   // of whoever the guest talks to
	honest    int                // in a hundred: from whom he is
	toHosts   int                // in a hundred: to the host itself
	checksums bool               // put those of IPv4 right
	fragments bool
	whole     bool // nothing is cut, changed, padded or tagged
}

// newCast is that of a bridge.
func newCast() *cast {
	return &cast{
		mac:   firewall.MAC{0, 0x16, 0x3e, 0, 0, 1},
		hosts: []net.HardwareAddr{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
		far:   net.HardwareAddr{0, 0x16, 0x3e, 0, 0, 9},
		macs:  []net.HardwareAddr{{0, 0x16, 0x3e, 0, 0, 2}, {0, 0x16, 0x3e, 0xff, 0, 3}, {2, 1, 2, 3, 4, 5}},
		v4:    addrs("192.0.2.1", "192.0.2.7", "192.0.2.200", "198.51.100.5", "203.0.113.77", "10.1.2.3", "0.0.0.0", "255.255.255.255", "224.0.0.251"),
		v6: addrs("2001:db8::1", "2001:db8::7", "2001:db8:1::5", "fe80::216:3eff:fe00:1", "fe80::9", "::", "ff02::1", "ff02::fb",
			"ff02::1:ff00:7", "fd00::4"),
		honest: 70, toHosts: 10, fragments: true,
	}
}

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, a := range list {
		out[i] = netip.MustParseAddr(a)
	}
	return out
}

// identity is the guest as vifd knows it: addresses of its own, and prefixes.
func (c *cast) identity(p *firewall.Program, l firewall.List, rng *rand.Rand) (*firewall.Guest, error) {
	profile, err := p.Profile(l)
	g := &firewall.Guest{Interface: guestPort, Profile: profile, MACs: []firewall.MAC{c.mac}}
	g.IPs = []netip.Prefix{host(c.v4[0]), host(c.v6[0])}
	if rng.IntN(3) == 0 {
		g.IPs = append(g.IPs, netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:1::/48"), host(c.v4[1]))
	}
	if rng.IntN(6) == 0 {
		g.IPs = append(g.IPs, netip.MustParsePrefix("10.0.0.0/7"), netip.MustParsePrefix("10.1.0.0/17"))
	}
	return g, err
}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// chance is true in so many of a hundred cases.
func chance(rng *rand.Rand, percent int) bool { return rng.IntN(100) < percent }

// frame makes one; src and dst are whose it honestly is.
func (c *cast) frame(rng *rand.Rand, src, dst net.HardwareAddr) []byte {
	eth := frame.Ethernet{Src: src, Dst: dst}
	if !chance(rng, c.honest) {
		eth.Src = pick(rng, c.macs...)
	}
	switch {
	case chance(rng, c.toHosts):
		eth.Dst = pick(rng, c.hosts...)
	case chance(rng, 45):
		eth.Dst = pick(rng, frame.Broadcast(), net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, net.HardwareAddr{1, 0, 0x5e, 0, 0, 0xfb}, c.macs[0],
			net.HardwareAddr{1, 0x80, 0xc2, 0, 0, byte(rng.IntN(20))})
	}
	if !c.whole && chance(rng, 25) {
		eth.Tags = pick(rng, []frame.VLAN{{TCI: 10}}, []frame.VLAN{{TCI: 0xa005}}, []frame.VLAN{{TCI: 0}}, []frame.VLAN{{TPID: frame.TPIDService, TCI: 7}},
			[]frame.VLAN{{TCI: 0}, {TCI: 10}}, []frame.VLAN{{TPID: frame.TPIDService, TCI: 7}, {TCI: 5}})
	}
	data := frame.Build(append([]frame.Layer{eth}, c.content(rng)...)...)
	if c.whole {
		return data
	}
	head := 14 + 4*len(eth.Tags)
	if chance(rng, 30) && len(data) > head {
		for range 1 + rng.IntN(3) {
			data[head+rng.IntN(min(len(data)-head, 80))] = pick[byte](rng, 0, 1, 4, 6, 17, 43, 44, 58, 60, 0x46, 0x60, byte(rng.IntN(256)))
		}
	}
	switch rng.IntN(12) {
	case 0:
		data = data[:14+rng.IntN(len(data)-13)]
	case 1:
		data = append(data, make([]byte, rng.IntN(40))...)
	}
	if len(data) > head && (c.checksums || chance(rng, 80)) {
		sumIPv4(data[head:])
	}
	return data
}

func (c *cast) content(rng *rand.Rand) []frame.Layer {
	switch n := rng.IntN(20); {
	case n < 4:
		a := frame.ARP{
			Op: uint16(1 + rng.IntN(2)), SHA: pick(rng, c.mac[:], c.macs[0]), THA: pick(rng, c.far, net.HardwareAddr{}, c.mac[:]), SPA: pick(rng, c.v4...),
			TPA: pick(rng, c.v4...),
		}
		if chance(rng, 15) {
			a.HType, a.PLen = uint16(rng.IntN(8)), uint8(rng.IntN(17))
		}
		return []frame.Layer{a, frame.Raw(make([]byte, pick(rng, 0, 18)))}
	case n < 12:
		return c.ip4(rng)
	case n < 19:
		return c.ip6(rng)
	}
	return pick(rng, []frame.Layer{frame.LLC{DSAP: 0x42, SSAP: 0x42}, frame.Raw(frame.BPDU(c.mac[:]))}, []frame.Layer{frame.Raw("\x88\xcc what is this")},
		[]frame.Layer{frame.LLC{DSAP: 0xaa, SSAP: 0xaa}, frame.SNAP{}, frame.IPv4{}, frame.UDP{}}, []frame.Layer{frame.Raw("\xff\xff novell")})
}

func (c *cast) ip4(rng *rand.Rand) []frame.Layer {
	h := frame.IPv4{
		Src: c.source(rng, c.v4), Dst: pick(rng, c.v4...), TOS: pick[uint8](rng, 0, 0xb8, 0x2b, 0x01), ID: uint16(rng.IntN(1 << 16)), TTL: pick[uint8](rng, 1, 64, 255),
		DontFragment: chance(rng, 30),
	}
	if chance(rng, 12) {
		h.Options = pick(rng, frame.IPRouterAlert(), make([]byte, 8), make([]byte, 40))
	}
	if c.fragments && chance(rng, 12) {
		h.MoreFragments, h.FragmentOffset = chance(rng, 60), uint16(rng.IntN(4))
	}
	if chance(rng, 15) {
		return []frame.Layer{h, frame.ICMPv4{
			Type: pick[uint8](rng, 0, 3, 5, 8, 8, 8, 11), Code: uint8(rng.IntN(4)), Body: frame.Echo(uint16(rng.IntN(3)), uint16(rng.IntN(9)), "echo"),
		}}
	}
	return append([]frame.Layer{h}, c.transport(rng)...)
}

// source is the guest's own address mostly.
func (c *cast) source(rng *rand.Rand, list []netip.Addr) netip.Addr {
	if chance(rng, c.honest/2) {
		return list[0]
	}
	return pick(rng, list...)
}

func (c *cast) ip6(rng *rand.Rand) []frame.Layer {
	h := frame.IPv6{
		Src: c.source(rng, c.v6), Dst: pick(rng, c.v6...), TrafficClass: pick[uint8](rng, 0, 0xb8, 3), FlowLabel: uint32(rng.IntN(1 << 20)),
		HopLimit: pick[uint8](rng, 1, 64, 255),
	}
	layers := []frame.Layer{h}
	for chance(rng, 25) {
		layers = append(layers, pick[frame.Layer](rng, frame.HopByHop{Options: frame.RouterAlert()}, frame.DestinationOptions{Options: []byte{1, 4, 0, 0, 0, 0}},
			frame.Routing{Type: uint8(rng.IntN(5)), SegmentsLeft: uint8(rng.IntN(3)), Data: make([]byte, 20)}, frame.HopByHop{}))
	}
	if c.fragments && chance(rng, 15) {
		layers = append(layers, frame.Fragment{Offset: uint16(rng.IntN(3)), More: chance(rng, 50), ID: uint32(rng.IntN(5)), NextHeader: pick[uint8](rng, 0, 0, 17, 58, 60)})
	}
	switch rng.IntN(9) {
	case 0, 1:
		options := []frame.NDOption{frame.SourceLinkLayer(pick(rng, c.mac[:], c.macs[0]))}
		return append(layers, frame.NeighborSolicit(pick(rng, c.v6...), options[:rng.IntN(2)]...))
	case 2, 3:
		return append(layers, frame.NeighborAdvert(pick[uint8](rng, 0, frame.NAOverride, frame.NARouter), c.source(rng, c.v6),
			pick(rng, frame.TargetLinkLayer(c.mac[:]), frame.TargetLinkLayer(c.macs[0]), frame.SourceLinkLayer(c.mac[:]))))
	case 4:
		return append(layers, pick(rng, frame.RouterAdvert(1800, frame.Prefix(netip.MustParsePrefix("2001:db8::/64"))), frame.RouterSolicit(), frame.MLDv2Report(c.v6[7]),
			frame.Redirect(c.v6[1], c.v6[2]), frame.ICMPv6{Type: pick[uint8](rng, 1, 2, 128, 129, 130), Body: frame.Echo(uint16(rng.IntN(3)), 1, "echo")}))
	case 5:
		// A mobility header (RFC 6275, 6.1): a binding update.
		layers[0] = frame.IPv6{Src: h.Src, Dst: h.Dst, NextHeader: 135, FlowLabel: h.FlowLabel}
		return append(layers[:1], frame.Raw{59, 1, byte(rng.IntN(8)), 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	return append(layers, c.transport(rng)...)
}

func (c *cast) transport(rng *rand.Rand) []frame.Layer {
	data := frame.Raw("0123456789abcdefghijklmnopqrstuvwxyz"[:rng.IntN(37)])
	port := func() uint16 { return pick[uint16](rng, 22, 53, 67, 68, 80, 443, 546, 547, uint16(rng.IntN(1<<16))) }
	switch rng.IntN(8) {
	case 0:
		return []frame.Layer{data}
	case 1:
		return []frame.Layer{frame.IGMP{Type: frame.IGMPv2Report, Group: c.v4[8]}}
	case 2, 3, 4:
		return []frame.Layer{frame.TCP{
			Src: port(), Dst: port(), Seq: uint32(rng.IntN(1 << 10)), Ack: 7,
			Flags: pick[uint8](rng, frame.SYN, frame.SYN|frame.ACK, frame.ACK, frame.RST, frame.FIN|frame.ACK|frame.PSH, 0, 0xc2, 0x20),
		}, data}
	}
	return []frame.Layer{frame.UDP{Src: port(), Dst: port()}, data}
}

// sumIPv4 puts the checksum right of what may be an IPv4 header.
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
