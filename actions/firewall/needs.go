package firewall

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// needs adds the tests without which the fields mean nothing.
func (b *builder) needs(fields []*stmt.Field) {
	for _, f := range fields {
		if b.family != Bridge && f.Base == stmt.LinkHeader && f.Name[0] != '@' && b.known.learn(etherLink) {
			b.parts = append(b.parts, protocolTest{family: b.family, proto: etherLink})
		}
		for _, p := range f.Needs {
			if b.family == ARP && p == stmt.ARP || !b.known.learn(p) {
				continue
			}
			// nft's own test of ARP looks at the link header, where a VLAN's tag hides it; and it knows nothing of ND's fields.
			// Behind a VLAN's tag, too, it would look there.
			shown := p == stmt.ARP || strings.HasPrefix(f.Name, "nd ") || b.known[stmt.VLAN] && (p == stmt.IP || p == stmt.IP6)
			b.parts = append(b.parts, protocolTest{family: b.family, proto: p, shown: shown})
		}
		if f.Kinds != nil && !b.kindKnown(f) {
			b.parts = append(b.parts, kindTest(f))
		}
		if f.Option != 0 {
			b.parts = append(b.parts, optionTest(f))
		}
	}
}

// kindTest is nft's own test of the ICMP message types that have a field.
func kindTest(f *stmt.Field) *match {
	typ := stmt.FieldByName(strings.Fields(f.Name)[0] + " type")
	m := &match{fields: []*stmt.Field{typ}, set: len(f.Kinds) > 1, hidden: true}
	for _, k := range f.Kinds {
		m.tuples = append(m.tuples, stmt.Tuple{{Lo: []byte{k}, Hi: []byte{k}, Prefix: -1}})
	}
	return m
}

// kindKnown reports whether the statement has compared the ICMP type, and left only such as have the field.
func (b *builder) kindKnown(f *stmt.Field) bool {
	for _, p := range b.parts {
		m, ok := p.(*match)
		if !ok || m.op != stmt.Eq || m.mask != nil || len(m.fields) > 1 || m.fields[0].Name != strings.Fields(f.Name)[0]+" type" {
			continue
		}
		if !slices.ContainsFunc(m.tuples, func(t stmt.Tuple) bool { return !t[0].Single() || !slices.Contains(f.Kinds, t[0].Lo[0]) }) {
			return true
		}
	}
	return false
}

// optionTest makes sure that the ND option a field is read from stands right before it: its type, and its length of eight
// bytes, which is 1 (RFC 4861, 4.6).
func optionTest(f *stmt.Field) *match {
	value := []byte{f.Option, 1}
	header := &stmt.Field{Name: fmt.Sprintf("@th,%d,16", f.Offset-16), Base: f.Base, Offset: f.Offset - 16, Bits: 16, Type: stmt.RawInteger}
	return &match{fields: []*stmt.Field{header}, tuples: []stmt.Tuple{{{Lo: value, Hi: value, Prefix: -1}}}}
}

// asksFor reports whether a rule has something that needs p, so that nft tests it unasked.
func asksFor(parts []part, v verdict, p stmt.Proto) bool {
	if proto, needed := rejectNeeds[v.reject.Kind]; v.kind == stmt.Rejected && needed && proto == p {
		return true
	}
	for _, part := range parts {
		var fields []*stmt.Field
		switch part := part.(type) {
		case *match:
			fields = part.fields
		case *own:
			fields = []*stmt.Field{part.field}
		case *update:
			fields = part.key
		}
		for _, f := range fields {
			if f != nil && (isOf(f, p) || p == etherLink && f.Base == stmt.LinkHeader) {
				return true
			}
		}
	}
	return false
}
