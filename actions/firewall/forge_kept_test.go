package firewall_test

import (
	"math/big"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// kept reports whether nft keeps a statement as it is, when it loads and when it lists it.
func kept(s *stmt.Stmt) bool {
	k := keeper{}
	for _, it := range s.Items {
		if m, ok := it.(stmt.Match); ok {
			if !k.match(&m) {
				return false
			}
			continue
		}
		k.acts = true
		if u, ok := it.(stmt.Update); ok && len(u.Key) > 0 {
			k.needy++
		}
	}
	if s.Reject != nil {
		k.needy += 3
	}
	// Any value of a protocol, be it one of a set, nft takes for the only one; and where something of the link header is compared it
	// looks there for the protocol, too.
	return (k.protocols == 0 || k.needy+k.protocols < 3 && len(s.Items) < 2) && (k.links == 0 || k.needy == 0)
}

// keeper is what kept knows of a statement so far.
type keeper struct {
	protocols, needy, links int
	later, acts             bool
	fields                  []*stmt.Field
}

func (k *keeper) match(m *stmt.Match) bool {
	f, extension := m.Fields[0], false
	for _, f := range m.Fields {
		if f.Type == stmt.InetProto || f.Type == stmt.EtherType || f.Type == stmt.NFProto {
			k.protocols++
		}
		if len(f.Needs) > 0 {
			k.needy++
		}
		if strings.HasPrefix(f.Name, "vlan ") && len(m.Fields) > 1 {
			return false // it looks for the tag behind what the others need
		}
		if f.Base == stmt.LinkHeader {
			k.links++
		}
		extension = extension || f.Base == stmt.Exthdr || f.Base == stmt.ExthdrPresent
	}
	odd := f.Bits%8 != 0 || f.Offset%8 != 0
	switch {
	case m.Value.Set && len(m.Fields) == 1 && !spaced(m.Value.Tuples):
		return false // it joins what adjoins in a set, and takes a set of one value for the value (TestSetsAreKeptAsWritten)
	case m.Mask != nil && (odd || f.Base == stmt.Exthdr):
		return false // lists as raw payload of one sort or another
	case odd && m.Value.Set:
		return false // the last range of such lists as if it went on
	case k.links > 0 && (k.later || k.links > 1):
		return false // what is compared of the link header is moved before all else, and put together
	case slices.ContainsFunc(k.fields, func(g *stmt.Field) bool { return beside(f, g) }):
		return false // it puts together what adjoins
	case k.acts && extension:
		return false // it asks for IPv6 before all else, and so also before what is done
	case strings.HasPrefix(f.Name, "nd ") && (m.Value.Param != "" || m.Value.Set || f.Option != 0):
		return false // it has no words for a lookup; a set of vifd's holds addresses, and nft's numbers; what adjoins is put together
	}
	k.later, k.fields = true, append(k.fields, f)
	if f.Kinds != nil {
		k.fields = append(k.fields, &stmt.Field{Base: f.Base, Bits: 8}) // the type, which is looked at first
	}
	k.acts = k.acts || f.Name[0] == '@' // whose name depends on what is known by then
	return true
}

// beside reports whether one load could read both.
func beside(a, b *stmt.Field) bool {
	if a.Kinds != nil && b.Base == a.Base && b.Offset == 8 {
		return true // the type, which is looked at before a
	}
	return a.Base == b.Base && a.Base <= stmt.TransportHeader && (a.Offset+a.Bits == b.Offset || b.Offset+b.Bits == a.Offset)
}

// spaced reports whether a set has several elements and none begins where another ends.
func spaced(tuples []stmt.Tuple) bool {
	for _, a := range tuples {
		for _, b := range tuples {
			end := new(big.Int).SetBytes(a[0].Hi)
			if end.Add(end, big.NewInt(1)).Cmp(new(big.Int).SetBytes(b[0].Lo)) == 0 {
				return false
			}
		}
	}
	return len(tuples) > 1
}
