package conntrack

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Flow is a connection as the kernel tracks it: its first packet as it came in, the answers as they come in, and what tells it
// from all others. Where addresses are translated, the answers are not the first packet turned round: ReplyDst is what the
// source was translated to, ReplySrc the destination.
type Flow struct {
	Proto            uint8
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // 0 for protocols without; GRE's keys

	ICMPType, ICMPCode uint8  // of ICMP and ICMPv6
	ICMPID             uint16 // the identifier of an echo

	ReplySrc, ReplyDst         netip.Addr
	ReplySrcPort, ReplyDstPort uint16

	Zone    uint16 // of the first packet's direction (nft's "ct original zone"); 0 is where everything is that nobody zoned
	Related bool   // expected of another connection, as FTP's data are: its first packet was not new but related
	ID      uint32 // the kernel's, opaque
}

// String reads "tcp 192.0.2.1:40000 > 198.51.100.1:80".
func (f Flow) String() string {
	switch f.Proto {
	case unix.IPPROTO_TCP:
		return "tcp " + f.ends()
	case unix.IPPROTO_UDP:
		return "udp " + f.ends()
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		return fmt.Sprintf("icmp type %d code %d id %d %s > %s", f.ICMPType, f.ICMPCode, f.ICMPID, f.Src, f.Dst)
	default:
		return fmt.Sprintf("protocol %d %s", f.Proto, f.ends())
	}
}

func (f Flow) ends() string {
	return netip.AddrPortFrom(f.Src, f.SrcPort).String() + " > " + netip.AddrPortFrom(f.Dst, f.DstPort).String()
}

// compare orders flows, and tells the same from others.
func (f Flow) compare(g Flow) int {
	return cmp.Or(f.Src.Compare(g.Src), f.Dst.Compare(g.Dst), cmp.Compare(f.Proto, g.Proto), cmp.Compare(f.SrcPort, g.SrcPort),
		cmp.Compare(f.DstPort, g.DstPort), cmp.Compare(f.ICMPID, g.ICMPID), cmp.Compare(f.Zone, g.Zone), cmp.Compare(f.ID, g.ID))
}

// tuple is one direction of a flow (struct nf_conntrack_tuple).
type tuple struct {
	src, dst           netip.Addr
	proto              uint8
	srcPort, dstPort   uint16
	icmpType, icmpCode uint8
	icmpID             uint16
	zone               uint16
}

// parseFlow reads a message about a flow. It allocates nothing: a dump has many that nobody wants.
func parseFlow(payload []byte) (f Flow, err error) {
	if len(payload) < nl.SizeofNfgenmsg {
		return Flow{}, errMalformed
	}
	var orig, reply tuple
	var zone uint16
	a := attrs{rest: payload[nl.SizeofNfgenmsg:]}
	for a.next() && a.err == nil {
		switch a.typ {
		case nl.CTA_TUPLE_ORIG:
			orig, a.err = parseTuple(a.val)
		case nl.CTA_TUPLE_REPLY:
			reply, a.err = parseTuple(a.val)
		case nl.CTA_STATUS:
			f.Related = a.u32()&statusExpected != 0
		case nl.CTA_ZONE: // of both directions
			zone = a.u16()
		case nl.CTA_ID:
			f.ID = a.u32()
		}
	}
	if a.err != nil {
		return Flow{}, a.err
	}
	if !orig.src.IsValid() || !orig.dst.IsValid() || !reply.src.IsValid() || !reply.dst.IsValid() {
		return Flow{}, errMalformed
	}
	f.Proto, f.Src, f.Dst, f.SrcPort, f.DstPort = orig.proto, orig.src, orig.dst, orig.srcPort, orig.dstPort
	f.ICMPType, f.ICMPCode, f.ICMPID = orig.icmpType, orig.icmpCode, orig.icmpID
	f.ReplySrc, f.ReplyDst, f.ReplySrcPort, f.ReplyDstPort = reply.src, reply.dst, reply.srcPort, reply.dstPort
	f.Zone = cmp.Or(zone, orig.zone)
	return f, nil
}

func parseTuple(b []byte) (t tuple, err error) {
	a := attrs{rest: b}
	for a.next() && a.err == nil {
		switch a.typ {
		case nl.CTA_TUPLE_IP:
			a.err = t.parseAddresses(a.val)
		case nl.CTA_TUPLE_PROTO:
			a.err = t.parseProto(a.val)
		case ctaTupleZone:
			t.zone = a.u16()
		}
	}
	return t, a.err
}

func (t *tuple) parseAddresses(b []byte) error {
	a := attrs{rest: b}
	for a.next() && a.err == nil {
		switch a.typ {
		case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
			t.src, _ = netip.AddrFromSlice(a.val) // parseFlow looks whether it is valid
		case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
			t.dst, _ = netip.AddrFromSlice(a.val)
		}
	}
	return a.err
}

func (t *tuple) parseProto(b []byte) error {
	a := attrs{rest: b}
	for a.next() && a.err == nil {
		switch a.typ {
		case nl.CTA_PROTO_NUM:
			t.proto = a.u8()
		case nl.CTA_PROTO_SRC_PORT:
			t.srcPort = a.u16()
		case nl.CTA_PROTO_DST_PORT:
			t.dstPort = a.u16()
		case ctaICMPID, ctaICMPv6ID:
			t.icmpID = a.u16()
		case ctaICMPType, ctaICMPv6Type:
			t.icmpType = a.u8()
		case ctaICMPCode, ctaICMPv6Code:
			t.icmpCode = a.u8()
		}
	}
	return a.err
}

// attribute encodes a tuple as the kernel encodes it.
func (t *tuple) attribute(typ int) *nl.RtAttr {
	ip := nl.NewRtAttr(nested|nl.CTA_TUPLE_IP, nil)
	if t.src.Is4() {
		ip.AddRtAttr(nl.CTA_IP_V4_SRC, t.src.AsSlice())
		ip.AddRtAttr(nl.CTA_IP_V4_DST, t.dst.AsSlice())
	} else {
		ip.AddRtAttr(nl.CTA_IP_V6_SRC, t.src.AsSlice())
		ip.AddRtAttr(nl.CTA_IP_V6_DST, t.dst.AsSlice())
	}
	proto := nl.NewRtAttr(nested|nl.CTA_TUPLE_PROTO, nil)
	proto.AddRtAttr(nl.CTA_PROTO_NUM, []byte{t.proto})
	switch t.proto {
	case unix.IPPROTO_ICMP:
		proto.AddRtAttr(ctaICMPID, nl.BEUint16Attr(t.icmpID))
		proto.AddRtAttr(ctaICMPType, []byte{t.icmpType})
		proto.AddRtAttr(ctaICMPCode, []byte{t.icmpCode})
	case unix.IPPROTO_ICMPV6:
		proto.AddRtAttr(ctaICMPv6ID, nl.BEUint16Attr(t.icmpID))
		proto.AddRtAttr(ctaICMPv6Type, []byte{t.icmpType})
		proto.AddRtAttr(ctaICMPv6Code, []byte{t.icmpCode})
	default: // what has no ports is not asked for them
		proto.AddRtAttr(nl.CTA_PROTO_SRC_PORT, nl.BEUint16Attr(t.srcPort))
		proto.AddRtAttr(nl.CTA_PROTO_DST_PORT, nl.BEUint16Attr(t.dstPort))
	}
	a := nl.NewRtAttr(nested|typ, nil)
	a.AddChild(ip)
	a.AddChild(proto)
	return a
}

const nested = int(nl.NLA_F_NESTED)
