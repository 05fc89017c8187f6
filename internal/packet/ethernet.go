package packet

import (
	"bytes"
	"encoding/binary"
)

// Lengths in bytes.
const (
	etherLen = 14 // struct ethhdr
	addrsLen = 12 // of it, the two addresses
	tagLen   = 4  // struct vlan_hdr
)

// receive does what is done to every frame before anybody looks at it: eth_type_trans (net/ethernet/eth.c), then, in
// __netif_receive_skb_core (net/core/dev.c), skb_vlan_untag takes the first tag off.
func receive(frame []byte) Packet {
	if len(frame) < etherLen {
		return Packet{unseen: "it is shorter than an Ethernet header"}
	}
	p := Packet{
		link: frame, net: frame[etherLen:],
		protocol: protocol(binary.BigEndian.Uint16(frame[addrsLen:]), frame[etherLen:]),
	}
	if p.protocol == typeTag || p.protocol == typeOuter {
		p.untag()
	}
	return p
}

// protocol is skb->protocol of a type field and what follows it: eth_type_trans and, behind a tag, vlan_set_encap_proto
// (linux/if_vlan.h) do the same.
func protocol(field uint16, rest []byte) uint16 {
	switch {
	case field >= 0x600: // eth_proto_is_802_3
		return field
	case len(rest) >= 2 && rest[0] == 0xff && rest[1] == 0xff:
		return typeRaw8023
	}
	return typeLLC
}

// untag takes the outermost tag off (skb_vlan_untag, net/core/skbuff.c). What follows it is not looked at: an inner tag is the
// network header.
//
// Loads from the link header get the tag put back (nft_payload_copy_vlan, net/netfilter/nft_payload.c), so p.link is the
// frame as it was, with one difference: the type field behind the tag is made of skb->protocol. Of a tagged IEEE 802.3 frame
// it reads 4 or 1, never the length.
func (p *Packet) untag() {
	if len(p.net) < tagLen+2 { // "We may access the two bytes after vlan_hdr in vlan_set_encap_proto()."
		p.unseen = "it ends in or right behind a VLAN tag"
		return
	}
	field := binary.BigEndian.Uint16(p.net[2:])
	p.tci, p.tagged = binary.BigEndian.Uint16(p.net), true
	p.net = p.net[tagLen:]
	p.protocol = protocol(field, p.net)
	if p.protocol != field {
		p.link = bytes.Clone(p.link)
		binary.BigEndian.PutUint16(p.link[etherLen+2:], p.protocol)
	}
}

// forget gives up the tag that untag has taken off (__vlan_hwaccel_clear_tag): loads from the link header see none.
func (p *Packet) forget() {
	link := append(make([]byte, 0, etherLen+len(p.net)), p.link[:addrsLen]...)
	p.link = append(link, p.link[addrsLen+tagLen:]...)
	p.tci, p.tagged = 0, false
}

// toBridge is the way of a frame to NF_BR_PRE_ROUTING (br_handle_frame, net/bridge/br_input.c; nft_do_chain_bridge,
// net/netfilter/nft_chain_filter.c). The bridge is one as made: without spanning tree, and forwarding no frames to other
// reserved addresses (group_fwd_mask 0).
func (p *Packet) toBridge() {
	dst, src := p.link[:6], p.link[6:addrsLen]
	switch {
	case src[0]&1 != 0 || bytes.Equal(src, make([]byte, 6)):
		p.unseen = "no station has its source address"
		return
	case bytes.HasPrefix(dst, []byte{0x01, 0x80, 0xc2, 0, 0}) && dst[5] == 1:
		p.unseen = "it is a pause frame"
		return
	case bytes.HasPrefix(dst, []byte{0x01, 0x80, 0xc2, 0, 0}) && dst[5] > 0 && dst[5] < 0x10:
		p.unseen = "a bridge does not forward what goes to its reserved address"
		return
	}
	// The kernel goes by the type field, which agrees with skb->protocol in these.
	switch p.protocol {
	case typeIPv4:
		p.info = ipv4Validated(p.net)
	case typeIPv6:
		p.info = ipv6Validated(p.net)
	}
}
