package conntrack

import (
	"cmp"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// What package nl lacks of linux/netfilter/nfnetlink_conntrack.h.
const (
	getStats = 5 // IPCTNL_MSG_CT_GET_STATS

	ctaTupleZone = 3

	ctaICMPID     = 4 // CTA_PROTO_ICMP_ID, _TYPE and _CODE
	ctaICMPType   = 5
	ctaICMPCode   = 6
	ctaICMPv6ID   = 7 // CTA_PROTO_ICMPV6_ID, _TYPE and _CODE
	ctaICMPv6Type = 8
	ctaICMPv6Code = 9

	statusExpected = 1 << 0 // IPS_EXPECTED
)

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
		return Flow{}, nlconn.ErrMalformed
	}
	var orig, reply tuple
	var zone uint16
	a := nlconn.Attributes(payload[nl.SizeofNfgenmsg:])
	for a.Next() {
		switch a.Type {
		case nl.CTA_TUPLE_ORIG:
			orig, a.Err = parseTuple(a.Value)
		case nl.CTA_TUPLE_REPLY:
			reply, a.Err = parseTuple(a.Value)
		case nl.CTA_STATUS:
			f.Related = a.NetUint32()&statusExpected != 0
		case nl.CTA_ZONE: // of both directions
			zone = a.NetUint16()
		case nl.CTA_ID:
			f.ID = a.NetUint32()
		}
	}
	if a.Err != nil {
		return Flow{}, a.Err
	}
	if !orig.src.IsValid() || !orig.dst.IsValid() || !reply.src.IsValid() || !reply.dst.IsValid() {
		return Flow{}, nlconn.ErrMalformed
	}
	f.Proto, f.Src, f.Dst, f.SrcPort, f.DstPort = orig.proto, orig.src, orig.dst, orig.srcPort, orig.dstPort
	f.ICMPType, f.ICMPCode, f.ICMPID = orig.icmpType, orig.icmpCode, orig.icmpID
	f.ReplySrc, f.ReplyDst, f.ReplySrcPort, f.ReplyDstPort = reply.src, reply.dst, reply.srcPort, reply.dstPort
	f.Zone = cmp.Or(zone, orig.zone)
	return f, nil
}

func parseTuple(b []byte) (t tuple, err error) {
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.CTA_TUPLE_IP:
			a.Err = t.parseAddresses(a.Value)
		case nl.CTA_TUPLE_PROTO:
			a.Err = t.parseProto(a.Value)
		case ctaTupleZone:
			t.zone = a.NetUint16()
		}
	}
	return t, a.Err
}

func (t *tuple) parseAddresses(b []byte) error {
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
			t.src, _ = netip.AddrFromSlice(a.Value) // parseFlow looks whether it is valid
		case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
			t.dst, _ = netip.AddrFromSlice(a.Value)
		}
	}
	return a.Err
}

func (t *tuple) parseProto(b []byte) error {
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.CTA_PROTO_NUM:
			t.proto = a.Uint8()
		case nl.CTA_PROTO_SRC_PORT:
			t.srcPort = a.NetUint16()
		case nl.CTA_PROTO_DST_PORT:
			t.dstPort = a.NetUint16()
		case ctaICMPID, ctaICMPv6ID:
			t.icmpID = a.NetUint16()
		case ctaICMPType, ctaICMPv6Type:
			t.icmpType = a.Uint8()
		case ctaICMPCode, ctaICMPv6Code:
			t.icmpCode = a.Uint8()
		}
	}
	return a.Err
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
