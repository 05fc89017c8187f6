package rules

import (
	"strings"
	"testing"
)

// TestSyntaxPlace: the place of a mistake is in the text, where « stands; it is told there, and not where the brackets around it begin.
func TestSyntaxPlace(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"a set in a list", "templates:\n  t:\n    from-guest: [\n      tcp dport 80 accept,\n      tcp dport 81 accept,\n      tcp dport «{ 82, 83 } accept,\n      drop]\n"},
		{"a comma missing in a mapping", "rules:\n  - {name: a,\n     match: {interface: \"vif*\"},\n     bridge: xenbr0\n     firewall«: source-guard}\n"},
		{"a list closed otherwise", "rules:\n  - {name: a,\n     match: {interface: \"vif*\"},\n     firewall: [source-guard, no-lldp«}\n  - {name: b, match: {interface: \"tap*\"}, block: true}\n"},
		{"a comma missing between texts", "rules:\n  - {name: a, match: {interface: \"vif*\"}, firewall: [source-guard, \"no-lldp\" «\"x\"]}\n"},
		{"a comma missing between texts, with escapes", "a: [\"b\",\n  \"no \\\" lldp\" «\"x \\\" y\", c]\n"},
		{"a comma missing between texts in single quotes", "a: ['b',\n  'it''s' «'x''y', c]\n"},
		{"a comma missing behind a list", "a: {b: [c, d],\n  e: [f, g]\n  «h: i}\n"},
		{"two commas", "a: [b,\n  c,«, d]\n"},
		{"a list that nobody closes", "a:\n  - [b, c]\n  - [d,\n     e«f\n\n\n"},
		{"a bracket too many", "a: {b: [c, d],\n  e: [f]«], g: h}\n"},
		{"a quote that nobody closes", "a: 'b'\nc: [\"d\", 'e', «\"f, g]\nh: i\n"},
		{"a quote that nobody closes in the first line", "a: «\"b\nc: d\n"},
		{"a key without a colon", "a:\n  b: c\n  «d\n  e: f\ng: [h]\n"},
		{"an escape", "a: [b, \"c\"]\nd: [\"e«\\d\", f]\n"},
		{"an at", "a: [b, c]\nd: [e, «@f]\n"},
		{"another indentation", "a:\n  - b: c\n    d: e\n   «f: g\nh: i\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, after, _ := strings.Cut(tt.text, "«")
			line := strings.Count(before, "\n") + 1
			col := len(before) - strings.LastIndexByte(before, '\n')
			_, report := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(before + after)})
			p := report.First()
			// What is found out at a word is told at its begin or at the sign behind it.
			if p.Code != codeSyntax || p.Pos.Line != line || p.Pos.Col < col || p.Pos.Col > col+1 {
				t.Errorf("%d:%d, want %d:%d: %s", p.Pos.Line, p.Pos.Col, line, col, p)
			}
		})
	}
}
