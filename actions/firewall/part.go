package firewall

import (
	"fmt"
	"strings"
	"time"

	"vifd/internal/stmt"
)

// part is one thing that a rule does before its verdict. A part that does not hold ends the rule.
type part interface {
	// text is the part in nft's syntax.
	text() string
	// emit writes the part's expressions.
	emit(w *writer)
	// holds tells whether a packet gets past the part.
	holds(j *judgement) bool
}

// match compares fields with values that are the same for every guest.
type match struct {
	fields []*stmt.Field
	op     stmt.Op
	mask   []byte
	set    bool
	tuples []stmt.Tuple
	hidden bool // nft adds it by itself, and does not list it
}

// own looks one of the guest's own values up, together with its interface.
type own struct {
	dir    direction
	field  *stmt.Field
	negate bool
	set    valueSet
}

// counter counts.
type counter struct{}

// limit holds while packets come no faster than a rate, or with over while they come faster.
type limit struct{ stmt.Limit }

// connections holds while there are no more than so many, or with over while there are more.
type connections struct{ stmt.CtCount }

// logged writes the packet to a log.
type logged struct{ stmt.Log }

// assign sets a mark or a priority.
type assign struct {
	field *stmt.Field
	value []byte // in network order
}

// update keeps a part's state for each key apart.
type update struct {
	dir  direction
	set  *stateSet
	add  bool
	key  []*stmt.Field // nil stands for the guest's interface
	own  time.Duration // a timeout of its own; 0: the set's
	each part
}

func (m *match) text() string {
	if m.hidden {
		return ""
	}
	if len(m.fields) == 1 && strings.HasPrefix(m.fields[0].Name, "nd ") {
		m = m.raw()
	}
	names := make([]string, len(m.fields))
	for i, f := range m.fields {
		names[i] = fieldText(f)
	}
	var b strings.Builder
	b.WriteString(strings.Join(names, " . ") + " ")
	typ := m.fields[0].Type
	if m.mask != nil {
		b.WriteString("& " + parenthesised(typ.Print(m.mask)) + " ")
	}
	switch {
	case m.op == stmt.Neq:
		b.WriteString("!= ")
	case m.mask != nil && !m.set, typ.Bitmask && m.op == stmt.Eq && !m.set:
		b.WriteString("== ")
	}
	values := make([]string, len(m.tuples))
	for i, t := range m.tuples {
		values[i] = tupleText(m.fields, t)
	}
	if m.set || len(m.fields) > 1 { // nft takes a concatenation's value in a set only
		b.WriteString("{ " + strings.Join(values, ", ") + " }")
	} else {
		b.WriteString(values[0])
	}
	return b.String()
}

// raw is m, of a field of neighbour discovery, in the only words that nft has for it: raw payload, and numbers.
func (m *match) raw() *match {
	f, out := *m.fields[0], *m
	f.Type, out.fields = stmt.RawInteger, []*stmt.Field{&f}
	out.tuples = make([]stmt.Tuple, len(m.tuples))
	for i, t := range m.tuples {
		e := t[0]
		switch plen := e.Prefix; {
		case plen < 0 || m.set:
		case plen > 0 && plen%8 == 0 && m.mask == nil:
			f.Bits, e.Lo, e.Hi = plen, e.Lo[:plen/8], e.Lo[:plen/8]
		default:
			out.mask, e.Hi = mask(plen, len(e.Lo)), e.Lo
		}
		e.Prefix = -1
		out.tuples[i] = stmt.Tuple{e}
	}
	f.Name = fmt.Sprintf("@th,%d,%d", f.Offset, f.Bits)
	return &out
}

func tupleText(fields []*stmt.Field, t stmt.Tuple) string {
	parts := make([]string, len(t))
	for i, e := range t {
		parts[i] = e.Print(fields[i].Type)
	}
	return strings.Join(parts, " . ")
}

func parenthesised(flags string) string {
	if strings.Contains(flags, "|") {
		return "(" + flags + ")"
	}
	return flags
}

// fieldText is the field as nft names it, which has no words for what neighbour discovery says.
func fieldText(f *stmt.Field) string {
	if f.Base == stmt.Meta && f.Type == stmt.Ifname {
		return strings.TrimPrefix(f.Name, "meta ")
	}
	if strings.HasPrefix(f.Name, "nd ") {
		return fmt.Sprintf("@th,%d,%d", f.Offset, f.Bits)
	}
	return f.Name
}

func (o *own) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s . %s ", directions[o.dir].ifname, fieldText(o.field))
	if o.set.plen > 0 {
		fmt.Fprintf(&b, "& %s ", maskText(o.set.plen, o.set.bits()/8))
	}
	if o.negate {
		b.WriteString("!= ")
	}
	return b.String() + "@" + o.set.name()
}

func (counter) text() string { return "counter" }

func (l limit) text() string { return "limit rate " + over(l.Over) + l.Rate.String() }

func (c connections) text() string { return fmt.Sprintf("ct count %s%d", over(c.Over), c.Count) }

func over(yes bool) string {
	if yes {
		return "over "
	}
	return ""
}

func (l logged) text() string { return l.Log.String() }

func (a assign) text() string { return a.field.Name + " set " + a.field.Type.Print(a.value) }

func (u *update) text() string {
	word, timeout := "update", ""
	if u.add {
		word = "add"
	}
	if u.own > 0 {
		timeout = fmt.Sprintf(" timeout %ds", int64(u.own/time.Second))
	}
	return fmt.Sprintf("%s @%s { %s%s %s }", word, u.set.name, keyText(u.dir, u.key), timeout, u.each.text())
}

func keyText(d direction, key []*stmt.Field) string {
	names := make([]string, len(key))
	for i, f := range key {
		names[i] = directions[d].ifname
		if f != nil {
			names[i] = fieldText(f)
		}
	}
	return strings.Join(names, " . ")
}
