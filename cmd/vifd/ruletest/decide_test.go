package ruletest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const decisions = `
networks:
  xenbr0: {bridge: {create: true}}
  private: {nat: {uplink: eth0, subnet: [10.77.0.0/16, "fd77::/48"]}}
  lan: {route: {uplink: eth1}}
guests:
  - {domain: web-1, mac: "00:16:3e:00:00:07", ip: [192.0.2.7, "2001:db8::7"]}
rules:
  - {name: web, match: {domain: "web-*", not: {mac: "00:16:3e:ff:*"}}, bridge: xenbr0, firewall: [source-guard, no-lldp]}
  - name: natted
    match: {interface: "vif*", type: vif, env.ZONE: [a, b]}
    nat: {network: private, forward: [{proto: tcp, port: 8080, to: 80, from: [192.0.2.0/24, "2001:db8::/32"]}, {proto: tcp, port: 22}]}
    firewall: source-guard
    guest: {mac: "00:16:3e:00:00:08"}
  - {name: routed, match: {interface: "vif*.1"}, route: lan}
  - {name: shut, match: {interface: "vif666.*"}, block: true}
  - {name: own, match: {interface: "vif*"}, bridge: "${xen.bridge}", firewall: source-guard}
tests:
`

// TestExpectations: what is expected is held against what the rules decide, and each difference is told.
func TestExpectations(t *testing.T) {
	t.Parallel()
	const natted = "{interface: vif7.0, type: vif, env.ZONE: b}"
	for _, tt := range []struct {
		event, expect string
		want          []string // what, wanted, got of each failure
	}{
		{"{interface: vif7.0, domain: web-1}", "{rule: web, action: bridge, network: xenbr0, state: configured, firewall: [source-guard, no-lldp]}", nil},
		{"{interface: vif7.0, domain: web-1}", `{guest: {mac: "00:16:3E:00:00:07", ip: ["2001:DB8:0::7", 192.0.2.7]}, forwards: []}`, nil},
		{"{interface: vif7.0, domain: web-1}", "{plan: [ip link set dev vif7.0 master xenbr0, type bridge], no-plan: [down, masquerade]}", nil},
		{natted, `{rule: natted, guest: {ip: [10.77.0.28, "fd77:0:0:1c00::/64"]}}`, []string{"guest ip|10.77.0.28, fd77:0:0:1c00::/64|10.77.0.15, fd77:0:0:f::/64"}},
		{natted, `{forwards: [{proto: tcp, port: 22}, {proto: tcp, port: 8080, to: 80, from: ["2001:db8::/32", 192.0.2.0/24]}]}`, nil},
		{natted, `{forwards: [{proto: tcp, port: 22, to: 23}]}`, []string{
			"forwards|tcp 22 to 23|tcp 22 to 22, tcp 8080 to 80 from 192.0.2.0/24 and 2001:db8::/32",
		}},
		{natted, `{forwards: []}`, []string{"forwards|none|tcp 22 to 22, tcp 8080 to 80 from 192.0.2.0/24 and 2001:db8::/32"}},
		{"{interface: vif7.1}", "{rule: routed, state: blocked, reason: could be routed, guest: {mac: [], ip: []}}", nil},
		{"{interface: vif7.1, ip: 192.0.2.9}", "{action: route, network: lan, state: configured, plan: 192.0.2.9}", nil},
		{"{interface: vif666.0}", "{state: blocked, plan: down}", nil},
		{"{interface: vif666.0}", "{state: ignored, reason: nobody, no-plan: ip link}", []string{
			"state|ignored|blocked", "reason|nobody|none", "no-plan|no line with ip link|ip link set dev vif666.0 down",
		}},
		{"{interface: vif8.0}", "{state: failed, reason: xen.bridge}", nil},
		{"{interface: eth9}", "{action: ignore, state: unmatched, network: xenbr0}", []string{"network|xenbr0|none"}},
		{"{interface: vif8.0, bridge: br9, mac: \"00:16:3e:00:00:09\"}", "{network: br9, guest: {mac: \"00:16:3e:00:00:09\"}}", nil},
		{"{interface: guest0, domid: 8, bridge: br9}", "{rule: own}", []string{"rule|own|none"}},
		{"{interface: [guest0, vif8.1], xen.ip: 192.0.2.9 2001:db8::9}", "{rule: routed, guest: {ip: [192.0.2.9, \"2001:db8::9\"]}}", nil},
		{"{interface: vif8.1, xen.bridge: br9, xen.mac: \"00:16:3e:00:00:09\", ip: 192.0.2.9}", "{guest: {mac: \"00:16:3e:00:00:09\"}}", nil},
	} {
		rep := mustRun(t, options(t, decisions+"  - {name: t, event: "+tt.event+", expect: "+tt.expect+"}\n"))
		var got []string
		for _, f := range rep.Tests[0].Failures {
			got = append(got, f.What+"|"+f.Wanted+"|"+f.Got)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.event, tt.expect, diff)
		}
		if rep.Tests[0].Passed != (tt.want == nil) {
			t.Errorf("%s %s: passed %t", tt.event, tt.expect, rep.Tests[0].Passed)
		}
	}
}

