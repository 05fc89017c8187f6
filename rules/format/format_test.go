package format_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/rules/format"
)

var update = flag.Bool("update", false, "write the golden files anew")

// source formats a text twice: the second time changes nothing.
func source(t *testing.T, name, text string) string {
	t.Helper()
	out, err := format.Source(name, text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := format.Source(name, out)
	if err != nil {
		t.Fatalf("the second time: %v\nof\n%s", err, out)
	}
	if diff := cmp.Diff(out, again); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	return out
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := source(t, name, string(text))
			golden := strings.TrimSuffix(name, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"blank", "\n\n  \n", ""},
		{"comments alone", "\n  # a\n\n\n#b  \n", "# a\n\n#b\n"},
		{"byte order mark", "\ufeffa: b", "a: b\n"},
		{"carriage returns", "a: b\r\n\r\n\r\nc:\r\n- d\r\n", "a: b\n\nc:\n  - d\n"},
		{"document", "--- # x\n\na: b\n...\n", "--- # x\n\na: b\n...\n"},
		{"document in the line", "--- {a: b}", "---\n{a: b}\n"},
		{"indentation", "a:\n      b:\n       - c\n       -   d: e\n           f: g\n", "a:\n  b:\n    - c\n    - d: e\n      f: g\n"},
		{"list in list", "-   - a\n    -   - b\n- - c\n", "- - a\n  - - b\n- - c\n"},
		{"nothing behind keys and dashes", "a:\nb: ~\nc:\n-\n- # x\n- d\n", "a:\nb: ~\nc:\n  # x\n  -\n  -\n  - d\n"},
		{"empty brackets", "a: {  }\nb: [ ]\nc: [\n# x\n]\n", "a: {}\nb: []\nc: []\n# x\n"},
		{"brackets", "a: { b : [c,d] , e: {f: g,},h }\n", "a: {b: [c, d], e: {f: g}, h}\n"},
		{"pair", "a: [b: c, d]\n", "a: [{b: c}, d]\n"},
		{"several lines fit", "a: [\n  b,\n\n  c,\n]\n", "a: [b, c]\n"},
		{"comment in brackets", "a: [ # x\n  b, # y\n  # z\n\n  c,\n  # end\n] # d\ne: f\n", "a: # x\n  - b # y\n  # z\n\n  - c\n  # end\n  # d\ne: f\n"},
		{"empty lines", "\n\na: b\n\n\n\nc:\n\n  d: e\n\n  f: g\n\n\n", "a: b\n\nc:\n  d: e\n\n  f: g\n"},
		{"comment of the list", "a:\n  - b\n  # of a\n# of c\nc: d\n", "a:\n  - b\n  # of a\n# of c\nc: d\n"},
		{"comment below a flat list", "a:\n- b\n# of c\nc: d\n", "a:\n  - b\n# of c\nc: d\n"},
		{"comments at the end", "a:\n  - b: c\n    # of b\n  # of a\n# of all\n", "a:\n  - b: c\n    # of b\n  # of a\n# of all\n"},
		{"comment behind the dash", "a:\n  - # x\n    b: c\n", "a:\n  # x\n  - b: c\n"},
		{"comment behind the key", "a: # x\n  b: c\nd: # y\n  # z\n  e # w\n", "a: # x\n  b: c\n# z\nd: e # y\n# w\n"},
		{"columns stay", "a: b        # x\nccc: d      # y\n", "a: b        # x\nccc: d      # y\n"},
		{"columns move together", "'a': [b,   c] # x\nd: e          # y\n", "a: [b, c] # x\nd: e      # y\n"},
		{"quotes", "a: ['vif*', 'b', \"c-d\", 'it''s', 'say \"x\"', '']\n", "a: [\"vif*\", b, c-d, \"it's\", 'say \"x\"', \"\"]\n"},
		{"quotes that mean something", "a: ['80', 'yes', 'No', \"null\", '0x1', 'y', '1e3', '~']\n", "a: [\"80\", \"yes\", \"No\", \"null\", \"0x1\", \"y\", \"1e3\", \"~\"]\n"},
		{"quoted key", "'a': b\n\"c:\": d\n", "a: b\n\"c:\": d\n"},
		{"plain on two lines", "a: b\n  c\n", "a: b c\n"},
		{"quoted on two lines", "a: 'b\n\n  c'\nd: \"e \\\n  f\"\n", "a: \"b\\nc\"\nd: \"e f\"\n"},
		{"literal", "a:\n    - |\n        b\n\n          c\n\n\n    - >-\n        d\n    -   |+\n        e\n\n    - f\n", "a:\n  - |\n    b\n\n      c\n\n  - >-\n    d\n  - |+\n    e\n\n  - f\n"},
		{"literal that is indented", "a: |3\n     b\n   c\n", "a: |2\n    b\n  c\n"},
		{"literal at the end of the file", "a: |\n  b", "a: |-\n  b\n"},
		{"literal with a comment", "a: |  # x\n  b # no comment\n # y\nc: d\n", "a: | # x\n  b # no comment\n# y\nc: d\n"},
		{"empty literal", "a: |\nb: c\n", "a: \"\"\nb: c\n"},
		{"tab before a comment", "a: b\t# x\n", "a: b # x\n"},
		{"wide letters", "a: 日本 # x\nb: c  # y\n", "a: 日本 # x\nb: c  # y\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, source(t, "t.yaml", tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is too long for one line goes onto several, and only that: what is inside may well fit.
func TestWidth(t *testing.T) {
	fits := "a: {b: [" + strings.Repeat("x", format.Width-10) + "]}\n"
	if got := source(t, "t.yaml", fits); got != fits {
		t.Errorf("%d columns became\n%s", format.Width, got)
	}
	long := "a: {b: [c, d], e: [" + strings.Repeat("x", format.Width-20) + "]}\n"
	want := "a:\n  b: [c, d]\n  e: [" + strings.Repeat("x", format.Width-20) + "]\n"
	if diff := cmp.Diff(want, source(t, "t.yaml", long)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, pinned := range []string{"# vifd:ignore VIF501 why\n" + strings.Trim(long, "\n"), strings.Trim(long, "\n") + " # vifd:ignore VIF501 why"} {
		if diff := cmp.Diff(pinned+"\n", source(t, "t.yaml", pinned)); diff != "" {
			t.Errorf("a line whose warnings are ignored (-want +got):\n%s", diff)
		}
	}
	if list := source(t, "t.yaml", "a: ["+strings.Repeat("word, ", 30)+"end]"); strings.Count(list, "\n") != 2 {
		t.Errorf("a long list of words became\n%s", list)
	}
	words := strings.TrimSpace(strings.Repeat("word ", 20))
	text := "a: " + words + "\n     " + words + "\n"
	if diff := cmp.Diff("a: "+words+"\n  "+words+"\n", source(t, "t.yaml", text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRefused: what cannot be formatted is refused in the words of check, with its place.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a: [b", "x.yaml:1:5: error[VIF005]"},
		{"a: b\n---\nc: d\n", "x.yaml:2:1: error[VIF007]"},
		{"a: &b c\n", "x.yaml:1:4: error[VIF008]"},
		{"a: !!str 80\n", "x.yaml:1:4: error[VIF009]"},
		{"a: \x00", "x.yaml:1:4: error[VIF003]"},
		{"? [a]\n: b\n", "a key that is not text"},
		{"%YAML 1.1\n---\na: b\n", `"%" is not taken`},
	} {
		if out, err := format.Source("x.yaml", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s\n%s", tt.text, err, tt.want, out)
		}
	}
}

func TestOpen(t *testing.T) {
	out, err := format.Options{Open: true}.Source("x.yaml", "rules: [{name: a, match: {interface: lo}, ignore: true}] # x\ndefaults: {unmatched: block}\nguests: []\n")
	want := "rules:\n  - {name: a, match: {interface: lo}, ignore: true} # x\ndefaults:\n  unmatched: block\nguests: []\n"
	if diff := cmp.Diff(want, out); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestEverythingIsFormatted: what is shipped, and what the documents show. With -update it is.
func TestEverythingIsFormatted(t *testing.T) {
	var names []string
	for _, pattern := range []string{"../../rules.d/*.yaml", "../../rules.d/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		names = append(names, files...)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got := source(t, name, string(text))
		if *update && got != string(text) {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(string(text), got); diff != "" {
			t.Errorf("%s is not formatted (-is +would be):\n%s", name, diff)
		}
	}
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, name := range append(docs, "../../README.md") {
		if filepath.Base(name) == "checks.md" {
			continue // it shows what is wrong
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			if diff := cmp.Diff(m[1], source(t, name, m[1])); diff != "" {
				t.Errorf("an example of %s is not formatted (-is +would be):\n%s", name, diff)
			}
		}
	}
}
