package stmt

import "sync"

// fields lists every field by its name, once a statement is read. Offsets are those of IEEE 802.3 and 802.1Q, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6
// and its extension headers), 6275 (mobility header), 768 (UDP), 9293 (TCP), 792 and 4443 (ICMP), 4861 (ND).
var fields = sync.OnceValue(buildFields)

func buildFields() map[string]*Field {
	var list []*Field
	group := func(header string, common Field, rows ...Field) {
		for _, row := range rows {
			row.Name, row.Base, row.Needs, row.Header = header+" "+row.Name, common.Base, common.Needs, common.Header
			list = append(list, &row)
		}
	}
	group("ether", Field{Base: LinkHeader},
		Field{Name: "daddr", Offset: 0, Bits: 48, Type: EtherAddr},
		Field{Name: "saddr", Offset: 48, Bits: 48, Type: EtherAddr},
		Field{Name: "type", Offset: 96, Bits: 16, Type: EtherType},
	)
	group("vlan", Field{Base: LinkHeader, Needs: []Proto{VLAN}},
		Field{Name: "pcp", Offset: 112, Bits: 3, Type: Integer},
		Field{Name: "dei", Offset: 115, Bits: 1, Type: Integer},
		Field{Name: "id", Offset: 116, Bits: 12, Type: Integer},
		Field{Name: "type", Offset: 128, Bits: 16, Type: EtherType},
	)
	group("arp", Field{Base: NetworkHeader, Needs: []Proto{ARP}},
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
	group("ip", Field{Base: NetworkHeader, Needs: []Proto{IP}},
		Field{Name: "version", Offset: 0, Bits: 4, Type: Integer},
		Field{Name: "hdrlength", Offset: 4, Bits: 4, Type: Integer},
		Field{Name: "dscp", Offset: 8, Bits: 6, Type: DSCP},
		Field{Name: "ecn", Offset: 14, Bits: 2, Type: ECN},
		Field{Name: "length", Offset: 16, Bits: 16, Type: Integer},
		Field{Name: "id", Offset: 32, Bits: 16, Type: Integer},
		Field{Name: "frag-off", Offset: 48, Bits: 16, Type: Integer}, // flags included, as in nft
		Field{Name: "ttl", Offset: 64, Bits: 8, Type: Integer},
		Field{Name: "protocol", Offset: 72, Bits: 8, Type: InetProto},
		Field{Name: "checksum", Offset: 80, Bits: 16, Type: Integer},
		Field{Name: "saddr", Offset: 96, Bits: 32, Type: IPv4Addr},
		Field{Name: "daddr", Offset: 128, Bits: 32, Type: IPv4Addr},
	)
	group("ip6", Field{Base: NetworkHeader, Needs: []Proto{IP6}},
		Field{Name: "version", Offset: 0, Bits: 4, Type: Integer},
		Field{Name: "dscp", Offset: 4, Bits: 6, Type: DSCP},
		Field{Name: "ecn", Offset: 10, Bits: 2, Type: ECN},
		Field{Name: "flowlabel", Offset: 12, Bits: 20, Type: Integer},
		Field{Name: "length", Offset: 32, Bits: 16, Type: Integer},
		Field{Name: "nexthdr", Offset: 48, Bits: 8, Type: InetProto},
		Field{Name: "hoplimit", Offset: 56, Bits: 8, Type: Integer},
		Field{Name: "saddr", Offset: 64, Bits: 128, Type: IPv6Addr},
		Field{Name: "daddr", Offset: 192, Bits: 128, Type: IPv6Addr},
	)
	list = append(list, transportFields()...)
	list = append(list, extensionFields()...)
	list = append(list, metaFields()...)
	byName := make(map[string]*Field, len(list))
	for _, f := range list {
		byName[f.Name] = f
	}
	// What stands for a packet as a whole needs no `meta` before it in nft.
	for _, word := range []string{"mark", "iifname", "oifname", "iifgroup", "oifgroup"} {
		byName[word] = byName["meta "+word]
	}
	return byName
}

func transportFields() []*Field {
	var list []*Field
	group := func(header string, needs []Proto, rows ...Field) {
		for _, row := range rows {
			row.Name, row.Base, row.Needs = header+" "+row.Name, TransportHeader, needs
			list = append(list, &row)
		}
	}
	ports := []Field{
		{Name: "sport", Offset: 0, Bits: 16, Type: InetService},
		{Name: "dport", Offset: 16, Bits: 16, Type: InetService},
	}
	group("th", nil, ports...)
	group("udp", []Proto{UDP}, ports...)
	group("udp", []Proto{UDP},
		Field{Name: "length", Offset: 32, Bits: 16, Type: Integer},
		Field{Name: "checksum", Offset: 48, Bits: 16, Type: Integer},
	)
	group("tcp", []Proto{TCP}, ports...)
	group("tcp", []Proto{TCP},
		Field{Name: "sequence", Offset: 32, Bits: 32, Type: Integer},
		Field{Name: "ackseq", Offset: 64, Bits: 32, Type: Integer},
		Field{Name: "doff", Offset: 96, Bits: 4, Type: Integer},
		Field{Name: "reserved", Offset: 100, Bits: 4, Type: Integer},
		Field{Name: "flags", Offset: 104, Bits: 8, Type: TCPFlag},
		Field{Name: "window", Offset: 112, Bits: 16, Type: Integer},
		Field{Name: "checksum", Offset: 128, Bits: 16, Type: Integer},
		Field{Name: "urgptr", Offset: 144, Bits: 16, Type: Integer},
	)
	echo, echo6 := []byte{0, 8}, []byte{128, 129}
	group("icmp", []Proto{IP, ICMP},
		Field{Name: "type", Offset: 0, Bits: 8, Type: ICMPType},
		Field{Name: "code", Offset: 8, Bits: 8, Type: ICMPCode},
		Field{Name: "checksum", Offset: 16, Bits: 16, Type: Integer},
		Field{Name: "id", Offset: 32, Bits: 16, Type: Integer, Kinds: echo},
		Field{Name: "sequence", Offset: 48, Bits: 16, Type: Integer, Kinds: echo},
		Field{Name: "gateway", Offset: 32, Bits: 32, Type: Integer, Kinds: []byte{5}},
		Field{Name: "mtu", Offset: 48, Bits: 16, Type: Integer, Kinds: []byte{3}},
	)
	group("icmpv6", []Proto{IP6, ICMPv6},
		Field{Name: "type", Offset: 0, Bits: 8, Type: ICMPv6Type},
		Field{Name: "code", Offset: 8, Bits: 8, Type: ICMPv6Code},
		Field{Name: "checksum", Offset: 16, Bits: 16, Type: Integer},
		Field{Name: "id", Offset: 32, Bits: 16, Type: Integer, Kinds: echo6},
		Field{Name: "sequence", Offset: 48, Bits: 16, Type: Integer, Kinds: echo6},
		Field{Name: "mtu", Offset: 32, Bits: 32, Type: Integer, Kinds: []byte{2}},
		Field{Name: "max-delay", Offset: 32, Bits: 16, Type: Integer, Kinds: []byte{130}},
	)
	// nft has no names for what follows and lists it as raw payload. Type 1 is the source, 2 the target link-layer address
	// option (RFC 4861, 4.6.1); sll and tll read the first option of a neighbour solicitation or advertisement.
	group("nd", []Proto{IP6, ICMPv6},
		Field{Name: "target", Offset: 64, Bits: 128, Type: IPv6Addr},
		Field{Name: "sll", Offset: 208, Bits: 48, Type: EtherAddr, Option: 1},
		Field{Name: "tll", Offset: 208, Bits: 48, Type: EtherAddr, Option: 2},
	)
	return list
}

// Protocol numbers of the IPv6 extension headers.
const (
	hopByHop           = 0
	routingHeader      = 43
	fragmentHeader     = 44
	destinationOptions = 60
	mobilityHeader     = 135
)

func extensionFields() []*Field {
	var list []*Field
	add := func(name string, f Field) {
		f.Name, f.Needs = name, []Proto{IP6}
		list = append(list, &f)
	}
	for name, number := range map[string]uint8{
		"hbh": hopByHop, "rt": routingHeader, "frag": fragmentHeader, "dst": destinationOptions, "mh": mobilityHeader,
	} {
		add("exthdr "+name, Field{Base: ExthdrPresent, Header: number, Bits: 8, Type: Boolean})
		add(name+" nexthdr", Field{Base: Exthdr, Header: number, Bits: 8, Type: InetProto})
		if number != fragmentHeader {
			add(name+" hdrlength", Field{Base: Exthdr, Header: number, Offset: 8, Bits: 8, Type: Integer})
		}
	}
	for _, row := range []Field{
		{Name: "rt type", Header: routingHeader, Offset: 16, Bits: 8},
		{Name: "rt seg-left", Header: routingHeader, Offset: 24, Bits: 8},
		{Name: "frag reserved", Header: fragmentHeader, Offset: 8, Bits: 8},
		{Name: "frag frag-off", Header: fragmentHeader, Offset: 16, Bits: 13},
		{Name: "frag reserved2", Header: fragmentHeader, Offset: 29, Bits: 2},
		{Name: "frag more-fragments", Header: fragmentHeader, Offset: 31, Bits: 1},
		{Name: "frag id", Header: fragmentHeader, Offset: 32, Bits: 32},
		{Name: "mh type", Header: mobilityHeader, Offset: 16, Bits: 8, Type: MHType},
		{Name: "mh reserved", Header: mobilityHeader, Offset: 24, Bits: 8},
		{Name: "mh checksum", Header: mobilityHeader, Offset: 32, Bits: 16},
	} {
		row.Base = Exthdr
		if row.Type == nil {
			row.Type = Integer
		}
		add(row.Name, row)
	}
	return list
}

func metaFields() []*Field {
	var list []*Field
	for _, row := range []Field{
		{Name: "protocol", Meta: MetaProtocol, Bits: 16, Type: EtherType},
		{Name: "nfproto", Meta: MetaNFProto, Bits: 8, Type: NFProto},
		{Name: "l4proto", Meta: MetaL4Proto, Bits: 8, Type: InetProto},
		{Name: "pkttype", Meta: MetaPktType, Bits: 8, Type: PktType},
		{Name: "mark", Meta: MetaMark, Bits: 32, Type: Mark},
		{Name: "priority", Meta: MetaPriority, Bits: 32, Type: ClassID},
		{Name: "length", Meta: MetaLength, Bits: 32, Type: HostInteger},
		{Name: "iifname", Meta: MetaIifname, Bits: 128, Type: Ifname},
		{Name: "oifname", Meta: MetaOifname, Bits: 128, Type: Ifname},
		{Name: "iifgroup", Meta: MetaIifgroup, Bits: 32, Type: DevGroup},
		{Name: "oifgroup", Meta: MetaOifgroup, Bits: 32, Type: DevGroup},
		{Name: "ibrname", Meta: MetaIbrname, Bits: 128, Type: Ifname},
		{Name: "obrname", Meta: MetaObrname, Bits: 128, Type: Ifname},
	} {
		row.Base, row.Name = Meta, "meta "+row.Name
		list = append(list, &row)
	}
	for _, row := range []Field{
		{Name: "state", Ct: CtKeyState, Bits: 32, Type: CtState},
		{Name: "status", Ct: CtKeyStatus, Bits: 32, Type: CtStatus},
		{Name: "mark", Ct: CtKeyMark, Bits: 32, Type: Mark},
		{Name: "zone", Ct: CtKeyZone, Bits: 16, Type: CtZone},
		{Name: "direction", Ct: CtKeyDirection, Bits: 8, Type: CtDirection},
	} {
		row.Base, row.Name = Ct, "ct "+row.Name
		list = append(list, &row)
	}
	return list
}
