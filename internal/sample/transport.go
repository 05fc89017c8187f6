package sample

import (
	"net/netip"

	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// igmpGroup is mDNS's, which every host may join.
var igmpGroup = netip.AddrFrom4([4]byte{224, 0, 0, 251})

// Ports of a conversation of which nothing is said.
const (
	clientPort  = 1024
	discardPort = 9 // RFC 863
)

// partners are ports that talk to each other.
var partners = map[uint16]uint16{67: 68, 68: 67, 546: 547, 547: 546}

// portSaid is a port that the text names; 0: none.
func (b *builder) portSaid(end string) uint16 {
	for _, header := range []string{"th ", "udp ", "tcp "} {
		if w := b.sample.said(header + end); w != nil {
			return uint16(w.number())
		}
	}
	return 0
}

func (b *builder) ports() (src, dst uint16) {
	src, dst = b.portSaid("sport"), b.portSaid("dport")
	switch {
	case src == 0 && dst == 0:
		return clientPort, discardPort
	case src == 0 && partners[dst] != 0:
		return partners[dst], dst
	case src == 0:
		return clientPort, dst
	case dst == 0 && partners[src] != 0:
		return src, partners[src]
	case dst == 0 && src < clientPort:
		return src, clientPort
	case dst == 0:
		return src, discardPort
	}
	return src, dst
}

// overIP is what IP carries, without its data.
func (b *builder) overIP() []frame.Layer {
	if b.sample.shape.later != nil {
		return nil
	}
	src, dst := b.ports()
	switch b.transport {
	case frame.ProtoUDP:
		return []frame.Layer{frame.UDP{Src: src, Dst: dst}}
	case frame.ProtoTCP:
		return []frame.Layer{frame.TCP{Src: src, Dst: dst, Seq: 1, Flags: b.tcpFlags(), Ack: b.acknowledged()}}
	case frame.ProtoICMP:
		return []frame.Layer{frame.ICMPv4{Type: b.kind, Body: b.icmpBody()}}
	case frame.ProtoICMPv6:
		return []frame.Layer{b.icmpv6()}
	case frame.ProtoIGMP:
		return []frame.Layer{frame.IGMP{Type: frame.IGMPv2Report, Group: b.dst}}
	case mobility: // RFC 6275, 6.1.1: no payload behind it, a length of 0, a binding refresh request
		return []frame.Layer{frame.Raw{frame.ProtoNoNext, 0, 0, 0, 0, 0, 0, 0}}
	}
	return nil
}

// tcpFlags begin a connection, or go on with one that the text says is established.
func (b *builder) tcpFlags() uint8 {
	if b.established() {
		return frame.ACK
	}
	return frame.SYN
}

func (b *builder) acknowledged() uint32 {
	if b.established() {
		return 1
	}
	return 0
}

func (b *builder) established() bool {
	w := b.sample.said("ct state")
	const established = 2 // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
	return w != nil && w.number() == established
}

// icmp settles the type of an ICMP message.
func (b *builder) icmp() *stmt.Error {
	shape := &b.sample.shape
	b.kind = frame.ICMPEchoRequest
	if b.transport == frame.ProtoICMPv6 {
		b.kind = frame.ICMPv6EchoRequest
	}
	if len(shape.kinds) > 0 && !containsByte(shape.kinds, b.kind) {
		b.kind = shape.kinds[0]
	}
	if b.transport == frame.ProtoICMPv6 && b.isMLD() && len(b.chain) == 0 && !shape.banned[frame.ProtoHopByHop] && b.sample.said("ip6 nexthdr") == nil {
		b.chain, b.alert = []uint8{frame.ProtoHopByHop}, true // RFC 3810, 5
	}
	return nil
}

// icmpBody is what follows the checksum of an ICMP message.
func (b *builder) icmpBody() []byte {
	switch b.kind {
	case frame.ICMPEchoRequest, frame.ICMPEchoReply:
		return frame.Echo(1, 1, "")
	case 3, 4, 5, 11, 12: // errors and redirects quote the packet that they are about (RFC 792)
		return append(make([]byte, 4), b.quoted()...)
	case 13, 14: // timestamps
		return make([]byte, 16)
	}
	return make([]byte, 4)
}

// quoted is the beginning of a packet that the receiver of an ICMP error had sent.
func (b *builder) quoted() []byte {
	if b.network == frame.TypeIPv4 {
		return frame.Build(frame.IPv4{Src: b.dst, Dst: b.src}, frame.UDP{Src: clientPort, Dst: discardPort})
	}
	return frame.Build(frame.IPv6{Src: b.dst, Dst: b.src, HopLimit: 64}, frame.UDP{Src: clientPort, Dst: discardPort})
}
