package stmt

import (
	"fmt"
	"strings"
)

// include reads `include TEMPLATE [with NAME = VALUE, …]`; a value is a word, text in quotes, a set of them in braces, or a
// parameter of the template that the include stands in.
func (p *parser) include() (*Include, *Error) {
	p.next++
	t, ok := p.peek()
	if !ok {
		return nil, &Error{Col: p.end, Len: 1, Msg: "include needs a template's name"}
	}
	p.next++
	in := &Include{Template: t.text, Col: t.col, Len: t.len()}
	rest, more := p.peek()
	switch {
	case !more:
		return in, nil
	case !rest.is("with"):
		return nil, at(rest, fmt.Sprintf("%q after include %s", rest.text, t.text), "an include stands alone, or hands arguments on: include "+t.text+" with NAME = VALUE")
	}
	p.next++
	for {
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		in.With = append(in.With, arg)
		sep, more := p.peek()
		switch {
		case !more:
			return in, nil
		case !sep.is(","):
			return nil, at(sep, fmt.Sprintf("%q after an argument", sep.text), "arguments have commas between them")
		}
		p.next++
	}
}

func (p *parser) argument() (Argument, *Error) {
	name, ok := p.peek()
	if !ok || name.quoted || strings.ContainsAny(name.text, "{}(),|&=!$@") {
		return Argument{}, at(name, "expected the name of a parameter", "")
	}
	p.next++
	if t, ok := p.peek(); !ok || !t.is("=") {
		return Argument{}, at(t, "expected = and a value", "")
	}
	p.next++
	arg := Argument{Name: name.text, Col: name.col, Len: name.len()}
	t, ok := p.peek()
	switch {
	case !ok:
		return arg, &Error{Col: p.end, Len: 1, Msg: fmt.Sprintf("argument %q needs a value", name.text)}
	case t.is("{"):
		p.next++
		return p.argumentSet(arg, t)
	case strings.HasPrefix(t.text, "$") && !t.quoted:
		p.next++
		arg.Param = t.text[1:]
		return arg, nil
	}
	value, err := p.argumentValue()
	arg.Values = []string{value}
	return arg, err
}

func (p *parser) argumentSet(arg Argument, open token) (Argument, *Error) {
	for {
		value, err := p.argumentValue()
		if err != nil {
			return arg, err
		}
		arg.Values = append(arg.Values, value)
		sep, ok := p.peek()
		switch {
		case !ok:
			return arg, at(open, "the set is not closed", "expected }")
		case !sep.is(",") && !sep.is("}"):
			return arg, at(sep, "expected , or } in the set", "")
		}
		p.next++
		if sep.is("}") {
			return arg, nil
		}
	}
}

func (p *parser) argumentValue() (string, *Error) {
	t, ok := p.peek()
	if !ok || !t.quoted && strings.ContainsAny(t.text, "{}(),|&=!$@") {
		return "", at(t, "expected a value", "")
	}
	p.next++
	return t.text, nil
}

// condition reads `if [not] $flag` or `if $kind == VALUE`.
func (p *parser) condition() (*Condition, *Error) {
	p.next++
	c := &Condition{}
	if t, _ := p.peek(); t.is("not") {
		c.Not = true
		p.next++
	}
	t, ok := p.peek()
	if !ok || t.quoted || !strings.HasPrefix(t.text, "$") || len(t.text) == 1 {
		return nil, at(t, "if asks for a parameter", "as in if $flag, if not $flag, or if $kind == strict")
	}
	p.next++
	c.Param, c.Col, c.Len = t.text[1:], t.col, t.len()
	if op, _ := p.peek(); op.is("==") || op.is("!=") {
		p.next++
		if c.Not {
			return nil, at(op, "not and "+op.text+" in one condition", "write != instead of not")
		}
		c.Not = op.is("!=")
		v, ok := p.peek()
		if !ok || strings.ContainsAny(v.text, "{}(),|&=!$@") {
			return nil, at(v, "expected a value", "")
		}
		p.next++
		c.Value = v.text
	}
	if _, ok := p.peek(); !ok {
		return nil, &Error{Col: p.end, Len: 1, Msg: "a statement must follow the condition"}
	}
	return c, nil
}
