package stmt

import (
	"fmt"
	"strings"
)

// token is one word of a statement; col counts bytes from 1.
type token struct {
	text string
	col  int
}

func (t token) len() int { return len(t.text) }

// lex cuts text into words. Braces and commas stand alone, `==` and `!=` too; everything else runs to the next space, so
// that addresses, ranges and prefixes are one word each. A raw payload (@ll,0,48) keeps its commas.
func lex(text string) ([]token, *Error) {
	var tokens []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case c == '#':
			return tokens, nil
		case c == '{' || c == '}' || c == ',':
			tokens = append(tokens, token{text[i : i+1], i + 1})
			i++
		case strings.HasPrefix(text[i:], "==") || strings.HasPrefix(text[i:], "!="):
			tokens = append(tokens, token{text[i : i+2], i + 1})
			i += 2
		case wordByte(c) || c == '$' || c == '@':
			end := i + 1
			for end < len(text) && (wordByte(text[end]) || c == '@' && text[end] == ',') {
				end++
			}
			tokens = append(tokens, token{text[i:end], i + 1})
			i = end
		default:
			r := []rune(text[i:])[0]
			return nil, &Error{Col: i + 1, Len: len(string(r)), Msg: fmt.Sprintf("unexpected %q", r)}
		}
	}
	return tokens, nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:/", c) >= 0
}
