package firewall

import "vifd/internal/stmt"

// ethertypes, nfprotos and protoNumbers are what a protocol is told by: <linux/if_ether.h>, <linux/netfilter.h> and
// <linux/in.h>.
var (
	ethertypes   = map[stmt.Proto][]byte{stmt.ARP: {0x08, 0x06}, stmt.IP: {0x08, 0x00}, stmt.IP6: {0x86, 0xdd}, stmt.VLAN: {0x81, 0x00}}
	nfprotos     = map[stmt.Proto]byte{stmt.IP: 2, stmt.IP6: 10}
	protoNumbers = map[stmt.Proto]byte{stmt.ICMP: 1, stmt.TCP: 6, stmt.UDP: 17, stmt.ICMPv6: 58}
)

// protocols are those that the statement so far has made sure of.
type protocols map[stmt.Proto]bool

// learn marks p as known and reports whether it was not.
func (k protocols) learn(p stmt.Proto) bool {
	was := k[p]
	k[p] = true
	return !was
}

// tested takes note of a protocol that the statement's author compared himself.
func (k protocols) tested(m *match, f Family) {
	if m.op != stmt.Eq || m.set || m.mask != nil || len(m.fields) != 1 || !m.tuples[0][0].Single() {
		return
	}
	value, name := string(m.tuples[0][0].Lo), m.fields[0].Name
	switch name {
	case "meta protocol", "ether type", "vlan type":
		if name == "meta protocol" && f == Inet {
			return // where nft goes by the address family
		}
		for p, ethertype := range ethertypes {
			// Of a VLAN's tag the link header alone tells, and first.
			if value == string(ethertype) && (p != stmt.VLAN || name == "ether type") {
				k[p] = true
			}
		}
	case "meta l4proto", "ip protocol", "ip6 nexthdr":
		for p, number := range protoNumbers {
			if value == string([]byte{number}) {
				k[p] = true
			}
		}
	}
}
