package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// warned loads a file in which each rule with `firewall` beside `block: true` is a warning in its line, and returns what is said.
func warned(t *testing.T, o Options, text string) []string {
	t.Helper()
	o.FS, o.Paths = mapFS("t.yaml", text), []string{"t.yaml"}
	_, rep := Load(o)
	rep.AddUnusedIgnores(func(c Code) bool { return c.Phase() <= Semantics })
	var got []string
	for i := range rep.Problems {
		got = append(got, rep.Problems[i].String())
	}
	return got
}

const idle = "  - {name: r, match: {domid: 1}, block: true, firewall: []}"

func TestIgnore(t *testing.T) {
	const unsaid = "t.yaml:2:47: warning[VIF108]: firewall has no effect in a rule with block: true"
	below := strings.Replace(unsaid, ":2:", ":3:", 1)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"said", "rules:\n" + idle, []string{unsaid}},
		{"on the line", "rules:\n" + idle + " # vifd:ignore VIF108 meant so", nil},
		{"above", "rules:\n  # vifd:ignore VIF108 meant so\n" + idle, nil},
		{"above other comments", "rules:\n  # vifd:ignore VIF108 meant so\n  # and more\n" + idle, nil},
		{"above empty lines", "rules:\n  # vifd:ignore VIF108 meant so\n\n  # and more\n  \n" + idle, nil},
		{"several codes", "rules:\n" + idle + " # vifd:ignore VIF311,VIF108 meant so", []string{"t.yaml:2:75: warning[VIF017]: there is no VIF311 to ignore here"}},
		{"several codes, in words", "rules:\n" + idle + " # vifd:ignore VIF108 VIF311, meant so", []string{"t.yaml:2:82: warning[VIF017]: there is no VIF311 to ignore here"}},
		{"of a phase that has not run", "rules:\n" + idle + " # vifd:ignore VIF108 VIF601 meant so", nil},
		{"behind another line", "rules: # vifd:ignore VIF108 not here\n" + idle, []string{"t.yaml:1:22: warning[VIF017]: there is no VIF108 to ignore here", unsaid}},
		{"without a reason", "rules:\n  # vifd:ignore VIF108\n" + idle, []string{"t.yaml:2:5: warning[VIF016]: vifd:ignore gives no reason", below}},
		{"without a code", "rules:\n  # vifd:ignore because\n" + idle, []string{"t.yaml:2:5: warning[VIF016]: vifd:ignore names no code", below}},
		{"of no such code", "rules:\n  # vifd:ignore VIF1O8 meant so\n" + idle, []string{"t.yaml:2:17: warning[VIF016]: unknown code \"VIF1O8\": did you mean VIF108?", below}},
		{"of an error", "rules:\n  # vifd:ignore VIF101 meant so\n" + idle, []string{"t.yaml:2:17: warning[VIF016]: VIF101 is an error, with which nothing is loaded: it cannot be ignored", below}},
		{"in double quotes", "rules:\n" + strings.Replace(idle, "r,", `"r # vifd:ignore VIF108 x",`, 1), []string{"t.yaml:2:12: error[VIF301]: \"r # vifd:ignore VIF108 x\" is no name for a rule", "t.yaml:2:72: warning[VIF108]: firewall has no effect in a rule with block: true"}},
		{"behind quotes", "rules:\n" + strings.Replace(idle, "r,", `'r',`, 1) + " # vifd:ignore VIF108 meant so", nil},
		{"in a block", "templates:\n  t:\n    description: |\n      # vifd:ignore VIF108 x\n    to-guest: [drop]\n", nil},
		{"behind a block", "templates:\n  t:\n    description: |\n      text\n    # vifd:ignore VIF311 x\n    to-guest: [drop, accept]\n", nil},
		{"in the middle of a word", "rules:\n" + idle + "#vifd:ignore VIF108 x", []string{"t.yaml:2:60: error[VIF005]"}},
		{"at the end of the file", "rules:\n" + idle + "\n# vifd:ignore VIF108 meant so", []string{unsaid, "t.yaml:3:15: warning[VIF017]: there is no VIF108 to ignore here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := warned(t, Options{}, tt.text)
			if tt.name == "in the middle of a word" {
				// That is no comment: what it is instead is said.
				if len(got) == 0 || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "VIF01") }) {
					t.Errorf("got %q", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An error is said whatever is disabled, and what is disabled is not missed.
func TestDisable(t *testing.T) {
	o := Options{Disable: []string{codeNoEffect, codeUnknownKey, codeNotIgnored}}
	if got := warned(t, o, "rules:\n"+idle+" # vifd:ignore VIF108 meant so"); got != nil {
		t.Errorf("got %q", got)
	}
	if got := warned(t, o, "rulse: []\n"+"rules:\n"+idle); len(got) != 1 || !strings.Contains(got[0], "error[VIF101]") {
		t.Errorf("got %q", got)
	}
}
