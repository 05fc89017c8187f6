package frame

import (
	"encoding/binary"
	"net/netip"
)

// UDP is the header of RFC 768.
type UDP struct {
	Src, Dst uint16
}

func (u UDP) encode(payload []byte, _ Layer, p path) []byte {
	out := binary.BigEndian.AppendUint16(nil, u.Src)
	out = binary.BigEndian.AppendUint16(out, u.Dst)
	out = binary.BigEndian.AppendUint16(out, uint16(8+len(payload)))
	out = append(append(out, 0, 0), payload...)
	// A sum of 0 means "none", so it is sent as its other form.
	binary.BigEndian.PutUint16(out[6:], orElse(transportChecksum(p, ProtoUDP, out), 0xffff))
	return out
}

// Flags of a TCP header.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// TCP is the header of RFC 9293 without options.
type TCP struct {
	Src, Dst uint16
	Seq, Ack uint32
	Flags    uint8
	Window   uint16 // 0: 65535
}

func (t TCP) encode(payload []byte, _ Layer, p path) []byte {
	out := binary.BigEndian.AppendUint16(nil, t.Src)
	out = binary.BigEndian.AppendUint16(out, t.Dst)
	out = binary.BigEndian.AppendUint32(out, t.Seq)
	out = binary.BigEndian.AppendUint32(out, t.Ack)
	out = append(out, 5<<4, t.Flags)
	out = binary.BigEndian.AppendUint16(out, orElse(t.Window, 65535))
	out = append(append(out, 0, 0, 0, 0), payload...)
	binary.BigEndian.PutUint16(out[16:], transportChecksum(p, ProtoTCP, out))
	return out
}

// ICMPv4 is a message of RFC 792. Body follows the checksum; Echo makes one.
type ICMPv4 struct {
	Type, Code uint8
	Body       []byte
}

// Types of ICMP echo messages.
const (
	ICMPEchoReply   = 0
	ICMPEchoRequest = 8
)

func (m ICMPv4) encode(payload []byte, _ Layer, _ path) []byte {
	out := append([]byte{m.Type, m.Code, 0, 0}, m.Body...)
	out = append(out, payload...)
	binary.BigEndian.PutUint16(out[2:], checksum(out))
	return out
}

// Echo is the body of an echo message, of ICMPv4 (RFC 792) and of ICMPv6 (RFC 4443 4).
func Echo(id, seq uint16, data string) []byte {
	out := binary.BigEndian.AppendUint16(nil, id)
	out = binary.BigEndian.AppendUint16(out, seq)
	return append(out, data...)
}

// Types of IGMP messages.
const (
	IGMPQuery    = 0x11
	IGMPv2Report = 0x16
	IGMPv2Leave  = 0x17
)

// IGMP is a message of version 2 (RFC 2236). Its IP header should have TTL 1 and the option IPRouterAlert.
type IGMP struct {
	Type        uint8
	MaxRespTime uint8 // in 1/10 s
	Group       netip.Addr
}

func (m IGMP) encode(payload []byte, _ Layer, _ path) []byte {
	out := append([]byte{m.Type, m.MaxRespTime, 0, 0}, addr4(m.Group)...)
	out = append(out, payload...)
	binary.BigEndian.PutUint16(out[2:], checksum(out))
	return out
}

// IPRouterAlert is the IPv4 option of RFC 2113.
func IPRouterAlert() []byte { return []byte{0x94, 4, 0, 0} }
