package firewall_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"slices"

	"vifd/internal/packet"
	"vifd/internal/stmt"
)

// forge makes random statements. Values come out of frames mostly, so that a good share of the frames matches.
type forge struct {
	rng    *rand.Rand
	fields []*stmt.Field
	frames [][]byte
	family packet.Family // as which it looks at the frames
	own    string        // the guest's interface
	frame  []byte        // from which the statement at hand takes its values
}

// value is one that the field might have, in network order.
func (g *forge) value(f *stmt.Field) []byte {
	if v, ok := g.observed(f); ok && chance(g.rng, 80) {
		return v
	}
	v := make([]byte, f.Size())
	switch {
	case f.Type == stmt.Ifname:
		copy(v, pick(g.rng, g.own, "other0", "far0", "vif1.00", "br0"))
		return v
	case f.Base == stmt.Meta && f.Meta == stmt.MetaPktType:
		v[0] = byte(g.rng.IntN(4))
		return v
	case f.Type == stmt.Boolean || f.Type == stmt.Presence || f.Type == stmt.CtDirection:
		v[len(v)-1] = byte(g.rng.IntN(2))
		return v
	case f.Type == stmt.FibType:
		v[3] = byte(1 + g.rng.IntN(5))
		return v
	case f.Type == stmt.CtState:
		v[3] = pick[byte](g.rng, 1, 2, 4, 8, 64, 8, 10)
		return v
	case f.Type == stmt.CtStatus:
		v[3] = pick[byte](g.rng, 1, 2, 4, 8, 0x10, 0x20)
		return v
	case f.Base == stmt.Meta && f.Meta != stmt.MetaLength && f.Size() == 4 || f.Base == stmt.Ct && f.Ct == stmt.CtKeyMark:
		v[3], v[1] = byte(g.rng.IntN(4)), pick[byte](g.rng, 0, 0, 1)
		return v
	case chance(g.rng, 20):
	case chance(g.rng, 15):
		for i := range v {
			v[i] = 0xff
		}
	default:
		for i := range v {
			v[i] = byte(g.rng.IntN(256))
		}
	}
	return narrow(f, v)
}

// narrow takes away what f has no room for, or nobody could write.
func narrow(f *stmt.Field, v []byte) []byte {
	if spare := f.Size()*8 - f.Bits; spare > 0 {
		v[0] &= 0xff >> spare
	}
	if f.Type.Name == "integer" && len(v) > 8 {
		clear(v[:len(v)-8]) // no number is longer
	}
	return v
}

// observed is the field in the frame at hand.
func (g *forge) observed(f *stmt.Field) ([]byte, bool) {
	p := packet.Dissect(g.frame, g.family)
	span := (f.Offset%8 + f.Bits + 7) / 8
	var raw []byte
	var ok bool
	switch f.Base {
	case stmt.LinkHeader:
		raw, ok = p.Payload(packet.LinkHeader, f.Offset/8, span)
	case stmt.NetworkHeader:
		raw, ok = p.Payload(packet.NetworkHeader, f.Offset/8, span)
	case stmt.TransportHeader:
		raw, ok = p.Payload(packet.TransportHeader, f.Offset/8, span)
	case stmt.Exthdr:
		raw, ok = p.Exthdr(f.Header, f.Offset/8, span)
	case stmt.ExthdrPresent:
		yes, ok := p.HasExthdr(f.Header)
		if yes {
			return []byte{1}, ok
		}
		return []byte{0}, ok
	case stmt.Meta:
		switch f.Meta {
		case stmt.MetaProtocol:
			return []byte{byte(p.Protocol() >> 8), byte(p.Protocol())}, p.Unseen() == ""
		case stmt.MetaL4Proto:
			n, ok := p.L4Proto()
			return []byte{n}, ok
		case stmt.MetaLength:
			return []byte{0, 0, byte(p.Length() >> 8), byte(p.Length())}, p.Unseen() == ""
		default:
			return nil, false
		}
	default:
		return nil, false
	}
	if !ok {
		return nil, false
	}
	// The field's bits are taken out with numbers, unlike the compiler, which masks and shifts bytes.
	n := new(big.Int).SetBytes(raw)
	n.Rsh(n, uint(span*8-f.Offset%8-f.Bits))
	n.And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(f.Bits)), big.NewInt(1)))
	return narrow(f, n.FillBytes(make([]byte, f.Size()))), true
}

