package frame

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Layer is one layer of a frame: Ethernet, LLC, SNAP, ARP, IPv4, IPv6, an extension header, UDP, TCP, ICMPv4, ICMPv6, IGMP, Raw.
type Layer interface {
	// encode puts the layer before payload, which is next encoded, or nothing. path is what the nearest IP layer outside says.
	encode(payload []byte, next Layer, path path) []byte
}

// path is the two ends of the IP packet that a transport layer is in, in 4 or 16 bytes each: its checksum covers them
// (RFC 9293 3.1, RFC 8200 8.1). Both are empty outside IP.
type path struct {
	src, dst []byte
}

// Raw is bytes taken as they are.
type Raw []byte

func (r Raw) encode(payload []byte, _ Layer, _ path) []byte {
	return append(append([]byte{}, r...), payload...)
}

// Build encodes layers, the outermost first.
func Build(layers ...Layer) []byte {
	var data []byte
	for i := len(layers) - 1; i >= 0; i-- {
		var next Layer
		if i+1 < len(layers) {
			next = layers[i+1]
		}
		data = layers[i].encode(data, next, pathOf(layers[:i]))
	}
	return data
}

func pathOf(outer []Layer) path {
	for i := len(outer) - 1; i >= 0; i-- {
		switch l := outer[i].(type) {
		case IPv4:
			return path{addr4(l.Src), addr4(l.Dst)}
		case IPv6:
			return path{addr6(l.Src), addr6(l.Dst)}
		}
	}
	return path{}
}

// checksum is the Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, data := range parts {
		for ; len(data) >= 2; data = data[2:] {
			sum += uint32(binary.BigEndian.Uint16(data))
		}
		if len(data) == 1 { // only the last part may be odd
			sum += uint32(data[0]) << 8
		}
		for sum>>16 != 0 {
			sum = sum&0xffff + sum>>16
		}
	}
	return ^uint16(sum)
}

// transportChecksum is the checksum of an upper-layer packet with its pseudo header, IPv4's or IPv6's.
func transportChecksum(p path, protocol uint8, segment []byte) uint16 {
	pseudo := append(append([]byte{}, p.src...), p.dst...)
	if len(p.src) == 4 {
		pseudo = append(pseudo, 0, protocol)
		pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(segment)))
	} else {
		pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(segment)))
		pseudo = append(pseudo, 0, 0, 0, protocol)
	}
	return checksum(pseudo, segment)
}

// addr4 is an IPv4 address in 4 bytes; the zero Addr, and one of the other family, is 0.0.0.0.
func addr4(a netip.Addr) []byte {
	if a = a.Unmap(); !a.Is4() {
		return make([]byte, 4)
	}
	return a.AsSlice()
}

// addr6 is an IPv6 address in 16 bytes; the zero Addr is ::.
func addr6(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// mac is a hardware address in 6 bytes; nil is 00:00:00:00:00:00.
func mac(a net.HardwareAddr) []byte {
	b := make([]byte, 6)
	copy(b, a)
	return b
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
