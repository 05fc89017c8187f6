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
	what    string
	symbols []symbol
	takes   []Type // the parameters that may stand for a value
	parse   func(word string, bits int) ([]byte, error)
	print   func(v []byte) string // nil: as a number, or its symbol
	address bool                  // takes prefixes
	// Bitmask types hold several values at once: `ct state established,related` means any of them.
	Bitmask bool
	// HostOrder types are numbers that the kernel keeps in the host's byte order. Elem has them in network order all the same.
	HostOrder bool
	single    bool // takes no ranges: names, flags
	hex       bool // printed in hexadecimal, as nft does
}

// The datatypes of the fields in this package.
var (
	EtherAddr   = &Datatype{Name: "ether_addr", bits: 48, what: "a MAC address", takes: []Type{TypeMAC}, parse: parseMAC, print: printMAC}
	IPv4Addr    = &Datatype{Name: "ipv4_addr", bits: 32, what: "an IPv4 address", takes: []Type{TypeIP, TypePrefix}, parse: parseIPv4, print: printIP, address: true}
	IPv6Addr    = &Datatype{Name: "ipv6_addr", bits: 128, what: "an IPv6 address", takes: []Type{TypeIP6, TypePrefix}, parse: parseIPv6, print: printIP, address: true}
	InetService = &Datatype{Name: "inet_service", bits: 16, what: "a port number", takes: []Type{TypePort, TypePortRange, TypeEnum}, symbols: services}
	InetProto   = &Datatype{Name: "inet_proto", bits: 8, what: "an IP protocol", takes: []Type{TypeProto, TypeEnum}, symbols: protocols}
	EtherType   = &Datatype{Name: "ether_type", bits: 16, what: "an ethertype", takes: symbolic, symbols: etherTypes, hex: true}
	NFProto     = &Datatype{Name: "nf_proto", bits: 8, what: "ipv4 or ipv6", takes: symbolic, symbols: nfProtos, single: true}
	ARPOp       = &Datatype{Name: "arp_op", bits: 16, what: "an ARP operation", takes: symbolic, symbols: arpOps}
	ICMPType    = &Datatype{Name: "icmp_type", bits: 8, what: "an ICMP type", takes: symbolic, symbols: icmpTypes}
	ICMPCode    = &Datatype{Name: "icmp_code", bits: 8, what: "an ICMP code", takes: symbolic, symbols: icmpCodes}
	ICMPv6Type  = &Datatype{Name: "icmpv6_type", bits: 8, what: "an ICMPv6 type", takes: symbolic, symbols: icmpv6Types}
	ICMPv6Code  = &Datatype{Name: "icmpv6_code", bits: 8, what: "an ICMPv6 code", takes: symbolic, symbols: icmpv6Codes}
	PktType     = &Datatype{Name: "pkt_type", bits: 8, what: "a packet type", takes: symbolic, symbols: pktTypes}
	TCPFlag     = &Datatype{Name: "tcp_flag", bits: 8, what: "a TCP flag", takes: []Type{TypeEnum}, symbols: tcpFlags, Bitmask: true, single: true, hex: true}
	DSCP        = &Datatype{Name: "dscp", bits: 6, what: "a DSCP", takes: symbolic, symbols: dscps, hex: true}
	ECN         = &Datatype{Name: "ecn", bits: 2, what: "an ECN", takes: symbolic, symbols: ecns}
	MHType      = &Datatype{Name: "mh_type", bits: 8, what: "a mobility header type", takes: symbolic, symbols: mhTypes}
	CtState     = &Datatype{Name: "ct_state", bits: 32, what: "a conntrack state", takes: []Type{TypeEnum}, symbols: ctStates, Bitmask: true, HostOrder: true, single: true, hex: true}
	CtStatus    = &Datatype{Name: "ct_status", bits: 32, what: "a conntrack status", takes: []Type{TypeEnum}, symbols: ctStatuses, Bitmask: true, HostOrder: true, single: true, hex: true}
	CtDirection = &Datatype{Name: "ct_dir", bits: 8, what: "a conntrack direction", takes: symbolic, symbols: ctDirections, single: true}
	Mark        = &Datatype{Name: "mark", bits: 32, what: "a mark", takes: symbolic, HostOrder: true, hex: true}
	ClassID     = &Datatype{Name: "classid", bits: 32, what: "a traffic class, as in 1:20", takes: symbolic, parse: parseClass, print: printClass, HostOrder: true, single: true}
	DevGroup    = &Datatype{Name: "devgroup", bits: 32, what: "a device group", takes: symbolic, symbols: []symbol{{"default", 0}}, HostOrder: true}
	Ifname      = &Datatype{Name: "ifname", bits: 128, what: "an interface's name", takes: []Type{TypeInterface}, parse: parseIfname, print: printIfname, single: true}
	FibType     = &Datatype{Name: "fib_addrtype", bits: 32, what: "an address type", takes: []Type{TypeEnum}, symbols: fibTypes, HostOrder: true, single: true}
	Boolean     = &Datatype{Name: "boolean", bits: 8, what: "exists or missing", symbols: booleans, single: true}
	Presence    = &Datatype{Name: "boolean", bits: 32, what: "exists or missing", symbols: booleans, single: true, HostOrder: true} // of a route
	Integer     = &Datatype{Name: "integer", what: "a number", takes: symbolic}
	RawInteger  = &Datatype{Name: "integer", what: "a number", hex: true} // of raw payload, whatever its length
	HostInteger = &Datatype{Name: "integer", bits: 32, what: "a number", takes: symbolic, HostOrder: true}
	CtZone      = &Datatype{Name: "integer", bits: 16, what: "a conntrack zone", takes: symbolic, HostOrder: true}
)

// symbolic are the parameter types of fields whose values are numbers or words for numbers.
var symbolic = []Type{TypeNumber, TypeEnum}

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
	if err != nil || strings.Contains(word, "_") || octal(word) || d == Boolean || d == Presence {
		return nil, fmt.Errorf("%q is not %s", word, d.what)
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

// parseClass reads the handle of a traffic class, major:minor in hexadecimal (tc(8)); none and root are nft's words.
func parseClass(word string, _ int) ([]byte, error) {
	switch word {
	case "none":
		return number(0, 32), nil
	case "root":
		return number(1<<32-1, 32), nil
	}
	major, minor, ok := strings.Cut(word, ":")
	hi, err1 := strconv.ParseUint(major, 16, 16)
	lo, err2 := strconv.ParseUint(minor, 16, 16)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%q is not a traffic class (MAJOR:MINOR in hexadecimal, none or root)", word)
	}
	return number(hi<<16|lo, 32), nil
}

// IfnameSize is IFNAMSIZ of <linux/if.h>: an interface's name with the zero behind it.
const IfnameSize = 16

func parseIfname(word string, _ int) ([]byte, error) {
	if word == "" || len(word) >= IfnameSize || strings.ContainsAny(word, "/: \t\"*") || word == "." || word == ".." {
		return nil, fmt.Errorf("%q is not an interface's name (at most %d bytes, no slash, colon or space)", word, IfnameSize-1)
	}
	b := make([]byte, IfnameSize)
	copy(b, word)
	return b, nil
}
