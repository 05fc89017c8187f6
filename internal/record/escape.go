package record

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape makes one line of any bytes, from which unescape gets them back.
func escape(s string) string {
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && size == 1 || !unicode.IsPrint(r):
			for i := range size {
				b.WriteString(`\x` + hex.EncodeToString([]byte{s[i]}))
			}
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, `\`)
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			s = rest[1:]
		case len(rest) >= 3 && rest[0] == 'x':
			c, err := hex.DecodeString(rest[1:3])
			if err != nil {
				return "", errors.New(`a \x is not followed by two hexadecimal digits`)
			}
			b.Write(c)
			s = rest[3:]
		default:
			return "", errors.New(`a backslash is followed by neither another nor xNN`)
		}
	}
}
