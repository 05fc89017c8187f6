package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A glob is a list of tokens, each of which takes one character but the star, which takes any number. Characters are those of
// UTF-8; a byte that is none counts as a character of its own, because names in the kernel are bytes.

type globOp int

const (
	globRune  globOp = iota
	globAny          // ?
	globStar         // *
	globClass        // [a-z], [!x]
)

type globToken struct {
	op     globOp
	r      rune
	class  []runeRange
	negate bool
	off    int // in the pattern, for messages
}

type runeRange struct{ lo, hi rune }

// parseGlob takes a glob apart. Stars that follow each other become one.
func parseGlob(text string) ([]globToken, *valueError) {
	tokens := make([]globToken, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		t := globToken{off: i, r: r}
		switch r {
		case '*':
			t.op = globStar
		case '?':
			t.op = globAny
		case '[':
			n, verr := t.parseClass(text, i)
			if verr != nil {
				return nil, verr
			}
			size = n
		case '\\':
			escaped, n, verr := parseEscape(text, i)
			if verr != nil {
				return nil, verr
			}
			t.r, size = escaped, n
		}
		i += size
		if t.op == globStar && len(tokens) > 0 && tokens[len(tokens)-1].op == globStar {
			continue
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// parseEscape reads the backslash at text[i] and what it quotes, and returns how many bytes the two are.
func parseEscape(text string, i int) (rune, int, *valueError) {
	rest := text[i+1:]
	if rest == "" {
		return 0, 0, &valueError{code: codePattern, off: i, len: 1, msg: "a backslash at the end quotes nothing", hint: `write \\ for a backslash`}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if !strings.ContainsRune(`*?[]\!-`, r) {
		return 0, 0, &valueError{
			code: codePattern, off: i, len: 1 + size, msg: fmt.Sprintf("%q is not an escape; a backslash quotes * ? [ ] ! - and itself", text[i:i+1+size]),
			hint: `write \\ for a backslash; patterns are globs, not regular expressions`,
		}
	}
	return r, 1 + size, nil
}

// parseClass reads the class that begins at text[start], and returns how many bytes it is.
func (t *globToken) parseClass(text string, start int) (int, *valueError) {
	fail := func(off, length int, msg, hint string) (int, *valueError) {
		return 0, &valueError{code: codePattern, off: off, len: length, msg: msg, hint: hint}
	}
	t.op = globClass
	i := start + 1
	switch {
	case strings.HasPrefix(text[i:], "!"):
		t.negate = true
		i++
	case strings.HasPrefix(text[i:], "^"):
		return fail(i, 1, "a class is negated with !, not with ^", "write [!…]")
	}
	for i < len(text) && text[i] != ']' {
		if strings.HasPrefix(text[i:], "[:") {
			return fail(i, 2, "named classes such as [:alpha:] are not taken", "write a range, as in [a-z]")
		}
		at := i
		lo, size, verr := classRune(text, i)
		if verr != nil {
			return 0, verr
		}
		i += size
		hi := lo
		if i+1 < len(text) && text[i] == '-' && text[i+1] != ']' {
			hi, size, verr = classRune(text, i+1)
			if verr != nil {
				return 0, verr
			}
			i += 1 + size
		}
		if hi < lo {
			return fail(at, i-at, fmt.Sprintf("the range %q is reversed", text[at:i]), fmt.Sprintf("write %c-%c", hi, lo))
		}
		t.class = append(t.class, runeRange{lo, hi})
	}
	if i >= len(text) {
		return fail(start, len(text)-start, "the class is not closed", `end it with ], or write \[ for a bracket`)
	}
	if len(t.class) == 0 {
		return fail(start, i+1-start, "an empty class matches nothing", `to match a closing bracket write [\]]`)
	}
	return i + 1 - start, nil
}

func classRune(text string, i int) (rune, int, *valueError) {
	if text[i] == '\\' {
		return parseEscape(text, i)
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	return r, size, nil
}

func (t *globToken) takes(r rune) bool {
	switch t.op {
	case globRune:
		return t.r == r
	case globClass:
		for _, c := range t.class {
			if r >= c.lo && r <= c.hi {
				return !t.negate
			}
		}
		return t.negate
	default:
		return true
	}
}

// matchGlob reports whether the tokens take all of s. A failure goes back to the last star only, so that the time is at most
// len(tokens) times len(s), whatever the pattern; with fold, ASCII letters of s count as lower case.
func matchGlob[T string | []byte](tokens []globToken, s T, fold bool) bool {
	ti, si := 0, 0
	star, resume := -1, 0
	for si < len(s) {
		if ti < len(tokens) {
			t := &tokens[ti]
			if t.op == globStar {
				star, resume = ti, si
				ti++
				continue
			}
			if r, size := runeAt(s, si, fold); t.takes(r) {
				ti++
				si += size
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, size := runeAt(s, resume, false)
		resume += size
		ti, si = star+1, resume
	}
	for ti < len(tokens) && tokens[ti].op == globStar {
		ti++
	}
	return ti == len(tokens)
}

// runeAt decodes the character at s[i]. A byte that is no UTF-8 is a negative rune, which equals no character of a pattern.
func runeAt[T string | []byte](s T, i int, fold bool) (rune, int) {
	c := s[i]
	if c < utf8.RuneSelf {
		if fold && c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		return rune(c), 1
	}
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], s[i:])
	r, size := utf8.DecodeRune(buf[:n])
	if r == utf8.RuneError && size == 1 {
		return -rune(c), 1
	}
	return r, size
}

func isLiteral(tokens []globToken) bool {
	for i := range tokens {
		if tokens[i].op != globRune {
			return false
		}
	}
	return true
}

// literalPrefix is the text before the first wildcard, escapes resolved.
func literalPrefix(tokens []globToken) string {
	var b strings.Builder
	for i := range tokens {
		if tokens[i].op != globRune {
			break
		}
		b.WriteRune(tokens[i].r)
	}
	return b.String()
}
