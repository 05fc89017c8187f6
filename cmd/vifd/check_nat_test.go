package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/nat"
)

// TestCheckDerivedAddresses: two that share one are said where that is certain, and nowhere else. The places of 192.0.2.0/24 are 253, so
// that domains whose numbers are so far from each other share one.
func TestCheckDerivedAddresses(t *testing.T) {
	const network = "networks: {n: {nat: {uplink: eth0, subnet: 192.0.2.0/24}}}\n"
	rule := func(name, match string) string {
		return "  - {name: " + name + ", match: {" + match + "}, nat: n, firewall: source-guard}\n"
	}
	named := func(guests string, list ...string) string {
		for i, m := range list {
			list[i] = rule(string(rune('a'+i)), m)
		}
		if guests != "" {
			guests = "guests: [" + guests + "]\n"
		}
		return network + guests + "rules:\n" + strings.Join(list, "")
	}
	two := `{interface: vif7.0}, {interface: vif260.0}`
	const vifs = `interface: "vif*"`
	for _, tt := range []struct {
		name, text string
		want       []string // what the warnings say behind the network's name
	}{
		{"few", named("", `domid: "1-200"`), nil},
		{"too many", named("", `domid: "1-300"`), []string{"192.0.2.2 for vif1.0 and vif254.0; so it is with 46 more addresses"}},
		{"far too many", named("", `domid: "1-1100"`), []string{"192.0.2.1 for vif253.0, vif506.0, vif759.0 and vif1012.0; so it is with 252 more addresses"}},
		{"in two rules", named("", "domid: 7", "domid: 260"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"of other interfaces", named("", "domid: 7, vifid: 0", "domid: 260, vifid: 1"), nil},
		{"no domids", named("", vifs), nil},
		{"more than are looked at", named("", `domid: "0-32000", vifid: "0-100"`), nil},

		{"names in a list", named("", "interface: [vif7.0, vif8.0, vif260.0]"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"names in two rules", named("", "interface: vif7.0", "interface: vif260.0, domain: web"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"names of domains", named("", `interface: ["vif7.*", "vif260.*"]`), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"names of domains, and vifids", named("", `interface: ["vif7.*", "vif260.*"], vifid: "1-2"`), []string{"192.0.2.71 for vif7.2 and vif260.2; so it is with another address"}},
		{"names that end so, and domids", named("", `interface: "vif*.1", domid: [7, 260]`), []string{"192.0.2.166 for vif7.1 and vif260.1"}},
		{"a vif and its tap", named("", "interface: [vif7.0, vif7.0-emu]"), nil},
		{"a vif and a tap of its number", named("", "interface: [vif7.0, tap7]"), []string{"192.0.2.8 for tap7 and vif7.0"}},
		{"names of one's own", named("", "interface: [web7, db7]"), nil}, // which Xen's vifname gives, whose numbers are others
		{"a vif named twice", named("", "interface: vif7.0", "domid: 7, vifid: 0"), nil},
		{"a vif named twice, and another", named("{interface: vif260.0}", "interface: vif7.0", "domid: 7", vifs), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"a name of other domids", named("", "interface: vif7.0, domid: 8", "interface: vif260.0"), nil},

		{"in guests", named(two, vifs), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"in guests, of Xen's kind", named(two, vifs+", kind: vif, driver: vif"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"in guests, of another kind", named(two, vifs+", kind: tap"), nil},
		{"in guests and a rule", named("{interface: vif7.0}", "domid: 260", vifs), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"three in guests", named(two+", {interface: vif513.0}", vifs), []string{"192.0.2.8 for vif7.0, vif260.0 and vif513.0"}},
		{"in guests, of whom a rule asks what nobody knows", named(two, vifs+", domain: web"), nil},
		{"in guests, of whom one is another rule's", named(two, "interface: vif7.0, domain: x", vifs), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"in guests, and one of them blocked", network + "guests: [" + two + "]\nrules:\n  - {name: x, match: {interface: vif7.0}, block: true}\n" + rule("a", vifs), nil},

		{"one given", named("{interface: vif7.0, ip: 198.51.100.1}", "domid: 7", "domid: 260"), nil},
		{"one given, and two others", named("{interface: vif9.0, ip: 198.51.100.1}", "domid: [7, 9, 260]"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"one given in the other family", named(`{interface: vif7.0, ip: "2001:db8::7"}`, "domid: [7, 260]"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"given by domain", named("{domain: web, ip: 198.51.100.1}", "domid: [7, 260]"), nil}, // which may be the one
		{"given by domain, another one", named("{domain: web, ip: 198.51.100.1}", "domid: [7, 260], domain: db", "domain: web"), []string{"192.0.2.8 for vif7.0 and vif260.0"}},
		{"given by domain, too few", named("{domain: web, ip: 198.51.100.1}", "domid: [7, 8, 260, 261]"), []string{"192.0.2.8 for vif7.0 and vif260.0; so it is with another address"}},
		{"given by domain what would be one's own", named("{domain: web, ip: 192.0.2.8}", "domid: 7"), nil},
		{
			"given by domain, and two others", named("{interface: vif7.0}, {interface: vif260.0}, {domain: web, ip: 198.51.100.1}, {domain: db, ip: 198.51.100.2}", "domid: 513", vifs),
			[]string{"192.0.2.8 for vif7.0, vif260.0 and vif513.0"},
		},
		{"in a rule, and one of them blocked", network + "rules:\n  - {name: x, match: {interface: vif7.0}, block: true}\n" + rule("a", "domid: [7, 260]"), nil},
		{"given by the rule", network + "rules:\n" + rule("a", "domid: 7") + strings.Replace(rule("b", "domid: 260"), "nat: n", "nat: n, guest: {ip: 198.51.100.1}", 1), nil},
		{"given what is another's", named("{interface: vif7.0}, {interface: vif2.0, ip: 192.0.2.8}", vifs), []string{"192.0.2.8 for vif7.0, and it is given to vif2.0"}},
		{"given what is nobody's", named("{interface: vif7.0}, {interface: vif2.0, ip: 192.0.2.9}", vifs), nil},
		{"given what would be one's own", named("{interface: vif7.0, ip: 192.0.2.8}", vifs), nil},
		{"given a prefix with another's", named("{interface: vif7.0}, {interface: vif2.0, ip: 192.0.2.0/28}", vifs), []string{"192.0.2.8 for vif7.0, and it is given to vif2.0"}},
		{"given what is another's, by domain", named("{interface: vif7.0}, {domain: web, ip: 192.0.2.8}", vifs), []string{"192.0.2.8 for vif7.0, and it is given to web"}},
		{"given what is another's, on a bridge", network + "guests: [{interface: vif7.0}, {interface: vif2.0, ip: 192.0.2.8}]\nrules:\n  - {name: x, match: {interface: vif2.0}, bridge: br0, firewall: open}\n" + rule("a", vifs), nil},
		{"given by a rule what is another's", network + "rules:\n" + rule("a", "domid: 7") + strings.Replace(rule("b", "domid: 2"), "nat: n", "nat: n, guest: {ip: 192.0.2.8}", 1), []string{`192.0.2.8 for vif7.0, and it is given to the guests of rule "b"`}},

		{"in other subnets", strings.Replace(network, "}}}", "}}, m: {nat: {uplink: eth0, subnet: 198.51.100.0/24}}}", 1) + "rules:\n" + rule("a", "domid: 7") + strings.Replace(rule("b", "domid: 260"), "nat: n", "nat: m", 1), nil},
		{"in IPv6", strings.ReplaceAll(named("", `domid: [7, 262]`), "192.0.2.0/24", `"fd00:7700::/56"`), []string{"fd00:7700:0:8::/64 for vif7.0 and vif262.0"}},
		{"in IPv6, given", strings.ReplaceAll(named(`{interface: vif2.0, ip: "fd00:7700:0:8::9"}`, "domid: 7"), "192.0.2.0/24", `"fd00:7700::/56"`), nil},
		{"in IPv6, given in a rule's network", strings.ReplaceAll(named(`{interface: vif2.0, ip: "fd00:7700:0:8::9"}`, "domid: 7", vifs), "192.0.2.0/24", `"fd00:7700::/56"`), []string{"fd00:7700:0:8::/64 for vif7.0, and it is given to vif2.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, tt.text, "check", "-")
			var got []string
			for line := range strings.Lines(out) {
				if _, msg, ok := strings.Cut(line, "[VIF519]: network \"n\" derives "); ok {
					got = append(got, strings.TrimSpace(msg))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || code != exitDone || strings.Count(out, "VIF519") != len(got) {
				t.Errorf("exit %d (-want +got):\n%s\n%s%s\nof\n%s", code, diff, out, errs, tt.text)
			}
		})
	}
}

// TestDerivedAddressesAreWhatVifsGet: whom the check says to share an address does, by the word of who derives it.
func TestDerivedAddressesAreWhatVifsGet(t *testing.T) {
	out, _, _ := cli(t, "networks: {n: {nat: {uplink: eth0, subnet: 10.77.0.0/22}}}\nrules: [{name: a, match: {interface: [vif3.0, vif1024.0, vif4.1, vif9.7, tap3]}, nat: n, firewall: source-guard}]\n", "check", "-")
	places := map[netip.Prefix]int{}
	for _, id := range []nat.ID{{Domid: 3}, {Domid: 1024}, {Domid: 4, Vifid: 1}, {Domid: 9, Vifid: 7}, {Domid: 3}} {
		a, err := nat.Derive(netip.MustParsePrefix("10.77.0.0/22"), id.Domid, id.Vifid)
		if err != nil {
			t.Fatal(err)
		}
		places[a.Guest]++
	}
	for place, count := range places {
		if said := strings.Contains(out, "derives "+place.Addr().String()+" for "); said != (count > 1) {
			t.Errorf("%s is of %d vifs, and the check says:\n%s", place, count, out)
		}
	}
}
