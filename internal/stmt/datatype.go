package stmt

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Datatype is the kind of value that a field holds. Names are nft's (`nft describe`).
type Datatype struct {
	Name    string
	bits    int // of an integer type whose width the field decides: 0
	symbols []symbol
	param   Type
	parse   func(word string, bits int) ([]byte, error)
	address bool // takes prefixes
}

type symbol struct {
	name  string
	value uint64
}

// The datatypes of the fields in this package.
var (
	EtherAddr   = &Datatype{Name: "ether_addr", bits: 48, param: TypeMAC, parse: parseMAC}
	IPv4Addr    = &Datatype{Name: "ipv4_addr", bits: 32, param: TypeIP, parse: parseIPv4, address: true}
	IPv6Addr    = &Datatype{Name: "ipv6_addr", bits: 128, param: TypeIP6, parse: parseIPv6, address: true}
	InetService = &Datatype{Name: "inet_service", bits: 16, param: TypePort}
	InetProto   = &Datatype{Name: "inet_proto", bits: 8, param: TypeProto, symbols: protocols}
	EtherType   = &Datatype{Name: "ether_type", bits: 16, symbols: etherTypes}
	ARPOp       = &Datatype{Name: "arp_op", bits: 16, symbols: arpOps}
	ICMPType    = &Datatype{Name: "icmp_type", bits: 8, symbols: icmpTypes}
	ICMPv6Type  = &Datatype{Name: "icmpv6_type", bits: 8, symbols: icmpv6Types}
	PktType     = &Datatype{Name: "pkt_type", bits: 8, symbols: pktTypes}
	Integer     = &Datatype{Name: "integer"}
)

var protocols = []symbol{
	{"icmp", 1},
	{"igmp", 2},
	{"tcp", 6},
	{"udp", 17},
	{"dccp", 33},
	{"gre", 47},
	{"esp", 50},
	{"ah", 51},
	{"icmpv6", 58},
	{"ipv6-icmp", 58},
	{"comp", 108},
	{"vrrp", 112},
	{"sctp", 132},
	{"udplite", 136},
}

var etherTypes = []symbol{
	{"ip", 0x0800}, {"arp", 0x0806}, {"ip6", 0x86dd}, {"8021q", 0x8100}, {"vlan", 0x8100}, {"8021ad", 0x88a8},
}

var arpOps = []symbol{
	{"request", 1}, {"reply", 2}, {"rrequest", 3}, {"rreply", 4}, {"inrequest", 8}, {"inreply", 9}, {"nak", 10},
}

var icmpTypes = []symbol{
	{"echo-reply", 0},
	{"destination-unreachable", 3},
	{"source-quench", 4},
	{"redirect", 5},
	{"echo-request", 8},
	{"router-advertisement", 9},
	{"router-solicitation", 10},
	{"time-exceeded", 11},
	{"parameter-problem", 12},
	{"timestamp-request", 13},
	{"timestamp-reply", 14},
	{"info-request", 15},
	{"info-reply", 16},
	{"address-mask-request", 17},
	{"address-mask-reply", 18},
}

var icmpv6Types = []symbol{
	{"destination-unreachable", 1},
	{"packet-too-big", 2},
	{"time-exceeded", 3},
	{"parameter-problem", 4},
	{"echo-request", 128},
	{"echo-reply", 129},
	{"mld-listener-query", 130},
	{"mld-listener-report", 131},
	{"mld-listener-done", 132},
	{"mld-listener-reduction", 132},
	{"nd-router-solicit", 133},
	{"nd-router-advert", 134},
	{"nd-neighbor-solicit", 135},
	{"nd-neighbor-advert", 136},
	{"nd-redirect", 137},
	{"router-renumbering", 138},
	{"ind-neighbor-solicit", 141},
	{"ind-neighbor-advert", 142},
	{"mld2-listener-report", 143},
}

// The values are <linux/if_packet.h>'s; `unicast` is nft's second name for host.
var pktTypes = []symbol{{"host", 0}, {"unicast", 0}, {"broadcast", 1}, {"multicast", 2}, {"other", 3}}

// literal reads one value of the type as bytes in network order, bits wide.
func (d *Datatype) literal(word string, bits int) ([]byte, error) {
	for _, s := range d.symbols {
		if s.name == word {
			return number(s.value, bits), nil
		}
	}
	if d.parse != nil {
		return d.parse(word, bits)
	}
	n, err := strconv.ParseUint(word, 0, 64)
	if err != nil || strings.Contains(word, "_") || octal(word) {
		return nil, fmt.Errorf("%q is not %s", word, d.article())
	}
	if bits < 64 && n >= 1<<bits {
		return nil, fmt.Errorf("%s is more than the %d bits of the field hold (at most %d)", word, bits, uint64(1)<<bits-1)
	}
	return number(n, bits), nil
}

// octal spots a leading zero, which nft and C read as base 8 and people do not.
func octal(word string) bool {
	return len(word) > 1 && word[0] == '0' && word[1] >= '0' && word[1] <= '9'
}

func (d *Datatype) article() string {
	switch d {
	case EtherAddr:
		return "a MAC address"
	case IPv4Addr:
		return "an IPv4 address"
	case IPv6Addr:
		return "an IPv6 address"
	case InetService:
		return "a port number"
	case Integer:
		return "a number"
	case InetProto:
		return "an IP protocol"
	case EtherType:
		return "an ethertype"
	case ARPOp:
		return "an ARP operation"
	case PktType:
		return "a packet type"
	default:
		return "an ICMP type"
	}
}

// number writes n in network order, as many whole bytes as bits need.
func number(n uint64, bits int) []byte {
	size := (bits + 7) / 8
	if size <= 8 {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], n)
		return append([]byte(nil), b[8-size:]...)
	}
	out := make([]byte, size)
	binary.BigEndian.PutUint64(out[size-8:], n)
	return out
}

func parseMAC(word string, _ int) ([]byte, error) {
	mac, err := net.ParseMAC(word)
	if err != nil || len(mac) != 6 || strings.Count(word, ":") != 5 {
		return nil, fmt.Errorf("%q is not a MAC address (six bytes, as in 00:16:3e:00:00:07)", word)
	}
	return mac, nil
}

func parseIPv4(word string, _ int) ([]byte, error) {
	addr, err := netip.ParseAddr(word)
	if err != nil || !addr.Is4() {
		return nil, fmt.Errorf("%q is not an IPv4 address", word)
	}
	return addr.AsSlice(), nil
}

func parseIPv6(word string, _ int) ([]byte, error) {
	addr, err := netip.ParseAddr(word)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return nil, fmt.Errorf("%q is not an IPv6 address", word)
	}
	return addr.AsSlice(), nil
}
