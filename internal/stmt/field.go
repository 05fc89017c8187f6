package stmt

// Base says from where a field is read.
type Base int

// The bases: the headers of nf_tables' payload expression, its meta keys, and IPv6's fragment header.
const (
	LinkHeader Base = iota
	NetworkHeader
	TransportHeader
	Meta
	Fragment
)

// MetaKey is a key of nf_tables' meta expression (enum nft_meta_keys, <linux/netfilter/nf_tables.h>).
type MetaKey int

// The meta keys in use.
const (
	MetaProtocol MetaKey = iota
	MetaL4Proto
	MetaPktType
)

// Proto is a protocol that a packet must be of before a field of it means anything.
type Proto int

// The protocols that fields need. A layer 3 one is tested by `meta protocol`, which sees through a VLAN tag that the kernel
// has taken off, where nft's own test of the link header for ARP and ND does not; a layer 4 one by `meta l4proto`.
const (
	AnyProto Proto = iota
	ARP
	IP
	IP6
	ICMP
	ICMPv6
	TCP
	UDP
)

// Field is something of a packet that a statement can compare. Offsets and lengths are in bits, from the base's first.
type Field struct {
	Name   string // as nft spells it: "arp saddr ether"
	Base   Base
	Offset int
	Bits   int
	Meta   MetaKey
	Type   *Datatype
	Needs  []Proto // outermost first
	Option byte    // of ND: the type byte of the option that must stand right before the field; 0: none
}

// Size is the length of the field's values in bytes.
func (f *Field) Size() int { return (f.Bits + 7) / 8 }

var fields = buildFields()

// buildFields lists every field once. Offsets are those of IEEE 802.3, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 768 (UDP),
// 9293 (TCP), 792 and 4443 (ICMP), 4861 (ND).
func buildFields() map[string]*Field {
	list := []*Field{
		{Name: "ether daddr", Base: LinkHeader, Offset: 0, Bits: 48, Type: EtherAddr},
		{Name: "ether saddr", Base: LinkHeader, Offset: 48, Bits: 48, Type: EtherAddr},
		{Name: "ether type", Base: LinkHeader, Offset: 96, Bits: 16, Type: EtherType},
		{Name: "meta protocol", Base: Meta, Meta: MetaProtocol, Bits: 16, Type: EtherType},
		{Name: "meta l4proto", Base: Meta, Meta: MetaL4Proto, Bits: 8, Type: InetProto},
		{Name: "meta pkttype", Base: Meta, Meta: MetaPktType, Bits: 8, Type: PktType},
		{Name: "frag frag-off", Base: Fragment, Offset: 16, Bits: 13, Type: Integer, Needs: []Proto{IP6}},
		{Name: "frag more-fragments", Base: Fragment, Offset: 31, Bits: 1, Type: Integer, Needs: []Proto{IP6}},
		{Name: "frag nexthdr", Base: Fragment, Offset: 0, Bits: 8, Type: InetProto, Needs: []Proto{IP6}},
	}
	group := func(header string, base Base, needs []Proto, rows ...Field) {
		for _, row := range rows {
			row.Name, row.Base, row.Needs = header+" "+row.Name, base, needs
			list = append(list, &row)
		}
	}
	group("arp", NetworkHeader, []Proto{ARP},
		Field{Name: "htype", Offset: 0, Bits: 16, Type: Integer},
		Field{Name: "ptype", Offset: 16, Bits: 16, Type: EtherType},
		Field{Name: "hlen", Offset: 32, Bits: 8, Type: Integer},
		Field{Name: "plen", Offset: 40, Bits: 8, Type: Integer},
		Field{Name: "operation", Offset: 48, Bits: 16, Type: ARPOp},
		Field{Name: "saddr ether", Offset: 64, Bits: 48, Type: EtherAddr},
		Field{Name: "saddr ip", Offset: 112, Bits: 32, Type: IPv4Addr},
		Field{Name: "daddr ether", Offset: 144, Bits: 48, Type: EtherAddr},
		Field{Name: "daddr ip", Offset: 192, Bits: 32, Type: IPv4Addr},
	)
	group("ip", NetworkHeader, []Proto{IP},
		Field{Name: "length", Offset: 16, Bits: 16, Type: Integer},
		Field{Name: "id", Offset: 32, Bits: 16, Type: Integer},
		Field{Name: "frag-off", Offset: 48, Bits: 16, Type: Integer}, // flags included, as in nft
		Field{Name: "ttl", Offset: 64, Bits: 8, Type: Integer},
		Field{Name: "protocol", Offset: 72, Bits: 8, Type: InetProto},
		Field{Name: "saddr", Offset: 96, Bits: 32, Type: IPv4Addr},
		Field{Name: "daddr", Offset: 128, Bits: 32, Type: IPv4Addr},
	)
	group("ip6", NetworkHeader, []Proto{IP6},
		Field{Name: "length", Offset: 32, Bits: 16, Type: Integer},
		Field{Name: "nexthdr", Offset: 48, Bits: 8, Type: InetProto},
		Field{Name: "hoplimit", Offset: 56, Bits: 8, Type: Integer},
		Field{Name: "saddr", Offset: 64, Bits: 128, Type: IPv6Addr},
		Field{Name: "daddr", Offset: 192, Bits: 128, Type: IPv6Addr},
	)
	ports := []Field{
		{Name: "sport", Offset: 0, Bits: 16, Type: InetService},
		{Name: "dport", Offset: 16, Bits: 16, Type: InetService},
	}
	group("udp", TransportHeader, []Proto{UDP}, ports...)
	group("tcp", TransportHeader, []Proto{TCP}, ports...)
	group("icmp", TransportHeader, []Proto{IP, ICMP},
		Field{Name: "type", Offset: 0, Bits: 8, Type: ICMPType},
		Field{Name: "code", Offset: 8, Bits: 8, Type: Integer},
	)
	group("icmpv6", TransportHeader, []Proto{IP6, ICMPv6},
		Field{Name: "type", Offset: 0, Bits: 8, Type: ICMPv6Type},
		Field{Name: "code", Offset: 8, Bits: 8, Type: Integer},
	)
	// nft has no names for what follows and lists it as raw payload. Type 1 is the source, 2 the target link-layer address
	// option (RFC 4861, 4.6.1); sll and tll read the first option of a neighbour solicitation or advertisement.
	group("nd", TransportHeader, []Proto{IP6, ICMPv6},
		Field{Name: "target", Offset: 64, Bits: 128, Type: IPv6Addr},
		Field{Name: "sll", Offset: 208, Bits: 48, Type: EtherAddr, Option: 1},
		Field{Name: "tll", Offset: 208, Bits: 48, Type: EtherAddr, Option: 2},
	)
	byName := make(map[string]*Field, len(list))
	for _, f := range list {
		byName[f.Name] = f
	}
	return byName
}
