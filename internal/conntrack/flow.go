package conntrack

import (
	"cmp"
	"fmt"
	"net/netip"

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
