package packets

import (
	"net"
	"net/netip"
	"slices"

	"vifd/actions/firewall"
	"vifd/internal/frame"
)

var (
	broadcast4 = netip.MustParseAddr("255.255.255.255")
	group4     = netip.MustParseAddr("239.1.2.3")
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
	allMLDv2   = netip.MustParseAddr("ff02::16")
	allDHCPv6  = netip.MustParseAddr("ff02::1:2")
	vrrp4      = netip.MustParseAddr("224.0.0.18")
	vrrp6      = netip.MustParseAddr("ff02::12")
	systems4   = netip.MustParseAddr("224.0.0.1")
	pim4       = netip.MustParseAddr("224.0.0.13")
	mdns6      = netip.MustParseAddr("ff02::fb")
	unset4     = netip.AddrFrom4([4]byte{})
	unset6     = netip.IPv6Unspecified()
	nobody4    = netip.MustParseAddr("203.0.113.9")
	nobody6    = netip.MustParseAddr("2001:db8:bad::9")
	nobody     = net.HardwareAddr{0x00, 0x16, 0x3e, 0xff, 0xff, 0xff}
	// What some guests share, in turn: the virtual router 51.
	shared4 = netip.MustParseAddr("192.0.2.100")
	shared6 = netip.MustParseAddr("2001:db8::100")
	virtual = net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 51}
)

// cast is who is in a play: frames are from me to victim, and where they lie they say that I am friend.
type cast struct{ me, friend, victim *guest }

// to is a frame of mine to the victim.
func (c *cast) to() frame.Ethernet { return frame.Ethernet{Src: c.me.mac, Dst: c.victim.mac} }

// all is a frame of mine to everybody.
func (c *cast) all() frame.Ethernet { return frame.Ethernet{Src: c.me.mac, Dst: frame.Broadcast()} }

// group is a frame of mine to a multicast group.
func (c *cast) group(g netip.Addr) frame.Ethernet {
	return frame.Ethernet{Src: c.me.mac, Dst: frame.MulticastMAC(g)}
}

// build is a list of one frame.
func build(layers ...frame.Layer) [][]byte { return [][]byte{frame.Build(layers...)} }

var payload = frame.Raw("what a guest says")

// udp is any datagram from src to dst in a frame of eth.
func udp(eth frame.Ethernet, src, dst netip.Addr) [][]byte {
	if src.Is4() {
		return build(eth, frame.IPv4{Src: src, Dst: dst}, frame.UDP{Src: 4000, Dst: 4000}, payload)
	}
	return build(eth, frame.IPv6{Src: src, Dst: dst}, frame.UDP{Src: 4000, Dst: 4000}, payload)
}

// body is layers as they stand behind an IPv6 header, with the checksum that fits it.
func body(ip frame.IPv6, layers ...frame.Layer) []byte {
	return frame.Build(append([]frame.Layer{ip}, layers...)...)[40:]
}

// fragments6 cuts data, which begins with the header next, into fragments of the sizes given, the last one of what is left.
func fragments6(eth frame.Ethernet, ip frame.IPv6, next uint8, data []byte, sizes ...int) [][]byte {
	var out [][]byte
	for offset := 0; offset < len(data); {
		size := len(data) - offset
		if len(sizes) > 0 && sizes[0] < size {
			size, sizes = sizes[0], sizes[1:]
		}
		out = append(out, frame.Build(eth, ip,
			frame.Fragment{Offset: uint16(offset / 8), More: offset+size < len(data), ID: 77, NextHeader: next}, frame.Raw(data[offset:offset+size])))
		offset += size
	}
	return out
}

// fragments4 does the same with an IPv4 packet's payload.
func fragments4(eth frame.Ethernet, ip frame.IPv4, data []byte, sizes ...int) [][]byte {
	var out [][]byte
	for offset := 0; offset < len(data); {
		size := len(data) - offset
		if len(sizes) > 0 && sizes[0] < size {
			size, sizes = sizes[0], sizes[1:]
		}
		ip.ID, ip.FragmentOffset, ip.MoreFragments = 77, uint16(offset/8), offset+size < len(data)
		out = append(out, frame.Build(eth, ip, frame.Raw(data[offset:offset+size])))
		offset += size
	}
	return out
}

// posed is the fragments that fragments6 has cut, but those after the first say that they are of the protocol next.
func posed(fragments [][]byte, next uint8) [][]byte {
	out := slices.Clone(fragments)
	for i := 1; i < len(out); i++ {
		out[i] = slices.Clone(out[i])
		out[i][14+40] = next // behind the headers of Ethernet and IPv6
	}
	return out
}

// trailing appends bytes that do not belong to the packet any more, as Ethernet's padding does not.
func trailing(data []byte, more ...byte) []byte { return append(append([]byte{}, data...), more...) }

// reversed is frames in the other order.
func reversed(frames [][]byte) [][]byte {
	out := make([][]byte, 0, len(frames))
	for i := len(frames) - 1; i >= 0; i-- {
		out = append(out, frames[i])
	}
	return out
}

// addr4 is host n of the guests' subnet.
func addr4(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }

// addr6 is the link-local address of mac.
func addr6(mac net.HardwareAddr) netip.Addr { return firewall.MAC(mac).LinkLocal() }
