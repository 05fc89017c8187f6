package stmt

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifd/internal/nearest"
)

// value reads what fields are compared with: a literal, a $param, or a set of literals in braces.
func (p *parser) value(fs []*Field) (Value, *Error) {
	t, ok := p.peek()
	if !ok {
		return Value{}, &Error{Col: p.end, Len: 1, Msg: fieldNames(fs) + " needs a value", Hint: "expected " + fs[0].Type.what}
	}
	if t.is("{") {
		return p.set(fs)
	}
	if name, ok := strings.CutPrefix(t.text, "$"); ok && !t.quoted {
		p.next++
		return paramValue(fs, t, name)
	}
	tuple, err := p.tuple(fs, false)
	last := p.tokens[p.next-1]
	return Value{Tuples: []Tuple{tuple}, Col: t.col, Len: last.col + last.len() - t.col}, err
}

func paramValue(fs []*Field, t token, name string) (Value, *Error) {
	f := fs[0]
	built, builtin := Builtin(name)
	none := slices.IndexFunc(fs, func(f *Field) bool { return len(f.Type.takes) == 0 })
	switch {
	case name == "":
		return Value{}, at(t, "a parameter's name must follow $", "")
	case name == Interface && !TakesInterface(fs):
		return Value{}, at(t, fieldNames(fs)+" is not compared with the guest's interface: every statement is about the guest",
			"$interface stands in the key of an update, and behind iifname of what comes from the guest, oifname of what goes to it")
	case name == Interface:
	case len(fs) > 1 && builtin:
		return Value{}, at(t, fmt.Sprintf("$%s in a concatenation", name), "write two matches, one after the other")
	case none >= 0:
		return Value{}, at(t, fmt.Sprintf("%s takes no parameter", fs[none].Name), "write a value")
	case builtin && !f.Type.takesType(built):
		return Value{}, at(t, fmt.Sprintf("$%s has the type %s, but %s is compared with the type %s", name, built, f.Name, f.Type.takes[0]), "")
	}
	return Value{Param: name, Col: t.col, Len: t.len()}, nil
}

// TakesInterface reports whether fs is what $interface may stand behind.
func TakesInterface(fs []*Field) bool {
	return len(fs) == 1 && fs[0].Base == Meta && (fs[0].Meta == MetaIifname || fs[0].Meta == MetaOifname)
}

// tuple reads one value for each field, with dots between them.
func (p *parser) tuple(fs []*Field, inSet bool) (Tuple, *Error) {
	tuple := make(Tuple, 0, len(fs))
	for i, f := range fs {
		t, ok := p.peek()
		switch {
		case i > 0 && (!ok || !t.is(".")):
			return nil, at(t, "expected . and a value of "+f.Name, "")
		case i > 0:
			p.next++
			t, ok = p.peek()
		}
		if !ok {
			return nil, &Error{Col: p.end, Len: 1, Msg: f.Name + " needs a value", Hint: "expected " + f.Type.what}
		}
		e, err := p.elem(f, t, inSet)
		if err != nil {
			return nil, err
		}
		tuple = append(tuple, e)
	}
	return tuple, nil
}

func (p *parser) elem(f *Field, t token, inSet bool) (Elem, *Error) {
	if f.Type.Bitmask {
		v, err := p.flags(f, inSet)
		return Elem{Lo: v, Hi: v, Prefix: -1}, err
	}
	p.next++
	return p.literal(f, t)
}

// flags reads values of a bitmask type: one, or several with | or, outside a set, commas between them.
func (p *parser) flags(f *Field, inSet bool) ([]byte, *Error) {
	parens := false
	if t, ok := p.peek(); ok && t.is("(") {
		parens = true
		p.next++
	}
	v := make([]byte, f.Size())
	for {
		t, ok := p.peek()
		if !ok {
			return nil, &Error{Col: p.end, Len: 1, Msg: f.Name + " needs a value", Hint: "expected " + f.Type.what}
		}
		p.next++
		e, err := p.literal(f, t)
		if err != nil {
			return nil, err
		}
		for i := range v {
			v[i] |= e.Lo[i]
		}
		t, ok = p.peek()
		if !ok || !t.is("|") && (!t.is(",") || inSet) {
			break
		}
		p.next++
	}
	if t, ok := p.peek(); parens && (!ok || !t.is(")")) {
		return nil, at(t, "expected )", "")
	} else if parens {
		p.next++
	}
	return v, nil
}

func (p *parser) literal(f *Field, t token) (Elem, *Error) {
	if _, ok := parseVerdict(t.text); !t.quoted && (ok || actionWords[t.text] || strings.Contains("{}(),|&=", t.text)) {
		return Elem{}, at(t, fmt.Sprintf("%s needs a value before %q", f.Name, t.text), "expected "+f.Type.what)
	}
	if strings.HasPrefix(t.text, "$") && !t.quoted {
		return Elem{}, at(t, t.text+" inside a set or a concatenation", "a parameter with several values is a set by itself: write it without braces")
	}
	word := t.text
	if f.Type == EtherAddr && (word == "0" || word == "0x0") {
		word = "00:00:00:00:00:00" // as nft takes it; an argument has to be an address
	}
	e, err := elem(f.Type, f.Bits, word)
	if err == nil {
		return e, nil
	}
	hint := ""
	names := make([]string, len(f.Type.symbols))
	for i, s := range f.Type.symbols {
		names[i] = s.name
	}
	if near, ok := nearest.Of(t.text, names); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if f.Type == IPv4Addr && strings.Contains(t.text, ":") {
		hint = "for IPv6 write " + strings.Replace(f.Name, "ip", "ip6", 1)
	} else if f.Type == IPv6Addr && !strings.Contains(t.text, ":") {
		hint = "for IPv4 write " + strings.Replace(f.Name, "ip6", "ip", 1)
	}
	return Elem{}, at(t, f.Name+": "+err.Error(), hint)
}

