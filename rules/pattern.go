package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPattern is the longest pattern, in bytes: longer than any value but an environment's.
const maxPattern = 1024

// Pattern is what a term of `match` compares a fact with: a literal, a glob, a number or range, an address or prefix. The zero
// Pattern matches the empty value only. It is immutable.
type Pattern struct {
	text    string
	kind    patternKind
	glob    []globToken  // set where the text holds a wildcard
	literal string       // without wildcards the value to equal, else what every value begins with; in the fact's spelling
	lo, hi  int64        // kindNumber
	prefix  netip.Prefix // kindIP, unless glob
	isRange bool         // the number or prefix stands for more than one value
}

// valueError says what is wrong with a pattern, text or value, at which bytes of it.
type valueError struct {
	code     string
	off, len int
	msg      string
	hint     string
}

func (e *valueError) Error() string { return e.msg }

// ParsePattern reads text as a pattern for the fact key: interface, domid, env.NAME … (FactNames).
func ParsePattern(key, text string) (Pattern, error) {
	f, ok := lookupFact(key)
	if !ok {
		return Pattern{}, fmt.Errorf("there is no fact %q", key)
	}
	p, verr := parsePattern(f, text)
	if verr != nil {
		return Pattern{}, fmt.Errorf("pattern %q for %s: %w", text, key, verr)
	}
	return p, nil
}

func parsePattern(f fact, text string) (Pattern, *valueError) {
	fail := func(msg, hint string) (Pattern, *valueError) {
		return Pattern{}, &valueError{code: codePattern, len: len(text), msg: msg, hint: hint}
	}
	switch {
	case text == "":
		return fail("an empty pattern matches nothing", `"*" matches everything`)
	case len(text) > maxPattern:
		return fail(fmt.Sprintf("a pattern of %d bytes; at most %d are taken", len(text), maxPattern), "")
	case !utf8.ValidString(text):
		return fail("a pattern must be UTF-8", "")
	}
	if i := strings.Index(text, "${"); i >= 0 {
		return Pattern{}, &valueError{code: codeText, off: i, len: len(text) - i, msg: "no fact can stand in a pattern: facts are held against it", hint: factPlaces}
	}
	p := Pattern{text: text, kind: f.kind}
	if f.kind == kindNumber {
		var verr *valueError
		p.lo, p.hi, verr = parseRange(text, f)
		p.isRange = p.lo != p.hi
		p.literal = text
		if !p.isRange && verr == nil {
			p.literal = strconv.FormatInt(p.lo, 10)
		}
		return p, verr
	}
	if f.kind == kindIP && !strings.ContainsAny(text, `*?[\`) {
		return parseIPPattern(p)
	}
	if f.kind == kindMAC || f.kind == kindIP || f.kind == kindFolded {
		text = lowerASCII(text)
	}
	tokens, verr := parseGlob(text)
	if verr != nil {
		return Pattern{}, verr
	}
	p.literal = literalPrefix(tokens)
	if !isLiteral(tokens) {
		p.glob = tokens
	}
	switch f.kind {
	case kindName:
		verr = checkNamePattern(text, tokens)
	case kindMAC:
		verr = checkMACPattern(&p, tokens)
	case kindIP:
		verr = onlyRunes(tokens, "0123456789abcdef:.", "an IP address")
	default: // any text
	}
	if verr != nil {
		return Pattern{}, verr
	}
	return p, nil
}

// Match reports whether value, as a fact has it, is one that p stands for. It does not allocate, except for an address with a
// zone and for a value that should be an address and is none.
func (p *Pattern) Match(value string) bool {
	switch p.kind {
	case kindNumber:
		n, ok := parseNumber(value)
		return ok && n >= p.lo && n <= p.hi
	case kindIP:
		return p.matchIP(value)
	case kindMAC, kindFolded:
		if p.glob == nil {
			return equalFold(p.literal, value)
		}
		return matchGlob(p.glob, value, true)
	default:
		if p.glob == nil {
			return p.literal == value
		}
		return matchGlob(p.glob, value, false)
	}
}

// String returns the pattern as it was written.
func (p *Pattern) String() string { return p.text }

// Literal returns the one value that p stands for, in the spelling facts have (escapes resolved, a MAC or UUID in lower case, an
// address in its canonical form); false where p may stand for several.
func (p *Pattern) Literal() (string, bool) {
	if p.glob != nil || p.isRange {
		return "", false
	}
	return p.literal, true
}

// Prefix returns what every value that p matches begins with, in the same spelling as Literal; empty for ranges, prefixes and
// globs that begin with a wildcard.
func (p *Pattern) Prefix() string {
	if p.isRange {
		return ""
	}
	return p.literal
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

// equalFold reports whether value is lower but for the case of ASCII letters; lower has none in upper case.
func equalFold(lower, value string) bool {
	if len(lower) != len(value) {
		return false
	}
	for i := range len(value) {
		c := value[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
