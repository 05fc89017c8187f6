package frame

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// EtherTypes and tag protocol identifiers (IANA IEEE 802 Numbers; linux/if_ether.h).
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeIPv6 = 0x86dd

	TPIDCustomer = 0x8100 // 802.1Q
	TPIDService  = 0x88a8 // 802.1ad
)

// Broadcast is ff:ff:ff:ff:ff:ff. It is a function's result so that no caller can change another's.
func Broadcast() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// MulticastMAC is where a multicast group's frames go: 01:00:5e and 23 bits (RFC 1112 6.4), or 33:33 and 32 bits (RFC 2464 7).
func MulticastMAC(group netip.Addr) net.HardwareAddr {
	if group.Is4() {
		a := group.As4()
		return net.HardwareAddr{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
	}
	a := group.As16()
	return net.HardwareAddr{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// VLAN is one tag. TCI is priority (3 bits), drop eligible (1) and VLAN id (12); id 0 is a priority tag.
type VLAN struct {
	TPID uint16 // 0: TPIDCustomer
	TCI  uint16
}

// Ethernet is the frame's own header, with its tags, the outermost first.
type Ethernet struct {
	Dst, Src net.HardwareAddr
	Tags     []VLAN
	Type     uint16 // EtherType; 0: what the next layer is, or its length where that is LLC or unknown (IEEE 802.3)
}

func (e Ethernet) encode(payload []byte, next Layer, _ path) []byte {
	out := append(mac(e.Dst), mac(e.Src)...)
	for _, tag := range e.Tags {
		out = binary.BigEndian.AppendUint16(out, orElse(tag.TPID, TPIDCustomer))
		out = binary.BigEndian.AppendUint16(out, tag.TCI)
	}
	out = binary.BigEndian.AppendUint16(out, orElse(orElse(e.Type, etherType(next)), uint16(len(payload))))
	return append(out, payload...)
}

// etherType is the EtherType of a layer, 0 where it has none.
func etherType(l Layer) uint16 {
	switch l.(type) {
	case ARP:
		return TypeARP
	case IPv4:
		return TypeIPv4
	case IPv6:
		return TypeIPv6
	}
	return 0
}

// LLC is the header of IEEE 802.2, in unnumbered form.
type LLC struct {
	DSAP, SSAP byte // 0x42: spanning tree; 0xaa: SNAP
	Control    byte // 0: 3, unnumbered information
}

func (l LLC) encode(payload []byte, _ Layer, _ path) []byte {
	return append([]byte{l.DSAP, l.SSAP, orElse(l.Control, 3)}, payload...)
}

// SNAP is the header after LLC{0xaa, 0xaa, 3} that gives an EtherType to an 802.3 frame (RFC 1042).
type SNAP struct {
	OUI  [3]byte
	Type uint16 // 0: what the next layer is
}

func (s SNAP) encode(payload []byte, next Layer, _ path) []byte {
	out := binary.BigEndian.AppendUint16(s.OUI[:], orElse(s.Type, etherType(next)))
	return append(out, payload...)
}

// BPDU is a spanning tree's configuration message (IEEE 802.1D 9.3.1) by which bridge claims to be the root. It goes to
// 01:80:c2:00:00:00, behind LLC{DSAP: 0x42, SSAP: 0x42}.
func BPDU(bridge net.HardwareAddr) []byte {
	id := append([]byte{0, 0}, mac(bridge)...) // priority 0: the best there is
	out := make([]byte, 5, 35)                 // protocol, version, type, flags: all 0
	out = append(out, id...)
	out = append(out, 0, 0, 0, 0) // cost of the path to the root
	out = append(out, id...)
	out = append(out, 0x80, 0x01)                // port
	return append(out, 0, 0, 20, 0, 2, 0, 15, 0) // message age, maximum age, hello time, forward delay: in 1/256 s
}

// Operations of ARP (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP is an address resolution packet (RFC 826).
type ARP struct {
	Op       uint16 // 0: ARPRequest
	SHA, THA net.HardwareAddr
	SPA, TPA netip.Addr

	HType, PType uint16 // 0: Ethernet (1), TypeIPv4
	HLen, PLen   uint8  // 0: 6, 4. The addresses are encoded in 6 and 4 bytes whatever is said here
}

func (a ARP) encode(payload []byte, _ Layer, _ path) []byte {
	out := binary.BigEndian.AppendUint16(nil, orElse(a.HType, 1))
	out = binary.BigEndian.AppendUint16(out, orElse(a.PType, TypeIPv4))
	out = append(out, orElse(a.HLen, 6), orElse(a.PLen, 4))
	out = binary.BigEndian.AppendUint16(out, orElse(a.Op, ARPRequest))
	out = append(out, mac(a.SHA)...)
	out = append(out, addr4(a.SPA)...)
	out = append(out, mac(a.THA)...)
	out = append(out, addr4(a.TPA)...)
	return append(out, payload...)
}
