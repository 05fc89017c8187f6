package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// scalarKind is what an unquoted scalar is to YAML readers. Quoted ones are text.
type scalarKind int

const (
	scalarText    scalarKind = iota
	scalarEmpty              // nothing, ~ or null
	scalarBool               // true, false
	scalarSwitch             // yes, no, on, off, True …: true or false to some readers, text to others
	scalarInteger            // decimal, without leading zero or sign other than a minus
	scalarNumber             // any other number: 1.5, 1e3, .inf, 0x10, 1_000, 007
)

func classify(n *yaml.Node) scalarKind {
	if n.Kind != yaml.ScalarNode || !plain(n) {
		return scalarText
	}
	v := n.Value
	switch v {
	case "", "~", "null", "Null", "NULL":
		return scalarEmpty
	case "true", "false":
		return scalarBool
	}
	switch strings.ToLower(v) {
	case "true", "false", "yes", "no", "on", "off":
		return scalarSwitch
	case ".inf", "+.inf", "-.inf", ".nan":
		return scalarNumber
	}
	digits := strings.TrimPrefix(v, "-")
	switch {
	case allOf(digits, isDigit) && (len(digits) == 1 || digits[0] != '0'):
		return scalarInteger
	case allOf(digits, isDigit), radix(v) != "", isFloat(v):
		return scalarNumber
	}
	return scalarText
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allOf(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

// radix names what makes a number read differently by different readers; empty where v is no such number.
func radix(v string) string {
	digits := strings.TrimLeft(v, "+-")
	if len(v)-len(digits) > 1 || digits == "" {
		return ""
	}
	isUnderscored := func(c byte) bool { return isDigit(c) || c == '_' }
	prefix, rest := "", ""
	if len(digits) > 2 {
		prefix, rest = strings.ToLower(digits[:2]), digits[2:]
	}
	switch {
	case prefix == "0x" && allOf(rest, func(c byte) bool { _, ok := hexDigit(c); return ok || c == '_' }):
		return "hexadecimal"
	case prefix == "0b" && allOf(rest, func(c byte) bool { return c == '0' || c == '1' || c == '_' }):
		return "binary"
	case prefix == "0o" && allOf(rest, isUnderscored):
		return "octal"
	case !isDigit(digits[0]) || !allOf(digits, isUnderscored):
		return ""
	case strings.Contains(digits, "_"):
		return "underscore"
	case digits[0] == '0' && len(digits) > 1:
		return "zero"
	case v[0] == '+':
		return "plus"
	}
	return ""
}

// isFloat reports whether v is a number with a point or an exponent. An IPv4 address, with its three points, is none.
func isFloat(v string) bool {
	v = strings.TrimLeft(v, "+-")
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(v), "e")
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if !hasExponent && !hasPoint || whole+fraction == "" {
		return false
	}
	if hasExponent && !allOf(strings.TrimLeft(exponent, "+-"), isDigit) {
		return false
	}
	return allOf(whole+fraction, isDigit)
}

// ambiguousNumber says what is wrong with a scalar such as 0100, 0x10 or 1_000; empty where it is none of those.
func ambiguousNumber(n *yaml.Node) (msg, hint string) {
	if !plain(n) {
		return "", ""
	}
	what := radix(n.Value)
	if what == "" {
		return "", ""
	}
	quote := fmt.Sprintf("quote it if it is text: %q", n.Value)
	switch what {
	case "zero":
		decimal := strings.TrimLeft(strings.TrimLeft(n.Value, "+-"), "0")
		if decimal == "" {
			decimal = "0"
		}
		return fmt.Sprintf("%s has a leading zero: some YAML readers take it for octal, others for decimal", n.Value),
			fmt.Sprintf("write %s if you mean that number; %s", decimal, quote)
	case "underscore":
		return fmt.Sprintf("%s: YAML readers differ on underscores in numbers", n.Value), "write the digits together; " + quote
	case "plus":
		return fmt.Sprintf("%s: a number takes no plus sign", n.Value), quote
	default:
		return fmt.Sprintf("%s: %s numbers are not taken", n.Value, what), "write it in decimal; " + quote
	}
}

// describe names what a node holds, as in "expected text, found the number 7".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
	default:
		return "an alias"
	}
	switch classify(n) {
	case scalarEmpty:
		return "nothing"
	case scalarBool, scalarSwitch:
		return fmt.Sprintf("the boolean %s", n.Value)
	case scalarInteger, scalarNumber:
		return fmt.Sprintf("the number %s", n.Value)
	default:
		return fmt.Sprintf("the text %s", short(n.Value))
	}
}

// short quotes a value for a message, cut where it is long.
func short(v string) string {
	const most = 40
	if runes := []rune(v); len(runes) > most {
		return fmt.Sprintf("%q…", string(runes[:most]))
	}
	return fmt.Sprintf("%q", v)
}

func quoteHint(n *yaml.Node) string {
	if k := classify(n); k == scalarText || k == scalarEmpty {
		return ""
	}
	return fmt.Sprintf("quote it if it is text: %q", n.Value)
}
