package stmt

import (
	"fmt"
	"strings"
)

// maxConcat is how many fields nft takes in a concatenation, and maxKey how many bytes of them fit into the registers.
const (
	maxConcat = 5
	maxKey    = 64
)

// match reads a comparison, or what sets a field.
func (p *parser) match() (Item, *Error) {
	first, _ := p.peek()
	fs, err := p.concat()
	if err != nil {
		return nil, err
	}
	if t, ok := p.peek(); ok && t.is("set") {
		return p.assign(fs)
	}
	m := Match{Fields: fs, Op: Eq, Col: first.col}
	m.Len = p.reached() - first.col
	if t, ok := p.peek(); ok && t.is("&") {
		if err := p.mask(&m); err != nil {
			return nil, err
		}
	}
	op, _ := p.peek()
	switch {
	case op.is("=="):
		p.next++
	case op.is("!="):
		m.Op = Neq
		p.next++
	case op.is("!") && fs[0].Type.Bitmask && m.Mask == nil:
		return p.none(m)
	case fs[0].Type.Bitmask && m.Mask == nil && len(fs) == 1:
		m.Op = Some
	}
	if m.Value, err = p.value(fs); err != nil {
		return nil, err
	}
	if _, builtin := Builtin(m.Value.Param); builtin && m.Mask != nil {
		return nil, &Error{Col: m.Value.Col, Len: m.Value.Len, Msg: fmt.Sprintf("a mask before $%s, whose values are looked up whole", m.Value.Param), Hint: "write a value"}
	}
	if m.Op == Some && (m.Value.Set || m.Value.Param != "") {
		m.Op = Eq // of a set: one of its values, to the bit
	}
	if t, ok := p.peek(); ok && t.is("/") && fs[0].Type.Bitmask && m.Mask == nil && !m.Value.Set {
		if m.Op == Some {
			m.Op = Eq
		}
		if m.Mask, err = p.maskValue(fs[0]); err != nil {
			return nil, err
		}
	}
	return m, m.outside()
}

// reached is the column behind the last token that was read.
func (p *parser) reached() int {
	last := p.tokens[p.next-1]
	return last.col + last.len()
}

func (p *parser) mask(m *Match) *Error {
	amp := p.tokens[p.next]
	f := m.Fields[0]
	switch {
	case len(m.Fields) > 1:
		return at(amp, "a mask in a concatenation", "write two matches, one after the other")
	case f.Type == Ifname, f.Type == ClassID, f.Option != 0, f.Base == Fib, f.Base == ExthdrPresent:
		return at(amp, f.Name+" takes no mask", "")
	}
	var err *Error
	m.Mask, err = p.maskValue(f)
	return err
}

// maskValue reads what follows & or /.
func (p *parser) maskValue(f *Field) ([]byte, *Error) {
	p.next++
	t, ok := p.peek()
	if !ok {
		return nil, &Error{Col: p.end, Len: 1, Msg: "a mask is missing"}
	}
	if f.Type.Bitmask {
		return p.flags(f, false)
	}
	p.next++
	e, err := p.literal(f, t)
	if err == nil && !e.Single() {
		err = at(t, fmt.Sprintf("%q is no mask", t.text), "")
	}
	return e.Lo, err
}

// none reads `! syn`: none of the bits.
func (p *parser) none(m Match) (Item, *Error) {
	p.next++
	t, _ := p.peek()
	mask, err := p.flags(m.Fields[0], false)
	if err != nil {
		return nil, err
	}
	m.Mask = mask
	zero := make([]byte, len(mask))
	m.Value = Value{Tuples: []Tuple{{{Lo: zero, Hi: zero, Prefix: -1}}}, Col: t.col, Len: p.reached() - t.col}
	return m, nil
}

// outside finds a value that the mask makes impossible.
func (m *Match) outside() *Error {
	if m.Mask == nil {
		return nil
	}
	for _, tuple := range m.Value.Tuples {
		for i, c := range tuple[0].Lo {
			if c&^m.Mask[i] != 0 || tuple[0].Hi[i]&^m.Mask[i] != 0 {
				return &Error{Col: m.Value.Col, Len: m.Value.Len, Msg: "the value has bits that the mask takes away, so that it never holds"}
			}
		}
	}
	return nil
}

// concat reads a field, or several with dots between them.
func (p *parser) concat() ([]*Field, *Error) {
	var fs []*Field
	size := 0
	for {
		t, _ := p.peek()
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		fs = append(fs, f)
		size += (f.Size() + 3) &^ 3
		switch {
		case len(fs) > 1 && !f.joins():
			return nil, at(t, f.Name+" cannot stand in a concatenation", "")
		case len(fs) > maxConcat || size > maxKey:
			return nil, at(t, fmt.Sprintf("the concatenation is too long: at most %d fields and %d bytes fit", maxConcat, maxKey), "")
		}
		t, ok := p.peek()
		if !ok || !t.is(".") {
			return fs, nil
		}
		if !fs[0].joins() {
			return nil, at(t, fs[0].Name+" cannot stand in a concatenation", "")
		}
		p.next++
		if _, ok := p.peek(); !ok {
			return nil, &Error{Col: p.end, Len: 1, Msg: "a field must follow the dot"}
		}
	}
}

// joins reports whether f can stand in a concatenation. Plain numbers cannot: the kernel keeps of a set's key the types alone, and
// that of a number does not tell how long it is, so that nft lists other values, or aborts; and what neighbour discovery says is
// a number to nft.
func (f *Field) joins() bool {
	return !f.Type.Bitmask && f.Type.Name != "integer" && f.Base != Fib && f.Base != ExthdrPresent && f.Bits%8 == 0 && f.Offset%8 == 0 &&
		f.Kinds == nil && !strings.HasPrefix(f.Name, "nd ")
}
