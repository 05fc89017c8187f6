package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is a test's name, and the codes of what is wrong with it.
func told(set *Set) []string {
	var list []string
	for i := range set.Tests {
		line := set.Tests[i].Name
		for _, p := range set.Tests[i].Problems {
			line += " " + p.Code
		}
		list = append(list, line)
	}
	return list
}

// TestTestsApart: what is wrong with a test is that test's, wherever it stands; what is wrong with a rule stays an error of the rules.
func TestTestsApart(t *testing.T) {
	t.Parallel()
	const good = "  - {name: good, event: {interface: vif1.0}, expect: {rule: x}}\n"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"none", good, []string{"good"}},
		{"an unknown key", "  - {name: a, event: {interface: vif1.0}, expct: {}, expect: {rule: x}}\n" + good, []string{"a VIF101", "good"}},
		{"no mapping", good + "  - 5\n", []string{"good", "tests[1] VIF102"}},
		{"neither", "  - {name: a}\n" + good, []string{"a VIF103", "good"}},
		{"a key twice", "  - name: a\n    event: {interface: vif1.0}\n    expect: {rule: x, rule: x}\n" + good, []string{"a VIF011", "good"}},
		{"an octal number", "  - {name: a, event: {interface: vif1.0, domid: 017}, expect: {rule: x}}\n" + good, []string{"a VIF013", "good"}},
		{"a name twice", good + good, []string{"good", "good VIF201"}},
		{"a wrong argument", "  - {name: a, template: {template: own, with: {ports: 1}}, packets: [{to-guest: udp dport 9, expect: drop}]}\n" + good, []string{"a VIF206", "good"}},
		{"names of nothing", "  - {name: a, event: {interface: vif1.0}, expect: {rule: y, network: z, firewall: w}}\n  - {name: b, template: v, packets: [{to-guest: udp dport 9, expect: drop, by: u}]}\n" + good, []string{"a", "b", "good"}},
	} {
		for _, where := range []string{"first", "last"} {
			text := "rules: [{name: x, match: {interface: \"*\"}, block: true}]\ntemplates: {own: {to-guest: [drop]}}\n"
			if where == "last" {
				text += "tests:\n" + tc.text
			} else {
				text = "tests:\n" + tc.text + text
			}
			o := Options{FS: mapFS("t.yaml", text), Paths: []string{"t.yaml"}, TestsApart: true}
			set, rep := Load(o)
			if set == nil || len(rep.Problems) > 0 {
				t.Errorf("%s, tests %s:\n%s", tc.name, where, render(t, rep))
				continue
			}
			if diff := cmp.Diff(tc.want, told(set)); diff != "" {
				t.Errorf("%s, tests %s (-want +got):\n%s", tc.name, where, diff)
			}
			o.TestsApart = false
			if _, rep := Load(o); (rep.Errors() > 0) != (tc.name != "none") {
				t.Errorf("%s, tests %s: a linter says\n%s", tc.name, where, render(t, rep))
			}
			o.TestsApart = true
			o.FS = mapFS("t.yaml", strings.Replace(text, "block: true", "blok: true", 1))
			if set, rep := Load(o); set != nil || rep.Errors() != 2 {
				t.Errorf("%s, tests %s: with an error in a rule:\n%s", tc.name, where, render(t, rep))
			}
		}
	}
}

// TestUnknownOfTests: a test knows which of its words name nothing.
func TestUnknownOfTests(t *testing.T) {
	t.Parallel()
	set, rep := Load(Options{TestsApart: true, Paths: []string{"t.yaml"}, FS: mapFS("t.yaml", `
rules: [{name: web, match: {interface: "*"}, bridge: br0}]
tests: [{name: a, event: {interface: vif1.0}, expect: {rule: wbe, network: br0}}]
`)})
	if set == nil {
		t.Fatal(render(t, rep))
	}
	e := set.Tests[0].Expect
	if got := set.Tests[0].Unknown(e.Rule.Pos); got != `there is no such rule; did you mean "web"?` {
		t.Errorf("of the rule: %q", got)
	}
	if got := set.Tests[0].Unknown(e.Network.Pos); got != "" {
		t.Errorf("of the network, which there is: %q", got)
	}
}

// TestFilesOfTestsApart: the same holds for the whole of a file of tests, which may hold nothing else.
func TestFilesOfTestsApart(t *testing.T) {
	t.Parallel()
	const rules = "rules: [{name: x, match: {interface: \"*\"}, block: true}]\n"
	const good = "tests: [{name: good, event: {interface: vif1.0}, expect: {rule: x}}]\n"
	for text, want := range map[string][]string{
		good:                        {"good"},
		good + "rules: []\n":        {"good", "tests VIF101"},
		"guests: []\n" + good:       {"tests VIF101", "good"},
		"guests: []\nrules: []\n":   {"tests VIF101 VIF101"},
		"5\n":                       {"tests VIF102"},
		"tests: 5\n":                {"tests VIF102"},
		"tests: []\n" + good:        {"tests VIF011"},
		"- 5\n- {name: x}\n":        {"tests VIF102"},
		"tests: [5, {name: two}]\n": {"tests[0] VIF102", "two VIF103"},
	} {
		set, rep := Load(Options{TestsApart: true, Tests: true, Paths: []string{"x.yaml"}, FS: mapFS("x.yaml", rules, "x.test.yaml", text)})
		if set == nil {
			t.Errorf("%q:\n%s", text, render(t, rep))
			continue
		}
		if diff := cmp.Diff(want, told(set)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestFloodOfTestsApart: however much is wrong with tests, none of them passes for a good one, and no error of a rule is lost.
func TestFloodOfTestsApart(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("tests:\n")
	for i := range 2 * maxProblems {
		fmt.Fprintf(&b, "  - {name: t%d, a: 1, b: 2, c: 3}\n", i)
	}
	b.WriteString("rules:\n  - {name: x, match: {interface: \"*\"}, block: true}\n")
	load := func(text string) (*Set, *Report) {
		return Load(Options{TestsApart: true, Paths: []string{"t.yaml"}, FS: mapFS("t.yaml", text)})
	}
	set, rep := load(b.String())
	if set == nil {
		t.Fatal(render(t, rep))
	}
	all := 0
	for i := range set.Tests {
		if all += len(set.Tests[i].Problems); len(set.Tests[i].Problems) == 0 {
			t.Errorf("nothing is wrong with %s", set.Tests[i].Name)
		}
	}
	if len(set.Tests) != 2*maxProblems || all > 3*maxProblems {
		t.Errorf("%d tests with %d problems", len(set.Tests), all)
	}
	if set, rep := load(b.String() + "  - {name: x}\n"); set != nil {
		t.Errorf("an error of a rule is lost:\n%s", render(t, rep))
	}
}
