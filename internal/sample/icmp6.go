package sample

import (
	"net"
	"net/netip"

	"vifd/internal/frame"
)

// Groups of IPv6 (RFC 4291, 2.7.1; RFC 3810, 5.2.14).
var (
	allNodes    = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 1})
	allRouters  = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 2})
	mldv2Group  = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 0x16})
	mdnsIPv6    = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 0xfb})
	unspecified = netip.IPv6Unspecified()
)

// Types of multicast listener discovery.
const (
	mldQuery  = 130
	mldReport = 131
	mldDone   = 132
)

func (b *builder) isMLD() bool {
	return b.kind >= mldQuery && b.kind <= mldDone || b.kind == frame.ICMPv6MLDv2Report
}

func (b *builder) isND() bool {
	return b.kind >= frame.ICMPv6RouterSolicit && b.kind <= frame.ICMPv6Redirect
}

// hopLimit is what the message's standard demands.
func (b *builder) hopLimit() uint8 {
	switch {
	case b.isND():
		return 255
	case b.isMLD():
		return 1
	}
	return 64
}

// messageAddresses are those that an ICMPv6 message has by its type.
func (b *builder) messageAddresses() {
	switch b.kind {
	case frame.ICMPv6RouterSolicit:
		b.src, b.dst = b.from.linkLocal, allRouters
	case frame.ICMPv6RouterAdvert:
		b.src, b.dst = b.from.linkLocal, allNodes
	case frame.ICMPv6Redirect:
		b.src = b.from.linkLocal
	case mldQuery:
		b.src, b.dst = b.from.linkLocal, allNodes
	case mldReport:
		b.src, b.dst = b.from.linkLocal, mdnsIPv6
	case mldDone:
		b.src, b.dst = b.from.linkLocal, allRouters
	case frame.ICMPv6MLDv2Report:
		b.src, b.dst = b.from.linkLocal, mldv2Group
	}
}

// solicited has a neighbour solicitation go to the group of its target, and one from nowhere ask for the sender's own address.
func (b *builder) solicited() {
	if b.transport == frame.ProtoICMPv6 && b.kind == frame.ICMPv6NeighborSolicit && b.sample.said("ip6 daddr") == nil {
		b.dst = frame.SolicitedNode(b.target())
	}
	if b.transport == frame.ProtoICMPv6 && b.kind == frame.ICMPv6NeighborAdvert && b.src == unspecified && b.sample.said("ip6 daddr") == nil {
		b.dst = allNodes
	}
}

// target is whom a message of neighbour discovery is about.
func (b *builder) target() netip.Addr {
	a := b.from.ip6
	if b.kind == frame.ICMPv6NeighborSolicit && b.src != unspecified {
		a = b.to.ip6
		if b.src.IsLinkLocalUnicast() && b.from.ip6 == b.from.linkLocal {
			a = b.to.linkLocal
		}
	}
	b.sayAddr("nd target", &a)
	return a
}

// Lengths of neighbour discovery messages without options (RFC 4861, 4), and of the option with a MAC.
const (
	solicitLen  = 24
	routerLen   = 8
	linkAddrLen = 8
)

// fitsOption reports whether the length that is said leaves room for an option.
func (b *builder) fitsOption(without uint64) bool {
	w := b.sample.said("ip6 length")
	return w == nil || w.number() >= without+linkAddrLen
}

func (b *builder) icmpv6() frame.ICMPv6 {
	mac := func(field string, otherwise net.HardwareAddr) net.HardwareAddr {
		if w := b.sample.said(field); w != nil {
			return w.value
		}
		return otherwise
	}
	sll, tll := b.sample.said("nd sll"), b.sample.said("nd tll")
	var options []frame.NDOption
	switch b.kind {
	case frame.ICMPv6NeighborSolicit:
		switch {
		case tll != nil:
			options = append(options, frame.TargetLinkLayer(tll.value))
		case sll != nil || b.src != unspecified && b.fitsOption(solicitLen):
			options = append(options, frame.SourceLinkLayer(mac("nd sll", b.from.mac)))
		}
		return frame.NeighborSolicit(b.target(), options...)
	case frame.ICMPv6NeighborAdvert:
		switch {
		case sll != nil:
			options = append(options, frame.SourceLinkLayer(sll.value))
		case tll != nil || b.fitsOption(solicitLen):
			options = append(options, frame.TargetLinkLayer(mac("nd tll", b.from.mac)))
		}
		flags := uint8(frame.NASolicited | frame.NAOverride)
		if b.dst.IsMulticast() {
			flags = frame.NAOverride
		}
		return frame.NeighborAdvert(flags, b.target(), options...)
	case frame.ICMPv6RouterSolicit:
		if b.src != unspecified && b.fitsOption(routerLen) {
			options = append(options, frame.SourceLinkLayer(b.from.mac))
		}
		return frame.RouterSolicit(options...)
	case frame.ICMPv6RouterAdvert:
		const lifetime = 1800
		return frame.RouterAdvert(lifetime, frame.SourceLinkLayer(b.from.mac))
	case frame.ICMPv6Redirect:
		return frame.Redirect(b.target(), b.to.ip6)
	case mldQuery, mldReport, mldDone:
		group := b.dst
		if b.kind != mldReport {
			group = mdnsIPv6
		}
		a := group.As16()
		return frame.ICMPv6{Type: b.kind, Body: append(make([]byte, 4), a[:]...)}
	case frame.ICMPv6MLDv2Report:
		return frame.MLDv2Report(mdnsIPv6)
	case frame.ICMPv6EchoRequest, frame.ICMPv6EchoReply:
		return frame.ICMPv6{Type: b.kind, Body: frame.Echo(1, 1, "")}
	case 1, 2, 3, 4: // errors quote the packet that they are about (RFC 4443, 3)
		return frame.ICMPv6{Type: b.kind, Body: append(make([]byte, 4), b.quoted()...)}
	}
	return frame.ICMPv6{Type: b.kind, Body: make([]byte, 4)}
}