// TestWhy: of an expected rule the first key that failed is told, and who won instead.
func TestWhy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		event, expect string
		want          []string
	}{
		{`{interface: vif7.0, type: vif, env.ZONE: c, bridge: b, mac: "00:16:3e:00:00:01"}`, "{rule: natted}", []string{
			"rule natted (r.yaml:10:5) does not match: env.ZONE must be a or b, and is c", "rule own (r.yaml:17:5) wins: it is the first whose keys all hold",
		}},
		{"{interface: vif7.0, domain: web-2, mac: \"00:16:3e:ff:00:01\", bridge: b}", "{rule: web}", []string{
			"rule web (r.yaml:9:5) does not match: mac must not be 00:16:3e:ff:*, and is 00:16:3e:ff:00:01", "rule own (r.yaml:17:5) wins: it is the first whose keys all hold",
		}},
		{"{interface: vif7.0, domain: web-1}", "{rule: shut}", []string{
			"rule shut (r.yaml:16:5) is not asked: it stands behind the one that wins", "rule web (r.yaml:9:5) wins: it is the first whose keys all hold",
		}},
		{"{interface: vif7.0, domain: web-1}", "{rule: web, action: nat}", []string{"rule web (r.yaml:9:5) wins: it is the first whose keys all hold"}},
		{"{interface: eth9}", "{action: bridge}", []string{
			"rule web (r.yaml:9:5) does not match: domain must be web-*, and nobody knows it", "rule natted (r.yaml:10:5) does not match: interface must be vif*, and is eth9",
			"rule routed (r.yaml:15:5) does not match: interface must be vif*.1, and is eth9", "rule shut (r.yaml:16:5) does not match: interface must be vif666.*, and is eth9",
			"rule own (r.yaml:17:5) does not match: interface must be vif*, and is eth9", "no rule matches: the default decides",
		}},
		{"{interface: vif8.0}", "{state: configured, rule: own}", []string{
			"rule own (r.yaml:17:5) wins: it is the first whose keys all hold", "the vif is failed: rule \"own\": bridge: ",
		}},
	} {
		rep := mustRun(t, options(t, decisions+"  - {name: t, event: "+tt.event+", expect: "+tt.expect+"}\n"))
		got := rep.Tests[0].Decision
		if len(got) == len(tt.want) && len(got) > 0 && strings.HasPrefix(got[len(got)-1], tt.want[len(got)-1]) {
			got[len(got)-1] = tt.want[len(got)-1] // the reason is handler's, in its words
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.event, tt.expect, diff)
		}
	}
}

// TestManyPassedOver: rules by the thousand are not all told of.
func TestManyPassedOver(t *testing.T) {
	t.Parallel()
	text := "rules:\n"
	for _, c := range "abcdefghij" {
		text += "  - {name: " + string(c) + ", match: {interface: " + string(c) + "}, block: true}\n"
	}
	rep := mustRun(t, options(t, text+"tests: [{name: t, event: {interface: j}, expect: {action: bridge}}]\n"))
	if got := rep.Tests[0].Decision; len(got) != 7 || got[5] != "… and others do not, either" || !strings.HasPrefix(got[6], "rule j (") {
		t.Errorf("%q", got)
	}
}
