package stmt

import (
	"bytes"
	"fmt"
	"net/netip"
	"sort"
	"strings"
)

// value reads what a field is compared with: a literal, a $param, or a set of literals in braces.
func (p *parser) value(f *Field) (Value, *Error) {
	t, ok := p.peek()
	if !ok {
		return Value{}, &Error{Col: p.end, Len: 1, Msg: f.Name + " needs a value", Hint: "expected " + f.Type.article()}
	}
	if t.text == "{" {
		return p.set(f)
	}
	p.next++
	if name, ok := strings.CutPrefix(t.text, "$"); ok {
		return paramValue(f, t, name)
	}
	e, err := p.literal(f, t)
	return Value{Elems: []Elem{e}, Col: t.col, Len: t.len()}, err
}

func paramValue(f *Field, t token, name string) (Value, *Error) {
	switch {
	case name == "":
		return Value{}, at(t, "a parameter's name must follow $", "")
	case name == "interface":
		return Value{}, at(t, "$interface is not supported yet", "")
	case f.Type.param == TypeNone:
		return Value{}, at(t, fmt.Sprintf("%s takes no parameter", f.Name), "write a value")
	}
	if built, ok := Builtin(name); ok && built != f.Type.param {
		return Value{}, at(t, fmt.Sprintf("$%s has the type %s, but %s is compared with the type %s", name, built, f.Name, f.Type.param), "")
	}
	return Value{Param: name, Col: t.col, Len: t.len()}, nil
}

func (p *parser) literal(f *Field, t token) (Elem, *Error) {
	if _, ok := parseVerdict(t.text); ok || t.text == "counter" || t.text == "}" || t.text == "," {
		return Elem{}, at(t, fmt.Sprintf("%s needs a value before %q", f.Name, t.text), "expected "+f.Type.article())
	}
	e, err := elem(f.Type, f.Bits, t.text)
	if err == nil {
		return e, nil
	}
	hint := ""
	names := make([]string, len(f.Type.symbols))
	for i, s := range f.Type.symbols {
		names[i] = s.name
	}
	if near, ok := nearest(t.text, names); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if f.Type == IPv4Addr && strings.Contains(t.text, ":") {
		hint = "for IPv6 write " + strings.Replace(f.Name, "ip", "ip6", 1)
	} else if f.Type == IPv6Addr && !strings.Contains(t.text, ":") {
		hint = "for IPv4 write " + strings.Replace(f.Name, "ip6", "ip", 1)
	}
	return Elem{}, at(t, f.Name+": "+err.Error(), hint)
}

// elem reads a single value, a prefix (10.0.0.0/8) or a range (1024-65535).
func elem(d *Datatype, bits int, word string) (Elem, error) {
	lo, err := d.literal(word, bits)
	if err == nil {
		return Elem{Lo: lo, Hi: lo, Prefix: -1}, nil
	}
	if d.address && strings.Contains(word, "/") {
		return prefix(d, word)
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
		return Elem{}, fmt.Errorf("%q is not %s prefix", word, d.article())
	}
	if p.Masked() != p {
		return Elem{}, fmt.Errorf("%s has bits set beyond its %d; the network is %s", word, p.Bits(), p.Masked())
	}
	lo := p.Addr().AsSlice()
	hi := bytes.Clone(lo)
	for i := p.Bits(); i < len(hi)*8; i++ {
		hi[i/8] |= 0x80 >> (i % 8)
	}
	return Elem{Lo: lo, Hi: hi, Prefix: p.Bits()}, nil
}

func (p *parser) set(f *Field) (Value, *Error) {
	open := p.tokens[p.next]
	p.next++
	v := Value{Set: true, Col: open.col}
	var at0 []token // where each element stands
	for {
		t, ok := p.peek()
		if !ok {
			return v, at(open, "the set is not closed", "expected }")
		}
		p.next++
		if strings.HasPrefix(t.text, "$") {
			return v, at(t, fmt.Sprintf("%s inside a set", t.text), "a parameter with several values is a set by itself: write it without braces")
		}
		if t.text == "}" && len(v.Elems) == 0 {
			return v, at(t, "the set is empty", "expected "+f.Type.article())
		}
		if t.text == "}" {
			break // after a comma, as nft allows
		}
		e, err := p.literal(f, t)
		if err != nil {
			return v, err
		}
		v.Elems, at0 = append(v.Elems, e), append(at0, t)
		sep, ok := p.peek()
		if !ok || sep.text != "," && sep.text != "}" {
			return v, &Error{Col: sep.col, Len: max(1, sep.len()), Msg: "expected , or } in the set"}
		}
		p.next++
		if sep.text == "}" {
			break
		}
	}
	last := p.tokens[p.next-1]
	v.Len = last.col + last.len() - v.Col
	if i, j, ok := overlap(v.Elems); ok {
		return v, at(at0[j], fmt.Sprintf("%s is in the set already, in %s", at0[j].text, at0[i].text), "")
	}
	return v, nil
}

// overlap finds two elements that share a value; i stands before j in the text.
func overlap(elems []Elem) (i, j int, ok bool) {
	order := make([]int, len(elems))
	for k := range order {
		order[k] = k
	}
	sort.SliceStable(order, func(a, b int) bool { return bytes.Compare(elems[order[a]].Lo, elems[order[b]].Lo) < 0 })
	for k := 1; k < len(order); k++ {
		a, b := order[k-1], order[k]
		if bytes.Compare(elems[a].Hi, elems[b].Lo) >= 0 {
			return min(a, b), max(a, b), true
		}
	}
	return 0, 0, false
}