// elem reads a single value, a prefix (10.0.0.0/8), a range (1024-65535), or the beginning of an interface's name (eth*).
func elem(d *Datatype, bits int, word string) (Elem, error) {
	if begin, ok := strings.CutSuffix(word, "*"); ok && d == Ifname && begin != "" {
		return wildcard(begin)
	}
	lo, err := d.literal(word, bits)
	if err == nil {
		return Elem{Lo: lo, Hi: lo, Prefix: -1}, nil
	}
	if d.address && strings.Contains(word, "/") {
		return prefix(d, word)
	}
	if d.single {
		return Elem{}, err
	}
	// A name may hold dashes, too: every dash is tried as the range's.
	for i := range word {
		if word[i] != '-' {
			continue
		}
		lo, errLo := d.literal(word[:i], bits)
		hi, errHi := d.literal(word[i+1:], bits)
		if errLo != nil || errHi != nil {
			continue
		}
		switch bytes.Compare(lo, hi) {
		case 1:
			return Elem{}, fmt.Errorf("the range %s runs backwards", word)
		case 0:
			return Elem{}, fmt.Errorf("the range %s holds one value", word)
		}
		return Elem{Lo: lo, Hi: hi, Prefix: -1}, nil
	}
	return Elem{}, err
}

func prefix(d *Datatype, word string) (Elem, error) {
	p, err := netip.ParsePrefix(word)
	if err != nil || p.Addr().Is4() != (d == IPv4Addr) {
		return Elem{}, fmt.Errorf("%q is not %s prefix", word, d.what)
	}
	if p.Masked() != p {
		return Elem{}, fmt.Errorf("%s has bits set beyond its %d; the network is %s", word, p.Bits(), p.Masked())
	}
	return beginning(p.Addr().AsSlice(), p.Bits()), nil
}

func wildcard(begin string) (Elem, error) {
	b, err := parseIfname(begin, 0)
	if err != nil {
		return Elem{}, err
	}
	return beginning(b, 8*len(begin)), nil
}

// beginning is every value whose first bits are those of lo, which has no others.
func beginning(lo []byte, bits int) Elem {
	hi := bytes.Clone(lo)
	for i := bits; i < len(hi)*8; i++ {
		hi[i/8] |= 0x80 >> (i % 8)
	}
	return Elem{Lo: lo, Hi: hi, Prefix: bits}
}

func (p *parser) set(fs []*Field) (Value, *Error) {
	open := p.tokens[p.next]
	if fs[0].Type == Presence {
		return Value{}, at(open, fs[0].Name+" takes no set", "expected exists or missing") // nor does nft
	}
	p.next++
	v := Value{Set: true, Col: open.col}
	var begins []token // where each element stands
	for {
		t, ok := p.peek()
		if !ok {
			return v, at(open, "the set is not closed", "expected }")
		}
		if t.is("}") && len(v.Tuples) == 0 {
			return v, at(t, "the set is empty", "expected "+fs[0].Type.what)
		}
		if t.is("}") {
			p.next++
			break // after a comma, as nft allows
		}
		tuple, err := p.tuple(fs, true)
		if err != nil {
			return v, err
		}
		if tuple[0].Prefix >= 0 && fs[0].Type == Ifname {
			return v, at(t, "a pattern in a set", "write a statement for each pattern")
		}
		v.Tuples, begins = append(v.Tuples, tuple), append(begins, t)
		sep, ok := p.peek()
		if !ok || !sep.is(",") && !sep.is("}") {
			return v, at(sep, "expected , or } in the set", "")
		}
		p.next++
		if sep.is("}") {
			break
		}
	}
	last := p.tokens[p.next-1]
	v.Len = last.col + last.len() - v.Col
	if i, j, ok := overlap(v.Tuples); ok {
		return v, at(begins[j], fmt.Sprintf("%s is in the set already, in %s", begins[j].text, begins[i].text), "")
	}
	return v, nil
}

// overlap finds two tuples that share a value; i stands before j in the text. In the order of their beginnings a tuple meets only
// those before it that are still open, which of a single field is one at most: a long set costs no more than sorting it.
func overlap(tuples []Tuple) (i, j int, ok bool) {
	order := make([]int, len(tuples))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(tuples[a][0].Lo, tuples[b][0].Lo) })
	var open []int
	for _, k := range order {
		open = slices.DeleteFunc(open, func(o int) bool { return bytes.Compare(tuples[o][0].Hi, tuples[k][0].Lo) < 0 })
		for _, o := range open {
			if meet(tuples[o], tuples[k]) {
				return min(o, k), max(o, k), true
			}
		}
		open = append(open, k)
	}
	return 0, 0, false
}

func meet(a, b Tuple) bool {
	for k := range a {
		if bytes.Compare(a[k].Hi, b[k].Lo) < 0 || bytes.Compare(b[k].Hi, a[k].Lo) < 0 {
			return false
		}
	}
	return true
}
