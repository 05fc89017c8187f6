package firewall

import (
	"fmt"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

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
	case "meta nfproto":
		for p, number := range nfprotos {
			if value == string([]byte{number}) {
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

// protocolTest makes sure that a packet is of a protocol before a field of it is read.
type protocolTest struct {
	family Family
	proto  stmt.Proto
	shown  bool // nft's own choice would be another
}

// etherLink stands for the test that a packet came from an Ethernet device at all, without which inet has no link header.
const etherLink stmt.Proto = -1

// anyIP stands for IPv4 or IPv6, whichever; connected for what belongs to a connection, or begins one.
const (
	anyIP     stmt.Proto = -2
	connected stmt.Proto = -3
)

func (p protocolTest) text() string {
	if !p.shown {
		return ""
	}
	switch p.proto {
	case etherLink:
		return "meta iiftype ether"
	case stmt.ARP:
		return "meta protocol arp"
	case stmt.IP, stmt.IP6:
		if p.family == Inet {
			return map[stmt.Proto]string{stmt.IP: "meta nfproto ipv4", stmt.IP6: "meta nfproto ipv6"}[p.proto]
		}
		return map[stmt.Proto]string{stmt.IP: "meta protocol ip", stmt.IP6: "meta protocol ip6"}[p.proto]
	case stmt.VLAN:
		return "ether type 8021q"
	case stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP:
		return fmt.Sprintf("meta l4proto %d", protoNumbers[p.proto])
	}
	return ""
}

// value is what the protocol is told by: a meta key, or for VLAN and IEEE 802.1Q's tag a field of the link header.
func (p protocolTest) value() (key expr.MetaKey, value []byte) {
	switch p.proto {
	case etherLink:
		return expr.MetaKeyIIFTYPE, []byte{1, 0} // ARPHRD_ETHER, in the host's order; see emit
	case stmt.ARP, stmt.IP, stmt.IP6:
		if number, ok := nfprotos[p.proto]; ok && p.family == Inet {
			return expr.MetaKeyNFPROTO, []byte{number}
		}
		return expr.MetaKeyPROTOCOL, ethertypes[p.proto]
	case stmt.VLAN, stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP:
	}
	return expr.MetaKeyL4PROTO, []byte{protoNumbers[p.proto]}
}
