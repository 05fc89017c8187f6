package rules

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The byte of the file that each byte of a value was written at, against values in every style YAML has. In each, X is looked for.
func TestWithin(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		line, col  int
		whole      bool // the value is not on one line: the whole scalar is meant
	}{
		{name: "plain", text: "k: abXc", line: 1, col: 6},
		{name: "plain behind wide characters", text: "日: ¢bXc", line: 1, col: 9},
		{name: "single quotes", text: "k: 'it''sXc'", line: 1, col: 10},
		{name: "double quotes", text: `k: "a\"\\bX"`, line: 1, col: 11},
		{name: "hexadecimal escapes", text: `k: "\x41\u00e4\U0001F600X"`, line: 1, col: 25},
		{name: "control escapes", text: `k: "\0\a\b\t\n\v\f\r\e\N\_\L\P\ X"`, line: 1, col: 33},
		{name: "literal block", text: "k: |\n  one\n    two X\n", line: 3, col: 9},
		{name: "literal block with empty lines", text: "k: |\n  one\n\n  X\n", line: 4, col: 3},
		{name: "folded block of one line", text: "k: >-\n  abX\n", line: 2, col: 5},
		{name: "folded block of two", text: "k: >-\n  ab\n  cX\n", line: 1, col: 4, whole: true},
		{name: "plain on two lines", text: "k: ab\n  cX\n", line: 1, col: 4, whole: true},
		{name: "quotes on two lines", text: "k: \"ab\n  cX\"\n", line: 1, col: 4, whole: true},
		{name: "carriage returns", text: "k: |\r\n  ab\r\n  X\r\n", line: 3, col: 3},
		{name: "a long line", text: "{a: " + strings.Repeat("日", 1000) + ", k: aX}", line: 1, col: 4 + 3000 + 7},
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(tc.text), &doc); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		content := doc.Content[0].Content
		value := content[len(content)-1]
		src := newSource("f", tc.text)
		got := src.within(value, strings.IndexByte(value.Value, 'X'), 1)
		if got.Line != tc.line || got.Col != tc.col || got.Len == 1 == tc.whole {
			t.Errorf("%s: %d:%d+%d, want %d:%d", tc.name, got.Line, got.Col, got.Len, tc.line, tc.col)
		}
	}
}

// A byte order mark is no part of the first line, as in editors.
func TestByteOrderMark(t *testing.T) {
	_, rep := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader("\ufeffrule: 1\n")})
	if len(rep.Problems) != 1 || rep.Problems[0].Pos.Col != 1 {
		t.Errorf("got:\n%s", render(t, rep))
	}
}

func TestProblemString(t *testing.T) {
	p := Problem{Pos: Pos{File: "f", Line: 2, Col: 3}, Severity: Warning, Code: codeName, Msg: "m"}
	if got := fmt.Sprint(p); got != "f:2:3: warning[VIF301]: m" {
		t.Error(got)
	}
}
