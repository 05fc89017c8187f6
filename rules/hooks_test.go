package rules

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHookStaysOneProgram: whatever a fact holds, it is one argument, and no way out of the program's folder.
func TestHookStaysOneProgram(t *testing.T) {
	t.Parallel()
	set := mustLoad(t, `rules: [{name: r, match: {interface: "*"}, bridge: b, hooks: {up: ["/hooks/${script:-none}", "${domain}", "a ${domain} b", 80, "$$x"]}}]`)
	up := &set.Rules[0].Hooks.Up
	known := func(script, domain string) func(string) (string, bool) {
		return func(fact string) (string, bool) {
			return map[string]string{"script": script, "domain": domain}[fact], true
		}
	}
	for _, domain := range []string{"web-1", "", "a b", `"; rm -rf / #'`, "$(id) `id` ${domain}", "-rf", "\xff\x1b[31m\t", "*"} {
		got, err := up.Expand(known("x", domain))
		if diff := cmp.Diff([]string{"/hooks/x", domain, "a " + domain + " b", "80", "$x"}, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", domain, err, diff)
		}
	}
	for _, c := range []struct{ script, domain, want string }{
		{"x", "a\nb", `"a\nb" holds '\n', which no program is given`},
		{"x", "a\rb", `"a\rb" holds '\r', which no program is given`},
		{"x", "a\x00b", `"a\x00b" holds '\x00', which no program is given`},
		{"a\nb", "x", `"/hooks/a\nb" holds '\n', which no program is given`},
		{"../../tmp/x", "x", `script is "../../tmp/x", which cannot be part of a program's name`},
		{"/tmp/x", "x", `script is "/tmp/x", which cannot be part of a program's name`},
		{"..", "x", `"/hooks/.." is not the shortest way to write the path`},
		{".", "x", `"/hooks/." is not the shortest way to write the path`},
	} {
		if got, err := up.Expand(known(c.script, c.domain)); err == nil || err.Error() != c.want {
			t.Errorf("%q, %q: %q, %v; want %s", c.script, c.domain, got, err, c.want)
		}
	}
	if got, err := up.Expand(known("", "x")); err != nil || got[0] != "/hooks/none" {
		t.Errorf("by default: %q, %v", got, err)
	}
	var unset *UnsetFactError
	if _, err := up.Expand(func(string) (string, bool) { return "", false }); !errors.As(err, &unset) || unset.Fact != "domain" || unset.Pos.Line != 1 {
		t.Errorf("an unset fact: %v", err)
	}
	if got, err := set.Rules[0].Hooks.Down.Expand(known("", "")); got != nil || err != nil {
		t.Errorf("no hook: %q, %v", got, err)
	}
}

func TestHookPrograms(t *testing.T) {
	t.Parallel()
	set := mustLoad(t, `rules:
  - {name: a, match: {interface: "*"}, bridge: b, hooks: {down: [/bin/d, x], up: [/bin/u]}}
  - {name: b, match: {interface: "*"}, bridge: b}
  - {name: c, match: {interface: "*"}, bridge: b, hooks: {up: ["/h/${script}"], down: [/bin/a$$b]}}
`)
	want := []HookProgram{
		{Rule: "a", Key: "up", Path: "/bin/u", Pos: Pos{"t.yaml", 2, 83, 6}, Literal: true},
		{Rule: "a", Key: "down", Path: "/bin/d", Pos: Pos{"t.yaml", 2, 66, 6}, Literal: true},
		{Rule: "c", Key: "up", Path: "/h/${script}", Pos: Pos{"t.yaml", 4, 64, 14}},
		{Rule: "c", Key: "down", Path: "/bin/a$b", Pos: Pos{"t.yaml", 4, 88, 9}, Literal: true},
	}
	if diff := cmp.Diff(want, set.HookPrograms()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
