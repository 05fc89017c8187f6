package main

import (
	"strings"
	"testing"
)

// TestCheckDerivedAddresses: two that share one are said where that is certain, and nowhere else.
func TestCheckDerivedAddresses(t *testing.T) {
	const network = "networks: {n: {nat: {uplink: eth0, subnet: 192.0.2.0/24}}}\n"
	rule := func(name, match string) string {
		return "  - {name: " + name + ", match: {" + match + "}, nat: n, firewall: source-guard}\n"
	}
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"few", network + "rules:\n" + rule("a", `domid: "1-200"`), 0},
		{"too many", network + "rules:\n" + rule("a", `domid: "1-300"`), 1},
		{"in two rules", network + "rules:\n" + rule("a", "domid: 7") + rule("b", "domid: 260"), 1},
		{"one of them of other interfaces", network + "rules:\n" + rule("a", "domid: 7, vifid: 0") + rule("b", "domid: 260, vifid: 1"), 0},
		{"no domids", network + "rules:\n" + rule("a", `interface: "vif*"`), 0},
		{"more than are looked at", network + "rules:\n" + rule("a", `domid: "0-32000", vifid: "0-100"`), 0},
		{"with addresses of their own", network + "guests: [{interface: vif7.0, ip: 198.51.100.1}]\nrules:\n" + rule("a", "domid: 7") + rule("b", "domid: 260"), 0},
		{"given by the rule", network + "rules:\n" + rule("a", "domid: 7") + strings.Replace(rule("b", "domid: 260"), "nat: n", "nat: n, guest: {ip: 198.51.100.1}", 1), 0},
		{"in other subnets", strings.Replace(network, "}}}", "}}, m: {nat: {uplink: eth0, subnet: 198.51.100.0/24}}}", 1) + "rules:\n" + rule("a", "domid: 7") + strings.Replace(rule("b", "domid: 260"), "nat: n", "nat: m", 1), 0},
	} {
		out, errs, code := cli(t, tt.text, "check", "-")
		if code != exitDone || strings.Count(out, "[VIF519]") != tt.want {
			t.Errorf("%s: exit %d, want %d warnings\n%s%s", tt.name, code, tt.want, out, errs)
		}
	}
}
