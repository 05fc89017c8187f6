package sample

import (
	"net"
	"net/netip"

	"vifd/internal/frame"
)

// Direction is the way that a packet goes.
type Direction bool

// The directions.
const (
	FromGuest Direction = false
	ToGuest   Direction = true
)

func (d Direction) String() string {
	if d == ToGuest {
		return "to-guest"
	}
	return "from-guest"
}

// Guest is whose packet it is.
type Guest struct {
	Interface string // its vif
	MACs      []net.HardwareAddr
	IPs       []netip.Prefix
	Routed    bool // the host is its neighbour, and no bridge between them
}

// HostMAC is the address that vifd gives the host's end of a vif.
func HostMAC() net.HardwareAddr { return net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff} }

// party is one end of the conversation. An address that it has not is the unspecified one.
type party struct {
	mac       net.HardwareAddr
	ip4       netip.Addr
	ip6       netip.Addr // the link-local address where it has no other
	linkLocal netip.Addr
}

// own is the guest.
func (g *Guest) own() party {
	p := party{mac: net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x53, 0x01}, ip4: netip.IPv4Unspecified()}
	if len(g.MACs) > 0 {
		p.mac = g.MACs[0]
	}
	p.linkLocal = linkLocal(p.mac)
	p.ip6 = p.linkLocal
	for i := len(g.IPs) - 1; i >= 0; i-- { // the first is to have the last word
		if a := first(g.IPs[i]); a.Is4() {
			p.ip4 = a
		} else {
			p.ip6 = a
		}
	}
	return p
}

// peer is whom it talks to.
func (g *Guest) peer() party {
	p := party{mac: net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe}, ip4: netip.AddrFrom4([4]byte{203, 0, 113, 1})}
	if g.Routed {
		p.mac = HostMAC()
	}
	p.linkLocal = linkLocal(p.mac)
	p.ip6 = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 15: 1})
	const tries = 200 // of addresses that are set aside for documents
	for range tries {
		if g.has(p.ip4) {
			p.ip4 = p.ip4.Next()
		}
		if g.has(p.ip6) {
			p.ip6 = p.ip6.Next()
		}
	}
	return p
}

func (g *Guest) has(a netip.Addr) bool {
	for _, ip := range g.IPs {
		if ip.Contains(a) {
			return true
		}
	}
	return false
}

// has4 reports whether the guest has an IPv4 address.
func (g *Guest) has4() bool {
	for _, ip := range g.IPs {
		if ip.Addr().Is4() {
			return true
		}
	}
	return false
}

// first is an address in the prefix that a host may have: the very first is the network's, or its routers'.
func first(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr()
	if p.IsSingleIP() || a.Is4() && p.Bits() == 31 {
		return a
	}
	return a.Next()
}

// linkLocal is the address that a MAC makes (RFC 4291, appendix A).
func linkLocal(m net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// macOf is where frames to an address go: those of a group have a MAC of their own.
func macOf(dst netip.Addr, neighbour net.HardwareAddr) net.HardwareAddr {
	switch {
	case dst.IsMulticast():
		return frame.MulticastMAC(dst)
	case dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return frame.Broadcast()
	}
	return neighbour
}