// present reports whether the frame at hand is of the protocols that have the field.
func (g *forge) present(f *stmt.Field) bool {
	p := packet.Dissect(g.frame, g.family)
	l4, _ := p.L4Proto()
	_, tagged := p.VLAN()
	for _, need := range f.Needs {
		switch need {
		case stmt.VLAN:
			if !tagged {
				return false
			}
		case stmt.ARP:
			if p.Protocol() != 0x806 {
				return false
			}
		case stmt.IP:
			if p.Protocol() != 0x800 {
				return false
			}
		case stmt.IP6:
			if p.Protocol() != 0x86dd {
				return false
			}
		default:
			if l4 != map[stmt.Proto]byte{stmt.ICMP: 1, stmt.ICMPv6: 58, stmt.TCP: 6, stmt.UDP: 17}[need] {
				return false
			}
		}
	}
	_, ok := g.observed(f)
	return ok || f.Base == stmt.Meta || f.Base == stmt.Ct || f.Base == stmt.Fib
}

// choose is a field that the frame at hand has, mostly.
func (g *forge) choose(accept func(f *stmt.Field) bool) *stmt.Field {
	for tries := 0; ; tries++ {
		f := pick(g.rng, g.fields...)
		if accept(f) && (g.present(f) || tries > 20 || chance(g.rng, 5)) {
			return f
		}
	}
}

// text is one element of a comparison: a value, a range, a prefix or the beginning of a name.
func (g *forge) text(f *stmt.Field) string {
	v := g.value(f)
	word := f.Type.Print(v)
	ranged := !slices.Contains([]*stmt.Datatype{stmt.Ifname, stmt.Boolean, stmt.Presence, stmt.CtDirection, stmt.FibType, stmt.ClassID}, f.Type) &&
		!f.Type.Bitmask
	switch {
	case (f.Type == stmt.IPv4Addr || f.Type == stmt.IPv6Addr) && chance(g.rng, 35):
		bits := pick(g.rng, 8, 16, 24, 1+g.rng.IntN(8*len(v)-1), 1+g.rng.IntN(8*len(v)-1))
		if chance(g.rng, 4) {
			bits = 0
		}
		return stmt.Elem{Lo: masked(v, bits), Hi: v, Prefix: bits}.Print(f.Type)
	case ranged && chance(g.rng, 30):
		lo, hi := g.around(f, v)
		if bytes.Compare(lo, hi) < 0 {
			return stmt.Elem{Lo: lo, Hi: hi, Prefix: -1}.Print(f.Type)
		}
	}
	return word
}

func masked(v []byte, bits int) []byte {
	out := bytes.Clone(v)
	for i := bits; i < len(out)*8; i++ {
		out[i/8] &^= 0x80 >> (i % 8)
	}
	return out
}

// around is a range that v is in, or just beside.
func (g *forge) around(f *stmt.Field, v []byte) (lo, hi []byte) {
	room := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(f.Bits)), big.NewInt(1))
	if f.Type.Name == "integer" && len(v) > 8 {
		room.SetUint64(1<<64 - 1)
	}
	step := func(sign int64) []byte {
		n := new(big.Int).SetBytes(v)
		n.Add(n, big.NewInt(sign*pick[int64](g.rng, -1, 0, 0, 1, 3, 255, 70000)))
		if n.Sign() < 0 || chance(g.rng, 5) && sign < 0 {
			n.SetInt64(0)
		}
		if n.Cmp(room) > 0 || chance(g.rng, 5) && sign > 0 {
			n.Set(room)
		}
		return n.FillBytes(make([]byte, len(v)))
	}
	return step(-1), step(1)
}
