package firewall

import (
	"fmt"

	"vifd/internal/stmt"
)

// ethertypes and protoNumbers are what a protocol is told by: <linux/if_ether.h> and <linux/in.h>.
var (
	ethertypes   = map[stmt.Proto][]byte{stmt.ARP: {0x08, 0x06}, stmt.IP: {0x08, 0x00}, stmt.IP6: {0x86, 0xdd}}
	protoNumbers = map[stmt.Proto]byte{stmt.ICMP: 1, stmt.TCP: 6, stmt.UDP: 17, stmt.ICMPv6: 58}
)

// protocols are those that the statement so far has made sure of.
type protocols struct{ known [stmt.UDP + 1]bool }

// learn marks p as known and reports whether it was not.
func (k *protocols) learn(p stmt.Proto) bool {
	was := k.known[p]
	k.known[p] = true
	return !was
}

// tested takes note of a protocol that the statement's author compared himself.
func (k *protocols) tested(it *item) {
	if it.negate || it.set || it.own != stmt.TypeNone || it.field.Base != stmt.Meta {
		return
	}
	for p, ethertype := range ethertypes {
		if it.field.Meta == stmt.MetaProtocol && it.elems[0].Single() && string(it.elems[0].Lo) == string(ethertype) {
			k.known[p] = true
		}
	}
	for p, number := range protoNumbers {
		if it.field.Meta == stmt.MetaL4Proto && it.elems[0].Single() && it.elems[0].Lo[0] == number {
			k.known[p] = true
		}
	}
}

func protocolTest(p stmt.Proto) string {
	switch p {
	case stmt.ARP:
		return "meta protocol arp"
	case stmt.IP:
		return "meta protocol ip"
	case stmt.IP6:
		return "meta protocol ip6"
	default:
		return fmt.Sprintf("meta l4proto %d", protoNumbers[p])
	}
}
