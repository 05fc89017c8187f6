package vifsock

import "golang.org/x/sys/unix"

// A Filter says which packets a Socket hears.
type Filter struct {
	EtherType uint16
	// Code is a program for the kernel (classic BPF, linux/filter.h) that is run on a packet from its IP header on. It need not look
	// at whether the packet is for this host and without a VLAN tag.
	Code []unix.SockFilter
}

// Offsets at which a filter finds what is not in the packet (SKF_AD_OFF and on, linux/filter.h).
const (
	aboutPacket = 1<<32 - 0x1000
	packetType  = aboutPacket + 4
	device      = aboutPacket + 8
)

// head begins every filter. A packet socket also hears packets for other hosts, and those with a VLAN tag for which there is no
// interface, which the kernel marks the same (__netif_receive_skb_core in net/core/dev.c). Those of a VLAN interface come from
// that, which is no vif.
func head(without []int) []unix.SockFilter {
	code := []unix.SockFilter{
		Load(unix.BPF_W, packetType),
		IfEqual(unix.PACKET_OTHERHOST, 0, 1),
		Return(0),
	}
	if len(without) > 0 {
		code = append(code, Load(unix.BPF_W, device))
	}
	for _, ifindex := range without {
		code = append(code, IfEqual(uint32(ifindex), 0, 1), Return(0))
	}
	return code
}

// Load loads a value of a size (BPF_W, BPF_H, BPF_B) at an offset into the accumulator.
func Load(size uint16, offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_ABS | size, K: offset}
}

// IfEqual skips yes statements if the accumulator is k, else no.
func IfEqual(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// IfAny skips yes statements if the accumulator has any bit of k, else no.
func IfAny(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// Return hears n bytes of the packet; none is not to hear it.
func Return(n uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: n} }
