package dhcp4

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"vifd/internal/vifsock"
)

const (
	ipLen, udpLen          = 20, 8
	serverPort, clientPort = 67, 68
)

// requests hears what is sent to DHCP servers: whole UDP datagrams to port 67.
func requests() vifsock.Filter {
	return vifsock.Filter{EtherType: unix.ETH_P_IP, Code: []unix.SockFilter{
		vifsock.Load(unix.BPF_B, 9),
		vifsock.IfEqual(unix.IPPROTO_UDP, 0, 6),
		{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // X = the header's length
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},
		vifsock.IfEqual(serverPort, 0, 3),
		vifsock.Load(unix.BPF_H, 6),
		vifsock.IfAny(0x3fff, 1, 0), // a fragment
		vifsock.Return(vifsock.MaxPacket),
		vifsock.Return(0),
	}}
}

// datagram takes a UDP datagram to port 67 out of an IPv4 packet. Nothing is believed about the packet, not even what the filter has
// seen.
func datagram(packet []byte) (dst netip.Addr, payload []byte, ok bool) {
	if len(packet) < ipLen {
		return dst, nil, false
	}
	length, total := 4*int(packet[0]&0xf), int(binary.BigEndian.Uint16(packet[2:]))
	if packet[0]>>4 != 4 || length < ipLen || total < length+udpLen || total > len(packet) {
		return dst, nil, false
	}
	if vifsock.Fold(vifsock.Sum(0, packet[:length])) != 0xffff || binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 || packet[9] != unix.IPPROTO_UDP {
		return dst, nil, false
	}
	udp := packet[length:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if size < udpLen || size > len(udp) || binary.BigEndian.Uint16(udp[2:]) != serverPort {
		return dst, nil, false
	}
	udp = udp[:size]
	pseudo := pseudoSum(packet[12:16], packet[16:20], size)
	switch check := binary.BigEndian.Uint16(udp[6:]); {
	case check == 0: // none
	case check == vifsock.Fold(pseudo): // left to an offload; what is there is the sum of the pseudo header (CHECKSUM_PARTIAL, linux/skbuff.h)
	case vifsock.Fold(vifsock.Sum(pseudo, udp)) != 0xffff:
		return dst, nil, false
	}
	dst, _ = netip.AddrFromSlice(packet[16:20])
	return dst, udp[udpLen:], true
}

// envelope is the IPv4 packet that carries an answer.
func envelope(src, dst netip.Addr, payload []byte) []byte {
	size := udpLen + len(payload)
	packet := make([]byte, 0, ipLen+size)
	packet = append(packet, 0x45, 0xc0) // network control, as of other routers' control traffic
	packet = binary.BigEndian.AppendUint16(packet, uint16(ipLen+size))
	packet = append(packet, 0, 0, 0x40, 0)              // not fragmented, and not to be
	packet = append(packet, 64, unix.IPPROTO_UDP, 0, 0) // the checksum follows
	packet = append(append(packet, src.AsSlice()...), dst.AsSlice()...)
	binary.BigEndian.PutUint16(packet[10:], ^vifsock.Fold(vifsock.Sum(0, packet)))

	packet = binary.BigEndian.AppendUint16(packet, serverPort)
	packet = binary.BigEndian.AppendUint16(packet, clientPort)
	packet = binary.BigEndian.AppendUint16(packet, uint16(size))
	packet = append(append(packet, 0, 0), payload...)
	udp := packet[ipLen:]
	check := ^vifsock.Fold(vifsock.Sum(pseudoSum(src.AsSlice(), dst.AsSlice(), size), udp))
	if check == 0 {
		check = 0xffff // for 0 means that there is none
	}
	binary.BigEndian.PutUint16(udp[6:], check)
	return packet
}

func pseudoSum(src, dst []byte, length int) uint32 {
	return vifsock.Sum(vifsock.Sum(unix.IPPROTO_UDP+uint32(length), src), dst)
}
