package lint

import (
	"bytes"
	"encoding/binary"
	"slices"

	"vifd/internal/stmt"
	"vifd/rules"
)

// packet is what is known of a packet: the values that some of its fields may have. Those of a protocol that it is not of it does not
// have; of all other fields it may have any value.
type packet struct {
	name   string // of an answer: what lets it in, as a statement says it
	values map[string][]stmt.Elem
	not    []stmt.Proto // what it is not of
}

// value is a field's one value, as the packet has it.
func value(b ...byte) stmt.Elem { return stmt.Elem{Lo: b, Hi: b, Prefix: -1} }

// ofFamily is a packet of IPv4 or IPv6, of which nothing else is known.
func ofFamily(v6 bool) packet {
	p := packet{values: map[string][]stmt.Elem{
		"ether type": {value(0x08, 0x00)}, "meta protocol": {value(0x08, 0x00)}, "meta nfproto": {value(2)},
	}, not: []stmt.Proto{stmt.ARP, stmt.IP6, stmt.ICMPv6}}
	if v6 {
		p.values = map[string][]stmt.Elem{
			"ether type": {value(0x86, 0xdd)}, "meta protocol": {value(0x86, 0xdd)}, "meta nfproto": {value(10)},
		}
		p.not = []stmt.Proto{stmt.ARP, stmt.IP, stmt.ICMP}
	}
	return p
}

// upper says which protocol the packet carries.
func (p *packet) upper(proto stmt.Proto, number byte) {
	for _, field := range []string{"meta l4proto", "ip protocol", "ip6 nexthdr"} {
		p.values[field] = []stmt.Elem{value(number)}
	}
	for _, other := range []stmt.Proto{stmt.TCP, stmt.UDP, stmt.ICMP, stmt.ICMPv6} {
		if other != proto {
			p.not = append(p.not, other)
		}
	}
}

// answers are what a bridge's kernel may answer to what a reject is for: a reset (RFC 9293, 3.10.7.1), or a message of ICMP (RFC 792) or
// ICMPv6 (RFC 4443, 3.1) that says unreachable. They have no extension headers, and a guest has begun from a port that is no service's.
func answers(s *rules.Statement) []packet {
	const tcp, icmp, icmpv6, rst, ack, invalid = 6, 1, 58, 0x04, 0x10, 1
	reject := stmt.Reject{Kind: stmt.RejectICMPX}
	if s.Reject != nil {
		reject = *s.Reject
	}
	reset := reject.Kind == stmt.RejectTCPReset
	var all []packet
	for _, v6 := range []bool{false, true} {
		request, p := ofFamily(v6), ofFamily(v6)
		if reset {
			request.upper(stmt.TCP, tcp)
		}
		if v6 && reject.Kind == stmt.RejectICMP || !v6 && reject.Kind == stmt.RejectICMPv6 || !request.may(s) {
			continue
		}
		p.values["ct state"] = []stmt.Elem{value(0, 0, 0, invalid)}
		p.values["meta pkttype"] = []stmt.Elem{value(0), value(3)} // to this host, or to another: PACKET_HOST, PACKET_OTHERHOST
		switch {
		case reset:
			p.name = "tcp flags & rst == rst accept"
			p.upper(stmt.TCP, tcp)
			p.values["tcp flags"] = []stmt.Elem{value(rst), value(rst | ack)}
			from, to := ports(s, "dport"), ports(s, "sport")
			if to == nil {
				to = []stmt.Elem{{Lo: []byte{0x04, 0x00}, Hi: []byte{0xff, 0xff}}}
			}
			for _, header := range []string{"tcp ", "th "} {
				p.values[header+"dport"] = to
				if from != nil {
					p.values[header+"sport"] = from
				}
			}
		case v6:
			p.name = "icmpv6 type destination-unreachable accept"
			p.upper(stmt.ICMPv6, icmpv6)
			p.values["icmpv6 type"] = []stmt.Elem{value(1)}
		default:
			p.name = "icmp type destination-unreachable accept"
			p.upper(stmt.ICMP, icmp)
			p.values["icmp type"] = []stmt.Elem{value(3)}
		}
		all = append(all, p)
	}
	return all
}

