package frame

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers and next header values (IANA Protocol Numbers).
const (
	ProtoHopByHop    = 0
	ProtoICMP        = 1
	ProtoIGMP        = 2
	ProtoTCP         = 6
	ProtoUDP         = 17
	ProtoIPv6        = 41
	ProtoRouting     = 43
	ProtoFragment    = 44
	ProtoICMPv6      = 58
	ProtoNoNext      = 59
	ProtoDestination = 60

	protoIPv4 = 4
)

// IPv4 is the header of RFC 791.
type IPv4 struct {
	Src, Dst       netip.Addr
	TOS            uint8
	ID             uint16
	DontFragment   bool
	MoreFragments  bool
	FragmentOffset uint16 // in units of 8 bytes
	TTL            uint8  // 0: 64
	Protocol       uint8  // 0: what the next layer is
	Options        []byte // padded with zeros (end of options) to a multiple of 4; at most 40
}

func (h IPv4) encode(payload []byte, next Layer, _ path) []byte {
	options := pad(h.Options, 4, 0)
	length := 20 + len(options)
	flags := h.FragmentOffset & 0x1fff
	if h.DontFragment {
		flags |= 0x4000
	}
	if h.MoreFragments {
		flags |= 0x2000
	}
	out := []byte{0x40 | byte(length/4)&0x0f, h.TOS}
	out = binary.BigEndian.AppendUint16(out, uint16(length+len(payload)))
	out = binary.BigEndian.AppendUint16(out, h.ID)
	out = binary.BigEndian.AppendUint16(out, flags)
	out = append(out, orElse(h.TTL, 64), orElse(h.Protocol, protocol(next)), 0, 0)
	out = append(out, addr4(h.Src)...)
	out = append(out, addr4(h.Dst)...)
	out = append(out, options...)
	binary.BigEndian.PutUint16(out[10:], checksum(out))
	return append(out, payload...)
}

// IPv6 is the header of RFC 8200.
type IPv6 struct {
	Src, Dst     netip.Addr
	TrafficClass uint8
	FlowLabel    uint32 // 20 bits
	NextHeader   uint8  // 0: what the next layer is
	HopLimit     uint8  // 0: 255, which neighbour discovery demands (RFC 4861 6.1)
}

func (h IPv6) encode(payload []byte, next Layer, _ path) []byte {
	out := binary.BigEndian.AppendUint32(nil, 6<<28|uint32(h.TrafficClass)<<20|h.FlowLabel&0xfffff)
	out = binary.BigEndian.AppendUint16(out, uint16(len(payload)))
	out = append(out, orElse(h.NextHeader, protocol(next)), orElse(h.HopLimit, 255))
	out = append(out, addr6(h.Src)...)
	out = append(out, addr6(h.Dst)...)
	return append(out, payload...)
}

// protocol is the number by which an IP header names the layer after it.
func protocol(l Layer) uint8 {
	switch l.(type) {
	case HopByHop:
		return ProtoHopByHop
	case ICMPv4:
		return ProtoICMP
	case IGMP:
		return ProtoIGMP
	case IPv4:
		return protoIPv4
	case TCP:
		return ProtoTCP
	case UDP:
		return ProtoUDP
	case IPv6:
		return ProtoIPv6
	case Routing:
		return ProtoRouting
	case Fragment:
		return ProtoFragment
	case ICMPv6:
		return ProtoICMPv6
	case DestinationOptions:
		return ProtoDestination
	}
	return ProtoNoNext
}

// HopByHop is the extension header of RFC 8200 4.3. Options are type, length, value; what is missing to 8 bytes is padded.
// RouterAlert makes one.
type HopByHop struct {
	Options    []byte
	NextHeader uint8 // 0: what the next layer is
}

func (h HopByHop) encode(payload []byte, next Layer, _ path) []byte {
	return options(h.Options, orElse(h.NextHeader, protocol(next)), payload)
}

// RouterAlert is the hop-by-hop option of RFC 2711 that multicast listener discovery must carry (RFC 3810 5).
func RouterAlert() []byte { return []byte{5, 2, 0, 0} }

// DestinationOptions is the extension header of RFC 8200 4.6.
type DestinationOptions struct {
	Options    []byte
	NextHeader uint8 // 0: what the next layer is
}

func (h DestinationOptions) encode(payload []byte, next Layer, _ path) []byte {
	return options(h.Options, orElse(h.NextHeader, protocol(next)), payload)
}

func options(list []byte, next uint8, payload []byte) []byte {
	body := append([]byte{next, 0}, list...)
	switch missing := (8 - len(body)%8) % 8; missing {
	case 0:
	case 1:
		body = append(body, 0) // Pad1
	default:
		body = append(body, 1, byte(missing-2)) // PadN
		body = append(body, make([]byte, missing-2)...)
	}
	body[1] = byte(len(body)/8 - 1)
	return append(body, payload...)
}

// Routing is the extension header of RFC 8200 4.4.
type Routing struct {
	Type         uint8
	SegmentsLeft uint8
	Data         []byte // type-specific, padded with zeros to 4 bytes and then multiples of 8
	NextHeader   uint8  // 0: what the next layer is
}

func (h Routing) encode(payload []byte, next Layer, _ path) []byte {
	out := []byte{orElse(h.NextHeader, protocol(next)), 0, h.Type, h.SegmentsLeft}
	out = pad(append(out, h.Data...), 8, 0)
	out[1] = byte(len(out)/8 - 1)
	return append(out, payload...)
}

// Fragment is the extension header of RFC 8200 4.5. With Offset 0 and More false it is an atomic fragment (RFC 6946).
type Fragment struct {
	Offset     uint16 // in units of 8 bytes
	More       bool
	ID         uint32
	NextHeader uint8 // 0: what the next layer is
}

func (h Fragment) encode(payload []byte, next Layer, _ path) []byte {
	field := h.Offset << 3
	if h.More {
		field |= 1
	}
	out := []byte{orElse(h.NextHeader, protocol(next)), 0}
	out = binary.BigEndian.AppendUint16(out, field)
	out = binary.BigEndian.AppendUint32(out, h.ID)
	return append(out, payload...)
}

// pad returns a copy of data filled up to a multiple of unit.
func pad(data []byte, unit int, with byte) []byte {
	out := append([]byte{}, data...)
	for len(out)%unit != 0 {
		out = append(out, with)
	}
	return out
}
