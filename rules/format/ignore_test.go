package format_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ignored = "rules:\n  - {name: lab, match: {interface: \"vif*\"}, bridge: labbr0, firewall: [source-guard, web]}\n"

// TestIgnoreStaysInForce: what a comment takes off is off after the file has been formatted.
func TestIgnoreStaysInForce(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{
			"above a line of an entry", "rules:\n  - {name: lab,\n     # vifd:ignore VIF515 the lab's own bridge\n     match: {interface: \"vif*\"}, bridge: labbr0, firewall: source-guard}\n",
			"rules:\n  # vifd:ignore VIF515 the lab's own bridge\n  - {name: lab, match: {interface: \"vif*\"}, bridge: labbr0, firewall: source-guard}\n",
		},
		{
			"behind a line of several entries", "templates:\n  web:\n    to-guest: [tcp dport 80 accept, tcp dport 443 accept,\n      tcp dport 80 accept, tcp dport 22 accept, # vifd:ignore VIF520 kept for the record\n" +
				"      tcp dport 25 accept]\n" + ignored,
			"",
		},
		{
			"behind an entry alone in its line", "templates:\n  web:\n    to-guest: [tcp dport 80 accept,\n      tcp dport 80 accept, # vifd:ignore VIF520 x\n      tcp dport 25 accept]\n",
			"templates:\n  web:\n    to-guest:\n      - tcp dport 80 accept\n      - tcp dport 80 accept # vifd:ignore VIF520 x\n      - tcp dport 25 accept\n",
		},
		{
			"behind a key and its first entry", "templates: {\n  own: {description: x, # vifd:ignore VIF506 x\n    to-guest: [tcp dport 80 accept]}}\n",
			"templates:\n  # vifd:ignore VIF506 x\n  own: {description: x, to-guest: [tcp dport 80 accept]}\n",
		},
		{
			"behind all, with another comment inside", "rules:\n  - {name: lab, # note\n     match: {interface: \"vif*\"},\n     bridge: labbr0, firewall: source-guard} # vifd:ignore VIF515 x\n",
			"rules:\n  # note\n  - {name: lab, match: {interface: \"vif*\"}, bridge: labbr0, firewall: source-guard} # vifd:ignore VIF515 x\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := source(t, "t.yaml", tt.in)
			if list := fresh(warnings(tt.in), warnings(got)); len(list) > 0 {
				t.Errorf("%v come up in\n%s", list, got)
			}
			if diff := cmp.Diff(tt.want, got); tt.want != "" && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
