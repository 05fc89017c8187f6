package packet

import (
	"bytes"
	"net"
)

// Family is the family of the table whose hook looks at the frame.
type Family int

// The families, and which hook of theirs is meant.
const (
	Bridge Family = iota // prerouting of a bridge's port
	Inet                 // prerouting, on the interface that received the frame
	ARP                  // input
)

// EtherTypes, and the two numbers that the kernel has for IEEE 802.3 frames, whose type is a length (linux/if_ether.h).
const (
	typeRaw8023 = 0x0001 // ETH_P_802_3: Novell's, without LLC
	typeLLC     = 0x0004 // ETH_P_802_2
	typeIPv4    = 0x0800
	typeARP     = 0x0806
	typeIPv6    = 0x86dd
	typeTag     = 0x8100 // 802.1Q
	typeOuter   = 0x88a8 // 802.1ad
)

// Packet is a frame at a hook. It shares the frame's memory.
type Packet struct {
	link     []byte // from the destination address, as loads from the link header see it
	net      []byte // from the network header: skb->data, skb->len bytes
	protocol uint16 // skb->protocol
	tci      uint16
	tagged   bool // skb_vlan_tag_present
	info     info
	unseen   string
}

// info is what nf_tables finds out before it runs rules (struct nft_pktinfo). Its zero value is nft_set_pktinfo_unspec's.
type info struct {
	known   bool // NFT_PKTINFO_L4PROTO
	proto   uint8
	thoff   uint16 // from the network header on
	fragoff uint16 // in any unit: it is only ever compared with 0
}

// Dissect looks at a received frame, from its destination address on, as a hook of family f does. It takes any bytes.
func Dissect(frame []byte, f Family) Packet {
	p := receive(frame)
	if p.unseen == "" {
		switch f {
		case Bridge:
			p.toBridge()
		case Inet:
			p.toInet()
		case ARP:
			p.toARP()
		}
	}
	if p.unseen != "" {
		return Packet{unseen: p.unseen}
	}
	return p
}

// Unseen says why the hook is not run for the frame, "" where it is. Nothing can be loaded from a frame that is not seen. That
// Inet and ARP see no frame whose PktType is OtherHost is left to the caller, who knows the interface's address.
func (p *Packet) Unseen() string { return p.unseen }

// Protocol is `meta protocol`: the EtherType behind the first tag, which the kernel has taken off; of an IEEE 802.3 frame 4, or
// 1 where ff:ff follows.
func (p *Packet) Protocol() uint16 { return p.protocol }

// L4Proto is `meta l4proto`; false, where a rule with it ends, unless the frame is a well-formed IP packet. Behind IPv6's
// extension headers, but for AH, at which the kernel stops. Every fragment has it; not, however, one of IPv6 but the first that
// says that an extension header follows.
func (p *Packet) L4Proto() (uint8, bool) { return p.info.proto, p.info.known }

// Length is `meta length`: the bytes from the network header on. A tag taken off does not count, padding does in a bridge.
func (p *Packet) Length() uint32 { return uint32(len(p.net)) }

// VLAN is the tag that the kernel has taken off and the hook can see in the link header: priority, DEI and VLAN id.
func (p *Packet) VLAN() (tci uint16, ok bool) { return p.tci, p.tagged }

// PktType is a value of `meta pkttype` (linux/if_packet.h).
type PktType uint8

// The packet types.
const (
	Host PktType = iota
	Broadcast
	Multicast
	OtherHost
)

// PktType is `meta pkttype`, which is judged by destination alone (eth_type_trans, net/ethernet/eth.c). own are the
// addresses of the interface that received the frame and, in a bridge, of the bridge (br_handle_frame): a frame to either is
// the host's. False where the frame is not seen.
func (p *Packet) PktType(own ...net.HardwareAddr) (PktType, bool) {
	if len(p.link) < 6 {
		return 0, false
	}
	dst := p.link[:6]
	for _, a := range own {
		if bytes.Equal(a, dst) {
			return Host, true
		}
	}
	switch {
	case bytes.Equal(dst, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}):
		return Broadcast, true
	case dst[0]&1 != 0:
		return Multicast, true
	}
	return OtherHost, true
}
