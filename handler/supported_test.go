package handler

import (
	"strings"
	"testing"

	"vifd/rules"
)

// TestMayLimit: what facts decide may be a limit, also where nobody knows yet of how much.
func TestMayLimit(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string][2]bool{
		"":                               {},
		`, rate: {from-guest: 1mbit}`:    {true, false},
		`, rate: {to-guest: "${env.X}"}`: {false, true},
		`, rate: {from-guest: "${env.X:-1mbit}", to-guest: 1mbit}`:      {true, true},
		`, rate: {from-guest: 1mbit, burst: "${env.X}"}`:                {true, false},
		`, rate: {from-guest: "${env.X}", to-guest: "${env.Y:-1gbit}"}`: {true, true},
	} {
		set, report := rules.Load(rules.Options{
			Paths: []string{rules.Stdin}, Stdin: strings.NewReader("rules: [{name: r, match: {interface: a}, bridge: b" + rate + "}]\n"),
		})
		if set == nil {
			t.Fatal(report.Err())
		}
		if got := MayLimit(&set.Rules[0]); (got.FromGuest > 0) != want[0] || (got.ToGuest > 0) != want[1] {
			t.Errorf("%q: %+v, want %v", rate, got, want)
		}
	}
}
