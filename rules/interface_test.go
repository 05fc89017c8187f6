package rules_test

import (
	"strings"
	"testing"

	"vifd/rules"
)

// TestTheGuestsInterface: $interface needs no declaration where it can stand, and is offered there alone.
func TestTheGuestsInterface(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"iifname $interface accept", ""},
		{"meta iifname == $interface drop comment \"why\"", ""},
		{"iifname $intreface accept", `unknown parameter $intreface; did you mean "interface"? parameters are: mac, ip, ip6, interface`},
		{"tcp dport $intreface accept", "unknown parameter $intreface; parameters are: mac, ip, ip6"},
		{"if $interface drop", "$interface stands in the key of an update, or behind iifname or oifname, only; as in update @NAME { $interface limit rate 10/second }"},
	} {
		_, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader("templates:\n  own:\n    from-guest:\n      - '" + tt.line + "'\n")})
		var said []string
		for _, p := range report.Problems {
			if p.Severity == rules.Error {
				said = append(said, p.Msg+"; "+p.Hint)
			}
		}
		if got := strings.Join(said, "\n"); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}
