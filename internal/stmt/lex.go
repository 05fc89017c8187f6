package stmt

import (
	"fmt"
	"strings"
)

// token is one word of a statement; col counts bytes from 1.
type token struct {
	text   string
	col    int
	quoted bool // text is what stands between the quotes
}

func (t token) len() int {
	if t.quoted {
		return len(t.text) + 2
	}
	return len(t.text)
}

func (t token) String() string {
	if t.quoted {
		return `"` + t.text + `"`
	}
	return t.text
}

// is reports whether t is the word, and no text in quotes.
func (t token) is(word string) bool { return t.text == word && !t.quoted }

// at is an error about a token; about the end of the text where there is none.
func at(t token, msg, hint string) *Error {
	return &Error{Col: t.col, Len: max(1, t.len()), Msg: msg, Hint: hint}
}

// lex cuts text into words. Braces, commas and operators stand alone; everything else runs to the next space, so that
// addresses, ranges, prefixes and rates are one word each. A raw payload (@ll,0,48) keeps its commas; what stands in quotes
// is one word.
func lex(text string) ([]token, *Error) {
	var tokens []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case c == '#':
			return tokens, nil
		case c == '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return nil, &Error{Col: i + 1, Len: len(text) - i, Msg: "the quotes are not closed"}
			}
			if bad := strings.IndexFunc(text[i+1:i+1+end], func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }); bad >= 0 {
				return nil, &Error{Col: i + 2 + bad, Len: 1, Msg: fmt.Sprintf("unexpected %q in quotes", text[i+1+bad])}
			}
			tokens = append(tokens, token{text[i+1 : i+1+end], i + 1, true})
			i += end + 2
		case strings.HasPrefix(text[i:], "==") || strings.HasPrefix(text[i:], "!="):
			tokens = append(tokens, token{text: text[i : i+2], col: i + 1})
			i += 2
		case strings.IndexByte("{},()|&=!", c) >= 0:
			tokens = append(tokens, token{text: text[i : i+1], col: i + 1})
			i++
		case c == '<' || c == '>':
			return nil, &Error{Col: i + 1, Len: 1, Msg: fmt.Sprintf("unexpected %q", c), Hint: "write a range, as in 1501-65535"}
		case wordByte(c) || c == '$' || c == '@':
			end := i + 1
			for end < len(text) && (wordByte(text[end]) || c == '@' && text[end] == ',') {
				end++
			}
			tokens = append(tokens, token{text: text[i:end], col: i + 1})
			i = end
		default:
			r := []rune(text[i:])[0]
			return nil, &Error{Col: i + 1, Len: len(string(r)), Msg: fmt.Sprintf("unexpected %q", r)}
		}
	}
	return tokens, nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:/*", c) >= 0
}

// join writes tokens as one line again.
func join(tokens []token) string {
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.String()
	}
	return strings.ReplaceAll(strings.Join(words, " "), " ,", ",")
}