// ports are those that a statement asks for, nil where it asks for none, or does not name them.
func ports(s *rules.Statement, end string) []stmt.Elem {
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		if !ok || len(m.Fields) > 1 || m.Op != stmt.Eq || m.Mask != nil || m.Value.Param != "" || m.Fields[0].Name != "tcp "+end && m.Fields[0].Name != "th "+end {
			continue
		}
		var list []stmt.Elem
		for _, t := range m.Value.Tuples {
			list = append(list, t[0])
		}
		return list
	}
	return nil
}

// may reports whether a statement's comparisons may all hold of the packet.
func (p *packet) may(s *rules.Statement) bool {
	return !slices.ContainsFunc(s.Items, func(it stmt.Item) bool {
		m, ok := it.(stmt.Match)
		return ok && !p.mayFulfil(&m)
	})
}

func (p *packet) mayFulfil(m *stmt.Match) bool {
	for _, f := range m.Fields {
		// What belongs to no connection has nothing of one but the state (nft_ct_get_eval, net/netfilter/nft_ct.c).
		if slices.ContainsFunc(f.Needs, func(n stmt.Proto) bool { return slices.Contains(p.not, n) }) ||
			p.name != "" && (f.Base == stmt.Exthdr || f.Base == stmt.Ct && f.Ct != stmt.CtKeyState) {
			return false
		}
	}
	known := p.values[m.Fields[0].Name]
	switch {
	case m.Value.Param != "":
		return true
	case len(m.Fields) > 1:
		return m.Op == stmt.Neq || slices.ContainsFunc(m.Value.Tuples, p.mayBe(m.Fields))
	case known == nil:
		return true
	}
	return slices.ContainsFunc(known, func(v stmt.Elem) bool { return mayHold(m, v) })
}

// mayBe reports of a tuple whether the packet's fields may have its values.
func (p *packet) mayBe(fields []*stmt.Field) func(stmt.Tuple) bool {
	return func(t stmt.Tuple) bool {
		for i, f := range fields {
			known := p.values[f.Name]
			if known != nil && !slices.ContainsFunc(known, func(v stmt.Elem) bool { return meet(v, t[i]) }) {
				return false
			}
		}
		return true
	}
}

// mayHold reports whether a comparison of one field may hold of one of the values from v.Lo to v.Hi.
func mayHold(m *stmt.Match, v stmt.Elem) bool {
	if (m.Mask != nil || m.Op == stmt.Some) && !v.Single() {
		return true
	}
	got := v
	if m.Mask != nil {
		b := bytes.Clone(v.Lo)
		for i := range b {
			b[i] &= m.Mask[i]
		}
		got = value(b...)
	}
	return slices.ContainsFunc(m.Value.Tuples, func(t stmt.Tuple) bool {
		switch m.Op {
		case stmt.Some:
			return flagBits(v.Lo)&flagBits(t[0].Lo) != 0
		case stmt.Neq:
			return bytes.Compare(t[0].Lo, got.Lo) <= 0 && bytes.Compare(got.Hi, t[0].Hi) <= 0
		case stmt.Eq:
		}
		return meet(got, t[0])
	}) != (m.Op == stmt.Neq)
}

func meet(a, b stmt.Elem) bool {
	return bytes.Compare(a.Lo, b.Hi) <= 0 && bytes.Compare(b.Lo, a.Hi) <= 0
}

// flagBits are a flag field's, of up to 8 bytes.
func flagBits(b []byte) uint64 {
	var wide [8]byte
	copy(wide[8-len(b):], b)
	return binary.BigEndian.Uint64(wide[:])
}
