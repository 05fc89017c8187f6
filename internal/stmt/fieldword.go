package stmt

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"vifd/internal/nearest"
)

// field reads the words that name a field: two, or three for ARP's addresses, or a raw payload, or a question to the
// routing tables.
func (p *parser) field() (*Field, *Error) {
	head, _ := p.peek()
	if head.quoted {
		return nil, at(head, fmt.Sprintf("unexpected %s", head), "expected a field")
	}
	if strings.HasPrefix(head.text, "@") {
		p.next++
		return rawField(head)
	}
	if head.is("fib") {
		return p.fib()
	}
	name := head.text
	var found *Field
	taken := 0
	for words := 1; words <= 3 && p.next+words <= len(p.tokens); words++ {
		if words > 1 {
			name += " " + p.tokens[p.next+words-1].text
		}
		if f, ok := fields()[name]; ok {
			found, taken = f, words
		}
	}
	if found == nil {
		return nil, p.unknownField(head)
	}
	p.next += taken
	return found, nil
}

func (p *parser) unknownField(head token) *Error {
	inHeader := make([]string, 0, 10)
	for name := range fields() {
		if rest, ok := strings.CutPrefix(name, head.text+" "); ok {
			inHeader = append(inHeader, rest)
		}
	}
	if len(inHeader) == 0 {
		hint := "expected a field (" + strings.Join(headers(), ", ") + "), an action or a verdict"
		if near, ok := nearest.Of(head.text, append(headers(), beginnings()...)); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return at(head, fmt.Sprintf("unknown word %q", head.text), hint)
	}
	if head.is("ct") {
		inHeader = append(inHeader, "count")
	}
	sort.Strings(inHeader)
	if p.next+1 >= len(p.tokens) {
		return &Error{Col: p.end, Len: 1, Msg: fmt.Sprintf("%q needs one of %s", head.text, strings.Join(inHeader, ", "))}
	}
	word := p.tokens[p.next+1]
	hint := "expected one of " + strings.Join(inHeader, ", ")
	if near, ok := nearest.Of(word.text, inHeader); ok {
		hint = fmt.Sprintf("did you mean %q?", head.text+" "+near)
	}
	return at(word, fmt.Sprintf("%q has no field %q", head.text, word.text), hint)
}

func headers() []string {
	seen := map[string]bool{"fib": true}
	names := []string{"fib"}
	for name := range fields() {
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
	typ := RawInteger
	if take, known := rawParams[bits]; known && base != NetworkHeader && offset%8 == 0 {
		// nft 1.0.6 aborts when it lists a lookup of the network header's raw bytes together with the interface.
		typ = &Datatype{Name: typ.Name, what: typ.what, hex: true, takes: []Type{take}}
	}
	return &Field{Name: t.text, Base: base, Offset: int(offset), Bits: int(bits), Type: typ}, nil
}

// rawParams is what a raw payload may be compared with by its length: a number, the guest's MAC, IPv4 or IPv6 addresses, a port.
var rawParams = map[uint64]Type{8: TypeNumber, 16: TypePort, 32: TypeIP, 48: TypeMAC, 128: TypeIP6}

// fib reads `fib saddr . iif oif`, a question to the routing tables; its answer is what is compared.
func (p *parser) fib() (*Field, *Error) {
	words := []string{"fib"}
	p.next++
	f := Field{Base: Fib}
	t, ok := p.peek()
	if !ok || !t.is("saddr") && !t.is("daddr") {
		return nil, at(t, "fib asks about saddr or daddr", "")
	}
	f.Fib.Source = t.is("saddr")
	words = append(words, t.text)
	p.next++
	for {
		dot, ok := p.peek()
		if !ok || !dot.is(".") {
			break
		}
		p.next++
		t, _ := p.peek()
		switch {
		case t.is("mark"):
			f.Fib.Mark = true
		case t.is("iif"):
			f.Fib.Iif = true
		case t.is("oif"):
			f.Fib.Oif = true
		default:
			return nil, at(t, "expected mark, iif or oif after the dot", "")
		}
		p.next++
		words = append(words, ".", t.text)
	}
	if f.Fib.Iif && f.Fib.Oif {
		return nil, at(t, "fib asks by one interface, iif or oif", "")
	}
	t, _ = p.peek()
	switch {
	case t.is("oif"):
		f.Fib.Result, f.Bits, f.Type = FibPresent, 32, Presence
	case t.is("oifname"):
		f.Fib.Result, f.Bits, f.Type = FibOifname, 128, Ifname
	case t.is("type"):
		f.Fib.Result, f.Bits, f.Type = FibAddrType, 32, FibType
	default:
		return nil, at(t, "fib answers oif, oifname or type", "")
	}
	if f.Fib.Oif && f.Fib.Result != FibAddrType {
		return nil, at(t, "a route is not looked for by the interface it leads to", "ask by iif, or for the type")
	}
	p.next++
	f.Name = strings.Join(append(words, t.text), " ")
	return &f, nil
}
