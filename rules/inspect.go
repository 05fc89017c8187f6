package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth is how deep values may be nested. The language itself needs eight.
const maxDepth = 32

// inspect reports what no place of a rules file may hold: anchors, aliases, merge keys, tags, keys that are not text or come
// twice, numbers that readers read differently. Aliases are never followed.
func (s *source) inspect(rep *Report, n *yaml.Node, depth int) {
	if depth > maxDepth {
		s.refuse(rep, n, s.node(n), codeTooDeep, fmt.Sprintf("values nested more than %d deep", maxDepth), "")
		return
	}
	if n.Kind == yaml.AliasNode {
		s.refuse(rep, n, s.pos(s.offset(n), len(n.Value)+1), codeAnchor, fmt.Sprintf("alias *%s: anchors and aliases are not taken", n.Value), "write the value out")
		return
	}
	off := s.offset(n)
	switch {
	case n.Anchor != "":
		// The value is read all the same, so that what is wrong inside is said as well.
		s.refuse(rep, nil, s.pos(off, len(n.Anchor)+1), codeAnchor, fmt.Sprintf("anchor &%s: anchors and aliases are not taken", n.Anchor), "write the value out where it is needed; a template's parameters may be what you want")
	case n.Style&yaml.TaggedStyle != 0 || n.Kind == yaml.ScalarNode && !quoted(n) && off < len(s.data) && s.data[off] == '!':
		s.refuse(rep, n, s.pos(off, tagLen(s.data[off:])), codeTag, fmt.Sprintf("tag %s: tags are not taken", s.data[off:off+tagLen(s.data[off:])]), "remove it; quote the value if it is text")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			s.inspect(rep, c, depth+1)
		}
	case yaml.MappingNode:
		s.inspectMapping(rep, n, depth)
	default:
		if msg, hint := ambiguousNumber(n); msg != "" {
			s.refuse(rep, n, s.node(n), codeNumber, msg, hint)
		}
	}
}

func (s *source) inspectMapping(rep *Report, n *yaml.Node, depth int) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		s.inspect(rep, key, depth+1)
		s.inspect(rep, value, depth+1)
		if s.handled[key] {
			continue
		}
		switch {
		case plain(key) && key.Value == "<<":
			s.refuse(rep, key, s.node(key), codeAnchor, "merge key <<: anchors, aliases and merge keys are not taken", "write the keys out")
			continue
		case key.Kind != yaml.ScalarNode:
			s.refuse(rep, key, s.node(key), codeKeyNotText, "a key must be text, found "+describe(key), "")
			continue
		case plain(key) && s.swallowed(key):
			s.refuse(rep, key, s.node(key), codeKeyNotText, fmt.Sprintf("key %q: YAML readers differ on a ? or : that stands against a word", key.Value), "put a space behind the colon, and quote a key that has either")
			continue
		case classify(key) != scalarText:
			s.refuse(rep, key, s.node(key), codeKeyNotText, "a key must be text, found "+describe(key), quoteHint(key))
			continue
		}
		if before, ok := first[key.Value]; ok {
			s.handled[key] = true
			rep.add(Problem{
				Pos: s.node(key), Code: codeDupKey, Msg: fmt.Sprintf("key %q is given twice", key.Value),
				Hint:    "put the two together, or remove one",
				Related: &Related{Pos: s.node(before), Msg: "first given here"},
			})
			continue
		}
		first[key.Value] = key
	}
}

// swallowed reports whether the library has read a plain key otherwise than YAML 1.2 has it (8.1, 7.4): {?a: b} is the key ?a, and
// {a:, …} the key a.
func (s *source) swallowed(key *yaml.Node) bool {
	off := s.offset(key)
	return strings.HasSuffix(key.Value, ":") || off > 0 && off <= len(s.data) && s.data[off-1] == '?'
}

// refuse reports a problem and, where n is given, sees to it that nothing else is said of that node.
func (s *source) refuse(rep *Report, n *yaml.Node, pos Pos, code, msg, hint string) {
	if n != nil {
		s.handled[n] = true
	}
	rep.add(Problem{Pos: pos, Code: code, Msg: msg, Hint: hint})
}

func tagLen(text string) int {
	for i := range len(text) {
		switch text[i] {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return max(i, 1)
		}
	}
	return len(text)
}
