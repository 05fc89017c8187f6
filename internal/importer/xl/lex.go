package xl

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/importer/model"
)

// kind is what a token is.
type kind int

const (
	end     kind = iota
	newline      // a line's end, or a semicolon
	word
	number
	str
	punct // = += [ ] ,
)

type token struct {
	kind  kind
	off   int
	text  string // of a string what it says
	plain bool   // of a string: its bytes are those of the file, so that places in it can be told
}

// lexer takes a file apart as libxlu_cfg_l.l does.
type lexer struct {
	text model.Text
	off  int
}

const python = "this is Python, which xm ran; nothing is run here: write the values out"

func (l *lexer) fail(off int, msg, hint string) error {
	return &model.Error{Pos: l.text.At(off), Msg: msg, Hint: hint}
}

func (l *lexer) next() (token, error) {
	data := l.text.Data
	for l.off < len(data) {
		switch c := data[l.off]; {
		case c == ' ' || c == '\t' || c == '\r':
			l.off++
		case c == '#':
			rest, _, _ := strings.Cut(data[l.off:], "\n")
			l.off += len(rest)
		case c == '\\' && strings.HasPrefix(strings.TrimPrefix(data[l.off+1:], "\r"), "\n"):
			l.off += strings.IndexByte(data[l.off:], '\n') + 1
		default:
			return l.token(c)
		}
	}
	return token{kind: end, off: l.off}, nil
}

func (l *lexer) token(c byte) (token, error) {
	data, start := l.text.Data, l.off
	take := func(k kind, n int) (token, error) {
		l.off += n
		return token{kind: k, off: start, text: data[start:l.off]}, nil
	}
	switch {
	case c == '\n' || c == ';':
		return take(newline, 1)
	case strings.IndexByte("=[],", c) >= 0:
		return take(punct, 1)
	case strings.HasPrefix(data[start:], "+="):
		return take(punct, 2)
	case c == '\'' || c == '"':
		if strings.HasPrefix(data[start:], strings.Repeat(string(c), 3)) {
			return token{}, l.fail(start, "a text of several lines", python)
		}
		return l.quoted(c)
	case isLetter(c):
		n := 1
		for start+n < len(data) && (isLetter(data[start+n]) || isDigit(data[start+n]) || strings.IndexByte("_.-", data[start+n]) >= 0) {
			n++
		}
		return take(word, n)
	case isDigit(c) || c == '-' && start+1 < len(data) && isDigit(data[start+1]):
		n := 1
		for start+n < len(data) && (isDigit(data[start+n]) || isLetter(data[start+n])) {
			n++
		}
		return take(number, n)
	}
	hint := ""
	if strings.IndexByte("(){}%:+*@", c) >= 0 {
		hint = python
	}
	return token{}, l.fail(start, fmt.Sprintf("%q is not expected here", string(c)), hint)
}

// quoted reads a string, which ends on its line. A backslash begins an escape as in C.
func (l *lexer) quoted(quote byte) (token, error) {
	data, start := l.text.Data, l.off
	t := token{kind: str, off: start, plain: true}
	var b strings.Builder
	for i := start + 1; i < len(data) && data[i] != '\n'; i++ {
		switch c := data[i]; c {
		case quote:
			l.off, t.text = i+1, b.String()
			return t, nil
		case '\\':
			t.plain = false
			value, n, ok := escape(data[i+1:])
			if !ok {
				return t, l.fail(i, "an escape that xl does not know", `write \\ for a backslash`)
			}
			b.WriteByte(value)
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return t, l.fail(start, "the string that begins here does not end on its line", "close its quote")
}

// escape reads what follows a backslash, and says how many bytes that is.
func escape(s string) (value byte, n int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if i := strings.IndexByte(`abfnrtv\'"?`, s[0]); i >= 0 {
		return "\a\b\f\n\r\t\v\\'\"?"[i], 1, true
	}
	digits, base, from := 3, 8, 0
	if s[0] == 'x' {
		digits, base, from = 2, 16, 1
	}
	for n = from; n < len(s) && n < from+digits; n++ {
		if _, err := strconv.ParseUint(s[n:n+1], base, 8); err != nil {
			break
		}
	}
	v, err := strconv.ParseUint(s[from:n], base, 8)
	return byte(v), n, err == nil && v != 0 // a NUL ends a string in C
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
