package rules

import (
	"net/netip"
	"strings"
	"unicode/utf8"
)

// ShapeKind is what sort of index finds a pattern by the values that it matches.
type ShapeKind int

// The shapes.
const (
	ShapeLiteral ShapeKind = iota // one text
	ShapeGlob                     // text with wildcards
	ShapeRange                    // numbers
	ShapeNetwork                  // addresses
)

// Shape is a pattern as an index sees it: what values must look like, apart from what they mean. What it says of values is of their
// text, except that of a glob for addresses it is of the text that Address.AppendTo gives.
type Shape struct {
	Kind    ShapeKind
	Fold    bool         // an ASCII letter of the value counts as its lower case, in which the fields below have it
	Address bool         // values are read by AddressFact
	Text    string       // ShapeLiteral: the value
	Prefix  string       // ShapeGlob: what every value begins with
	Suffix  string       // ShapeGlob: what every value ends with
	Whole   bool         // ShapeGlob: Prefix or Suffix is empty, and every value that has the other matches
	Lo, Hi  int64        // ShapeRange
	Net     netip.Prefix // ShapeNetwork
}

// Shape tells how p can be found. Of one fact all patterns have the same Fold, and the same Address.
func (p *Pattern) Shape() Shape {
	s := Shape{Fold: p.kind == kindMAC || p.kind == kindFolded, Address: p.kind == kindIP}
	switch {
	case p.glob != nil:
		s.Kind, s.Prefix, s.Suffix = ShapeGlob, p.literal, literalSuffix(p.glob)
		s.Whole = wildcards(p.glob) == 1 && (p.glob[0].op == globStar || p.glob[len(p.glob)-1].op == globStar)
	case p.kind == kindIP:
		s.Kind, s.Net = ShapeNetwork, p.prefix
	case p.kind == kindNumber && p.isRange:
		s.Kind, s.Lo, s.Hi = ShapeRange, p.lo, p.hi
	default: // a number has one spelling, and is as good as its text
		s.Text = p.literal
	}
	return s
}

// NumberFact reads the value of a fact as patterns for numbers do; false means that none of them matches it.
func NumberFact(value string) (int64, bool) { return parseNumber(value) }

// Address is the value of a fact as patterns for addresses read it. One without wildcards matches the prefixes that lie within it.
type Address struct {
	Net    netip.Prefix // of an address alone one of full length
	prefix bool         // written with a length
}

// AddressFact reads the value of a fact as patterns for addresses do; false means that none of them matches it.
func AddressFact(value string) (Address, bool) {
	if strings.Contains(value, "/") {
		p, err := netip.ParsePrefix(value)
		return Address{Net: p, prefix: true}, err == nil
	}
	value, _, _ = strings.Cut(value, "%") // a zone does not count
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return Address{}, false
	}
	addr = addr.Unmap()
	return Address{Net: netip.PrefixFrom(addr, addr.BitLen())}, true
}

// AppendTo appends the text that globs are held against.
func (a Address) AppendTo(b []byte) []byte {
	if a.prefix {
		return a.Net.AppendTo(b)
	}
	return a.Net.Addr().AppendTo(b)
}

// literalSuffix is the text behind the last wildcard, escapes resolved.
func literalSuffix(tokens []globToken) string {
	i := len(tokens)
	for i > 0 && tokens[i-1].op == globRune {
		i--
	}
	b := make([]byte, 0, len(tokens)-i)
	for ; i < len(tokens); i++ {
		b = utf8.AppendRune(b, tokens[i].r)
	}
	return string(b)
}

func wildcards(tokens []globToken) (n int) {
	for i := range tokens {
		if tokens[i].op != globRune {
			n++
		}
	}
	return n
}
