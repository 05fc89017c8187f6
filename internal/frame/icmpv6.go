package frame

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Types of ICMPv6 messages (IANA ICMPv6 Parameters).
const (
	ICMPv6EchoRequest     = 128
	ICMPv6EchoReply       = 129
	ICMPv6RouterSolicit   = 133
	ICMPv6RouterAdvert    = 134
	ICMPv6NeighborSolicit = 135
	ICMPv6NeighborAdvert  = 136
	ICMPv6Redirect        = 137
	ICMPv6MLDv2Report     = 143
)

// ICMPv6 is a message of RFC 4443. Body follows the checksum; the functions below make the usual ones.
type ICMPv6 struct {
	Type, Code uint8
	Body       []byte
}

func (m ICMPv6) encode(payload []byte, _ Layer, p path) []byte {
	out := append([]byte{m.Type, m.Code, 0, 0}, m.Body...)
	out = append(out, payload...)
	binary.BigEndian.PutUint16(out[2:], transportChecksum(p, ProtoICMPv6, out))
	return out
}

// NDOption is one option of a neighbour discovery message (RFC 4861 4.6): type, length in units of 8 bytes, data.
type NDOption struct {
	Type   uint8
	Length uint8 // 0: what Data needs
	Data   []byte
}

// Types of neighbour discovery options.
const (
	OptionSourceLinkLayer = 1
	OptionTargetLinkLayer = 2
	OptionPrefix          = 3
)

// SourceLinkLayer is the option that says from which MAC a message is.
func SourceLinkLayer(a net.HardwareAddr) NDOption {
	return NDOption{Type: OptionSourceLinkLayer, Data: mac(a)}
}

// TargetLinkLayer is the option that says at which MAC the target is.
func TargetLinkLayer(a net.HardwareAddr) NDOption {
	return NDOption{Type: OptionTargetLinkLayer, Data: mac(a)}
}

// Prefix is the option by which a router announces a prefix, on link and for autoconfiguration (RFC 4861 4.6.2).
func Prefix(p netip.Prefix) NDOption {
	data := []byte{byte(p.Bits()), 0xc0}
	data = binary.BigEndian.AppendUint32(data, 86400) // valid, in seconds
	data = binary.BigEndian.AppendUint32(data, 14400) // preferred
	data = append(data, 0, 0, 0, 0)
	return NDOption{Type: OptionPrefix, Data: append(data, addr6(p.Masked().Addr())...)}
}

func appendOptions(out []byte, list []NDOption) []byte {
	for _, o := range list {
		data := pad(append([]byte{0, 0}, o.Data...), 8, 0)[2:]
		out = append(out, o.Type, orElse(o.Length, byte((len(data)+2)/8)))
		out = append(out, data...)
	}
	return out
}

// NeighborSolicit asks who has target. Duplicate address detection asks from :: and without an option (RFC 4862 5.4.2).
func NeighborSolicit(target netip.Addr, list ...NDOption) ICMPv6 {
	body := append(make([]byte, 4), addr6(target)...)
	return ICMPv6{Type: ICMPv6NeighborSolicit, Body: appendOptions(body, list)}
}

// Flags of a neighbour advertisement (RFC 4861 4.4).
const (
	NAOverride  = 0x20
	NASolicited = 0x40
	NARouter    = 0x80
)

// NeighborAdvert says where target is.
func NeighborAdvert(flags uint8, target netip.Addr, list ...NDOption) ICMPv6 {
	body := append([]byte{flags, 0, 0, 0}, addr6(target)...)
	return ICMPv6{Type: ICMPv6NeighborAdvert, Body: appendOptions(body, list)}
}

// RouterSolicit asks for router advertisements.
func RouterSolicit(list ...NDOption) ICMPv6 {
	return ICMPv6{Type: ICMPv6RouterSolicit, Body: appendOptions(make([]byte, 4), list)}
}

// RouterAdvert claims to be a router for lifetime seconds.
func RouterAdvert(lifetime uint16, list ...NDOption) ICMPv6 {
	body := []byte{64, 0} // hop limit; neither managed nor other configuration
	body = binary.BigEndian.AppendUint16(body, lifetime)
	return ICMPv6{Type: ICMPv6RouterAdvert, Body: appendOptions(append(body, make([]byte, 8)...), list)}
}

// Redirect says that dst is better reached by target.
func Redirect(target, dst netip.Addr, list ...NDOption) ICMPv6 {
	body := append(make([]byte, 4), addr6(target)...)
	return ICMPv6{Type: ICMPv6Redirect, Body: appendOptions(append(body, addr6(dst)...), list)}
}

// MLDv2Report joins groups (RFC 3810 5.2). It goes to ff02::16 with HopLimit 1 behind HopByHop{Options: RouterAlert()}.
func MLDv2Report(groups ...netip.Addr) ICMPv6 {
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(groups)))
	for _, g := range groups {
		body = append(body, 4, 0, 0, 0) // CHANGE_TO_EXCLUDE_MODE of no sources: join
		body = append(body, addr6(g)...)
	}
	return ICMPv6{Type: ICMPv6MLDv2Report, Body: body}
}

// SolicitedNode is the group in which target's neighbour solicitations are sent (RFC 4291 2.7.1).
func SolicitedNode(target netip.Addr) netip.Addr {
	a := target.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
}
