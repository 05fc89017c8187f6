package radv

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"vifd/internal/vifsock"
)

const (
	ipLen, solicitLen = 40, 8
	typeSolicitation  = 133
	sourceLinkLayer   = 1 // option
)

// solicitations hears router solicitations that nobody has forwarded.
func solicitations() vifsock.Filter {
	return vifsock.Filter{EtherType: unix.ETH_P_IPV6, Code: []unix.SockFilter{
		vifsock.Load(unix.BPF_H, 6), // next header and hop limit
		vifsock.IfEqual(unix.IPPROTO_ICMPV6<<8|ndp.HopLimit, 0, 3),
		vifsock.Load(unix.BPF_H, ipLen), // type and code
		vifsock.IfEqual(typeSolicitation<<8, 0, 1),
		vifsock.Return(vifsock.MaxPacket),
		vifsock.Return(0),
	}}
}

// solicitation takes a valid router solicitation (RFC 4861, 6.1.1) out of an IPv6 packet and tells who sent it. Nothing is believed
// about the packet, not even what the filter has seen.
func solicitation(packet []byte) (src netip.Addr, ok bool) {
	if len(packet) < ipLen+solicitLen {
		return src, false
	}
	length := int(binary.BigEndian.Uint16(packet[4:]))
	if packet[0]>>4 != 6 || packet[6] != unix.IPPROTO_ICMPV6 || packet[7] != ndp.HopLimit || length < solicitLen || length > len(packet)-ipLen {
		return src, false
	}
	message := packet[ipLen : ipLen+length]
	pseudo := pseudoSum(packet[8:24], packet[24:40], length)
	// An offload on a virtual wire may have been left the checksum; then the sum of the pseudo header is there (CHECKSUM_PARTIAL).
	if vifsock.Fold(vifsock.Sum(pseudo, message)) != 0xffff && binary.BigEndian.Uint16(message[2:]) != vifsock.Fold(pseudo) {
		return src, false
	}
	src, _ = netip.AddrFromSlice(packet[8:24])
	return src, message[0] == typeSolicitation && message[1] == 0 && validOptions(message[solicitLen:], src)
}

// validOptions tells whether options have lengths that add up, and no source link-layer address where the source has none.
func validOptions(options []byte, src netip.Addr) bool {
	for len(options) > 0 {
		if len(options) < 8 || options[1] == 0 || 8*int(options[1]) > len(options) {
			return false
		}
		if options[0] == sourceLinkLayer && src.IsUnspecified() {
			return false
		}
		options = options[8*int(options[1]):]
	}
	return true
}

// envelope is the IPv6 packet that carries an ICMPv6 message.
func envelope(src, dst netip.Addr, message []byte) []byte {
	packet := make([]byte, 0, ipLen+len(message))
	packet = append(packet, 0x6c, 0, 0, 0) // network control, as of other routers' control traffic
	packet = binary.BigEndian.AppendUint16(packet, uint16(len(message)))
	packet = append(packet, unix.IPPROTO_ICMPV6, ndp.HopLimit)
	packet = append(append(packet, src.AsSlice()...), dst.AsSlice()...)
	return append(packet, message...)
}

func pseudoSum(src, dst []byte, length int) uint32 {
	return vifsock.Sum(vifsock.Sum(unix.IPPROTO_ICMPV6+uint32(length), src), dst)
}
