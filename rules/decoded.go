package rules

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

// plain reports whether a scalar is written without quotes and not as a block, so that YAML gives its spelling a meaning.
func plain(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode &&
		n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

// decoded returns for each byte of a scalar's value the byte of the file it was written at, and one entry more for the end. It
// reads the file's text again, compares as it goes and stops where they part (folded lines): the result may be shorter.
func (s *source) decoded(n *yaml.Node) []int {
	off := s.offset(n)
	m := make([]int, 0, len(n.Value)+1)
	// take notes one piece of the value, written in raw bytes; false means that the value holds something else there.
	take := func(piece string, at int) bool {
		if !strings.HasPrefix(n.Value[len(m):], piece) {
			return false
		}
		for range len(piece) {
			m = append(m, at)
		}
		return true
	}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		off = s.decodeDouble(off+1, take)
	case n.Style&yaml.SingleQuotedStyle != 0:
		off = s.decodeSingle(off+1, take)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		off = s.decodeBlock(off, take)
	default:
		off = s.decodePlain(off, len(n.Value), take)
	}
	return append(m, off)
}

// The decode functions return the byte after the value.

func (s *source) decodePlain(off, length int, take func(string, int) bool) int {
	for end := min(off+length, len(s.data)); off < end; off++ {
		if s.data[off] == '\n' || !take(s.data[off:off+1], off) {
			break
		}
	}
	return off
}

func (s *source) decodeSingle(off int, take func(string, int) bool) int {
	for off < len(s.data) && s.data[off] != '\n' {
		size := 1
		if s.data[off] == '\'' {
			if !strings.HasPrefix(s.data[off:], "''") {
				break
			}
			size = 2
		}
		if !take(s.data[off:off+1], off) {
			break
		}
		off += size
	}
	return off
}

// escape is what a backslash and c stand for in a double-quoted scalar (YAML 1.1, 5.6), or how many hexadecimal digits follow.
func escape(c byte) (piece string, digits int) {
	switch c {
	case '"', '\'', '\\', ' ', '\t':
		return string(c), 0
	case '0':
		return "\x00", 0
	case 'a':
		return "\a", 0
	case 'b':
		return "\b", 0
	case 't':
		return "\t", 0
	case 'n':
		return "\n", 0
	case 'v':
		return "\v", 0
	case 'f':
		return "\f", 0
	case 'r':
		return "\r", 0
	case 'e':
		return "\x1b", 0
	case 'N':
		return "\u0085", 0
	case '_':
		return "\u00a0", 0
	case 'L':
		return "\u2028", 0
	case 'P':
		return "\u2029", 0
	case 'x':
		return "", 2
	case 'u':
		return "", 4
	case 'U':
		return "", 8
	}
	return "", 0
}

func (s *source) decodeDouble(off int, take func(string, int) bool) int {
	for off < len(s.data) && s.data[off] != '\n' && s.data[off] != '"' {
		piece, size := s.data[off:off+1], 1
		if piece == `\` && off+1 < len(s.data) {
			var digits int
			if piece, digits = escape(s.data[off+1]); digits > 0 {
				piece = hexRune(s.data[off+2:], digits)
			}
			size = 2 + digits
		}
		if piece == "" || !take(piece, off) {
			break
		}
		off += size
	}
	return off
}

// hexRune decodes the first digits of text as the code point of one character; empty where they are none.
func hexRune(text string, digits int) string {
	if len(text) < digits {
		return ""
	}
	r := rune(0)
	for i := range digits {
		v, ok := hexDigit(text[i])
		if !ok || r > utf8.MaxRune {
			return ""
		}
		r = r<<4 | rune(v)
	}
	return string(r)
}

func hexDigit(c byte) (int, bool) {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0'), true
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}

// decodeBlock follows a literal block line by line, and a folded one to the end of its first line.
func (s *source) decodeBlock(off int, take func(string, int) bool) int {
	next := func() bool {
		i := strings.IndexByte(s.data[off:], '\n')
		off += i + 1
		return i >= 0
	}
	if !next() {
		return off
	}
	rest := s.data[off:]
	indent := len(rest) - len(strings.TrimLeft(rest, " "))
	for {
		skipped := 0
		for skipped < indent && off < len(s.data) && s.data[off] == ' ' {
			off++
			skipped++
		}
		for ; off < len(s.data) && s.data[off] != '\n'; off++ {
			if s.data[off] != '\r' && !take(s.data[off:off+1], off) {
				return off
			}
		}
		if off >= len(s.data) || !take("\n", off) {
			return off
		}
		off++
	}
}
