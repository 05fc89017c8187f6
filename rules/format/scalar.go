package format

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// plain reports whether a scalar is written without quotes and not as a block.
func plain(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// isText reports whether a word is the same text to every YAML reader with quotes and without: a letter, and then letters, digits, dots,
// underscores and dashes; and no word that some of them take for true, false or nothing.
func isText(word string) bool {
	for i := range len(word) {
		c := word[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return word != "" && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"}, strings.ToLower(word))
}

// scalar is a scalar on one line; false where it is a block, which it cannot be.
func (t *text) scalar(n *node) (string, bool) {
	written := t.written(n)
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return `""`, n.Value == "" && n.block.comment == ""
	case plain(n.Node):
		if strings.Contains(n.Value, "\n") {
			return strconv.Quote(n.Value), true
		}
		return n.Value, true
	case isText(n.Value):
		return n.Value, true
	case strings.Contains(written, "\n"):
		return strconv.Quote(n.Value), true
	case n.Style&yaml.SingleQuotedStyle != 0 && !strings.ContainsAny(n.Value, `"\`) && !strings.ContainsFunc(n.Value, func(r rune) bool { return !unicode.IsPrint(r) }):
		return `"` + n.Value + `"`, true
	}
	return written, true
}

// broken is a scalar on several lines as it is written, trimmed; false where it is on one, or has escapes: one at the end of a line
// would lose what it escapes.
func (t *text) broken(n *node) ([]string, bool) {
	written := t.written(n)
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || !strings.Contains(written, "\n") || n.Style&yaml.DoubleQuotedStyle != 0 && strings.Contains(written, `\`) {
		return nil, false
	}
	lines := strings.Split(written, "\n")
	for i := range lines {
		lines[i] = strings.Trim(lines[i], " \t\r")
		if i == 0 && !plain(n.Node) {
			// What stands behind the opening quote is text.
			lines[i] = strings.TrimRight(strings.Split(written, "\n")[0], " \t\r")
		}
	}
	if last := len(lines) - 1; !plain(n.Node) {
		lines[last] = strings.TrimLeft(strings.Split(written, "\n")[last], " \t")
	}
	return lines, true
}

// flow is a node on one line, in brackets where it has several values; false where a block or a comment is in it.
func (t *text) flow(n *node) (string, bool) { return t.oneLine(n, false) }

// oneLine is flow; despite leaves out what comments are in it.
func (t *text) oneLine(n *node, despite bool) (string, bool) {
	switch {
	case n.absent():
		return "", true
	case n.Kind == yaml.ScalarNode:
		return t.scalar(n)
	}
	for i := n.first + 1; i <= n.last; i++ {
		if len(t.gaps[i].remarks) > 0 && !despite {
			return "", false
		}
	}
	parts := make([]string, 0, len(n.kids))
	for i := 0; i < len(n.kids); i++ {
		part, ok := t.oneLine(n.kids[i], despite)
		if n.Kind == yaml.MappingNode && ok {
			var value string
			i++
			if value, ok = t.oneLine(n.kids[i], despite); ok && value != "" {
				part += ": " + value
			}
		}
		if !ok {
			return "", false
		}
		parts = append(parts, part)
	}
	if n.Kind == yaml.MappingNode {
		return "{" + strings.Join(parts, ", ") + "}", true
	}
	return "[" + strings.Join(parts, ", ") + "]", true
}
