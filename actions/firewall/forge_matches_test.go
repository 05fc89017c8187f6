package firewall_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// comparison is a match of one field or several, as an author writes it.
func (g *forge) comparison(params map[string]string) string {
	if chance(g.rng, 12) {
		return g.concatenation()
	}
	f := g.choose(func(*stmt.Field) bool { return true })
	op := pick(g.rng, "", "", "", "!= ", "== ")
	if word := g.param(f, params); word != "" && chance(g.rng, 50) {
		return f.Name + " " + op + word
	}
	if f.Type.Bitmask {
		return g.flags(f)
	}
	switch n := g.rng.IntN(10); {
	case n < 3:
		return f.Name + " " + op + g.set(func() string { return g.text(f) })
	case n < 5 && maskable(f):
		v, m := g.value(f), g.value(f)
		for i := range m {
			m[i] ^= byte(g.rng.IntN(256))
		}
		m = narrow(f, m)
		for i := range v {
			v[i] &= m[i]
		}
		value := f.Type.Print(v)
		if lo, hi := bytes.Clone(v), bytes.Clone(m); chance(g.rng, 20) && bytes.Compare(lo, hi) < 0 {
			value = stmt.Elem{Lo: lo, Hi: hi, Prefix: -1}.Print(f.Type)
		}
		return fmt.Sprintf("%s & %s %s%s", f.Name, f.Type.Print(m), pick(g.rng, "", "== ", "!= "), value)
	case f.Type == stmt.Ifname && chance(g.rng, 40):
		return f.Name + " " + op + pick(g.rng, `vif*`, `far*`, `v*`, `vif1.0*`)
	}
	return f.Name + " " + op + g.text(f)
}

func maskable(f *stmt.Field) bool {
	return f.Type != stmt.Ifname && f.Type != stmt.ClassID && f.Base != stmt.Fib && f.Base != stmt.ExthdrPresent && f.Option == 0
}

func (g *forge) flags(f *stmt.Field) string {
	one, other := f.Type.Print(g.value(f)), f.Type.Print(g.value(f))
	paren := func(s string) string {
		if strings.Contains(s, "|") {
			return "(" + s + ")"
		}
		return s
	}
	v := g.value(f)
	m := bytes.Clone(v)
	for i := range m {
		m[i] |= g.value(f)[i]
	}
	switch g.rng.IntN(8) {
	case 0:
		return f.Name + " != " + one
	case 1:
		return f.Name + " == " + one
	case 2:
		return f.Name + " ! " + one
	case 3:
		return f.Name + " " + pick(g.rng, "", "!= ") + "{ " + one + ", " + other + " }"
	case 4, 5:
		return fmt.Sprintf("%s & %s %s %s", f.Name, paren(f.Type.Print(m)), pick(g.rng, "==", "!="), paren(f.Type.Print(v)))
	case 6:
		return f.Name + " " + pick(g.rng, "", "!= ") + strings.ReplaceAll(f.Type.Print(v)+" / "+f.Type.Print(m), "|", ",")
	}
	return f.Name + " " + strings.ReplaceAll(one, "|", ",")
}

// set is what stands in braces: elements, none twice.
func (g *forge) set(element func() string) string {
	var list []string
	for range 1 + g.rng.IntN(4) {
		if e := element(); !slices.Contains(list, e) {
			list = append(list, e)
		}
		g.frame = pick(g.rng, g.frames...)
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

func (g *forge) concatenation() string {
	ok := func(f *stmt.Field) bool { return joins(f) }
	fs := []*stmt.Field{g.choose(ok)}
	size := (fs[0].Size() + 3) &^ 3
	for len(fs) < 2+g.rng.IntN(2) {
		f := g.choose(ok)
		if size += (f.Size() + 3) &^ 3; size > 64 {
			break
		}
		fs = append(fs, f)
	}
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.Name
	}
	tuple := func() string {
		words := make([]string, len(fs))
		for i, f := range fs {
			words[i] = g.text(f)
		}
		return strings.Join(words, " . ")
	}
	op := pick(g.rng, "", "", "!= ")
	if chance(g.rng, 40) {
		return strings.Join(names, " . ") + " " + op + tuple()
	}
	return strings.Join(names, " . ") + " " + op + g.set(tuple)
}

func joins(f *stmt.Field) bool {
	return !f.Type.Bitmask && f.Type.Name != "integer" && f.Base != stmt.Fib && f.Base != stmt.ExthdrPresent && f.Bits%8 == 0 && f.Offset%8 == 0 &&
		f.Kinds == nil && !strings.HasPrefix(f.Name, "nd ")
}

// param is a parameter that the field takes: the guest's own, or one of the template's by their types.
func (g *forge) param(f *stmt.Field, params map[string]string) string {
	switch {
	case f.Type == stmt.EtherAddr:
		return "$mac"
	case f.Type == stmt.IPv4Addr && (params["net"] == "" || chance(g.rng, 60)):
		return "$ip"
	case f.Type == stmt.IPv6Addr && (params["net"] == "" || chance(g.rng, 60)):
		return "$ip6"
	case f.Type == stmt.IPv4Addr || f.Type == stmt.IPv6Addr:
		return params["net"]
	case f.Type == stmt.InetService:
		return params["port"]
	case f.Type == stmt.InetProto:
		return params["proto"]
	}
	return ""
}
