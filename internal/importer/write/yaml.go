package write

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"vifd/internal/lazy"
)

// plain is text that every YAML reader takes for text, without quotes; lengths, and words that some take for something else, aside.
var plain = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// words are those that some YAML readers take for a truth value or for nothing.
var words = map[string]bool{"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "null": true, "y": true, "n": true}

// address is an IPv4 address, which is no number to anybody.
var address = lazy.Regexp(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/[0-9]+)?$`)

// quote makes a YAML scalar of text.
func quote(s string) string {
	if plain().MatchString(s) && !words[strings.ToLower(s)] || address().MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// pattern quotes text that is to be matched as it is.
func pattern(s string) string {
	return quote(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s))
}

// text quotes text in which rules would put facts for ${…}.
func text(s string) string { return quote(strings.ReplaceAll(s, "$", "$$")) }

// list is one value, or several in brackets.
func list[T any](items []T, each func(T) string) string {
	if len(items) == 1 {
		return each(items[0])
	}
	return flow(items, each)
}

// flow is values in brackets, also a single one.
func flow[T any](items []T, each func(T) string) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = each(item)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// mapping collects the pairs of a flow mapping.
type mapping []string

func (m *mapping) add(key, value string) { *m = append(*m, key+": "+value) }

func (m *mapping) String() string { return "{" + strings.Join(*m, ", ") + "}" }

func number(n int) string { return strconv.Itoa(n) }
