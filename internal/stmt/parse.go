package stmt

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Parse reads one statement. The error is always an *Error.
func Parse(text string) (Stmt, error) {
	tokens, lexErr := lex(text)
	if lexErr != nil {
		return Stmt{}, lexErr
	}
	p := parser{tokens: tokens, end: len(strings.TrimRight(text, " \t")) + 1}
	s, err := p.statement()
	if err != nil {
		return Stmt{}, err
	}
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.text
	}
	s.Text = strings.ReplaceAll(strings.Join(words, " "), " ,", ",")
	return s, nil
}

type parser struct {
	tokens []token
	next   int
	end    int // column just after the text, for "expected … here"
}

func (p *parser) peek() (token, bool) {
	if p.next < len(p.tokens) {
		return p.tokens[p.next], true
	}
	return token{col: p.end}, false
}

func (p *parser) statement() (Stmt, *Error) {
	var s Stmt
	t, ok := p.peek()
	if !ok {
		return s, &Error{Col: 1, Len: 1, Msg: "empty statement", Hint: "write matches and a verdict, as in: tcp dport 22 accept"}
	}
	if t.text == "include" {
		return p.include()
	}
	for {
		t, ok := p.peek()
		if !ok {
			break
		}
		if t.text == "counter" {
			p.next++
			s.Items = append(s.Items, Counter{})
			continue
		}
		if v, ok := parseVerdict(t.text); ok {
			p.next++
			s.Verdict = v
			if rest, more := p.peek(); more {
				return s, at(rest, fmt.Sprintf("%q after the verdict %s", rest.text, v), "a verdict ends the statement; write another line")
			}
			break
		}
		m, err := p.match()
		if err != nil {
			return s, err
		}
		s.Items = append(s.Items, m)
	}
	if s.Verdict == None && !hasCounter(s.Items) {
		return s, &Error{Col: p.end, Len: 1, Msg: "the statement does nothing", Hint: "end it with accept, drop, return or counter"}
	}
	return s, nil
}

func hasCounter(items []Item) bool {
	for _, it := range items {
		if _, ok := it.(Counter); ok {
			return true
		}
	}
	return false
}

func (p *parser) include() (Stmt, *Error) {
	p.next++
	t, ok := p.peek()
	if !ok {
		return Stmt{}, &Error{Col: p.end, Len: 1, Msg: "include needs a template's name"}
	}
	p.next++
	if rest, more := p.peek(); more {
		return Stmt{}, at(rest, fmt.Sprintf("%q after include %s", rest.text, t.text), "an include stands alone; arguments to it are not supported yet")
	}
	return Stmt{Include: &Include{Template: t.text, Col: t.col, Len: t.len()}}, nil
}

func (p *parser) match() (Match, *Error) {
	first, _ := p.peek()
	f, err := p.field()
	if err != nil {
		return Match{}, err
	}
	last := p.tokens[p.next-1]
	m := Match{Field: f, Col: first.col, Len: last.col + last.len() - first.col}
	if t, ok := p.peek(); ok && (t.text == "==" || t.text == "!=") {
		m.Negate = t.text == "!="
		p.next++
	}
	m.Value, err = p.value(f)
	return m, err
}

// field reads the words that name a field: two, or three for ARP's addresses, or a raw payload.
func (p *parser) field() (*Field, *Error) {
	head, _ := p.peek()
	if strings.HasPrefix(head.text, "@") {
		p.next++
		return rawField(head)
	}
	name := head.text
	for words := 1; words <= 3 && p.next+words <= len(p.tokens); words++ {
		if words > 1 {
			name += " " + p.tokens[p.next+words-1].text
		}
		if f, ok := fields[name]; ok {
			p.next += words
			return f, nil
		}
	}
	return nil, p.unknownField(head)
}

// later are words of the contract's subset that no statement can hold yet.
var later = map[string]bool{
	"vlan": true, "th": true, "ct": true, "fib": true, "limit": true, "log": true, "mark": true, "reject": true,
	"exthdr": true, "iifname": true, "oifname": true, "hbh": true, "rt": true, "dst": true, "mh": true,
}

func (p *parser) unknownField(head token) *Error {
	if later[head.text] {
		return at(head, fmt.Sprintf("%q is not supported yet", head.text), "")
	}
	inHeader := make([]string, 0, 10)
	for name := range fields {
		if rest, ok := strings.CutPrefix(name, head.text+" "); ok {
			inHeader = append(inHeader, rest)
		}
	}
	if len(inHeader) == 0 {
		hint := "expected a field (" + strings.Join(headers(), ", ") + "), counter, include or a verdict"
		if near, ok := nearest(head.text, append(headers(), "accept", "drop", "return", "continue", "counter", "include")); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return at(head, fmt.Sprintf("unknown word %q", head.text), hint)
	}
	sort.Strings(inHeader)
	if p.next+1 >= len(p.tokens) {
		return &Error{Col: p.end, Len: 1, Msg: fmt.Sprintf("%q needs one of %s", head.text, strings.Join(inHeader, ", "))}
	}
	word := p.tokens[p.next+1]
	hint := "expected one of " + strings.Join(inHeader, ", ")
	if near, ok := nearest(word.text, inHeader); ok {
		hint = fmt.Sprintf("did you mean %q?", head.text+" "+near)
	}
	return at(word, fmt.Sprintf("%q has no field %q", head.text, word.text), hint)
}

func headers() []string {
	seen := make(map[string]bool)
	var names []string
	for name := range fields {
		head, _, _ := strings.Cut(name, " ")
		if !seen[head] {
			seen[head] = true
			names = append(names, head)
		}
	}
	sort.Strings(names)
	return names
}

// rawField reads @BASE,OFFSET,BITS (nft(8), "RAW PAYLOAD EXPRESSION").
func rawField(t token) (*Field, *Error) {
	bases := map[string]Base{"ll": LinkHeader, "nh": NetworkHeader, "th": TransportHeader}
	parts := strings.Split(t.text[1:], ",")
	if len(parts) != 3 {
		return nil, at(t, fmt.Sprintf("%q is not a raw payload", t.text), "expected @BASE,OFFSET,BITS, as in @ll,0,48")
	}
	base, ok := bases[parts[0]]
	if !ok {
		return nil, at(t, fmt.Sprintf("%q is no base of a raw payload", parts[0]), "expected ll, nh or th")
	}
	offset, err1 := strconv.ParseUint(parts[1], 10, 11)
	bits, err2 := strconv.ParseUint(parts[2], 10, 8)
	switch {
	case err1 != nil:
		return nil, at(t, fmt.Sprintf("offset %q of a raw payload", parts[1]), "expected a number of bits below 2048")
	case err2 != nil || bits == 0 || offset%8+bits > 128:
		return nil, at(t, fmt.Sprintf("length %q of a raw payload", parts[2]), "expected a number of bits, at most 16 bytes with what shares the first one")
	}
	typ := &Datatype{Name: "integer"}
	if base != NetworkHeader && offset%8 == 0 {
		// nft 1.0.6 aborts when it lists a lookup of the network header's raw bytes together with the interface.
		typ.param = rawParams[bits]
	}
	return &Field{Name: t.text, Base: base, Offset: int(offset), Bits: int(bits), Type: typ}, nil
}

// rawParams is what a raw payload may be compared with by its length: the guest's MAC, IPv4 or IPv6 addresses.
var rawParams = map[uint64]Type{16: TypePort, 32: TypeIP, 48: TypeMAC, 128: TypeIP6}

func at(t token, msg, hint string) *Error {
	return &Error{Col: t.col, Len: t.len(), Msg: msg, Hint: hint}
}
