package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vifd/rules"
)

const diffNAT = `
networks: {n: {nat: {uplink: eth0, subnet: [10.0.0.0/8, "fd77::/48"], dhcp: true, dns: [192.0.2.53, "2001:db8::53"], domain: a.example, lease: 1h, mtu: 1500}}}
guests: [{interface: vif1.0, mac: "00:16:3e:00:00:01"}]
rules: [{name: a, match: {interface: vif1.0}, nat: n, firewall: source-guard}]
`

const diffRoute = `
networks: {n: {route: {uplink: eth0}}}
guests: [{interface: vif1.0, mac: "00:16:3e:00:00:01", ip: 192.0.2.7}]
rules: [{name: a, match: {interface: vif1.0}, route: n, firewall: source-guard}]
`

const diffBridge = `
networks: {xenbr0: {bridge: {uplink: eth0, create: true, mtu: 1500}}}
rules: [{name: a, match: {interface: vif1.0}, bridge: xenbr0}]
`

const diffRouteRule = `
guests: [{interface: vif1.0, mac: "00:16:3e:00:00:01", ip: 192.0.2.7}]
rules: [{name: a, match: {interface: vif1.0}, route: {uplink: eth0, address: 192.0.2.1, proxy: true, metric: 5, table: 7, neighbor: true}}]
`

// TestDiffOfNetworks: whatever changes in a network changes its guests, whether the uplink is there or not. Every key has its case.
func TestDiffOfNetworks(t *testing.T) {
	t.Parallel()
	cases := []struct{ key, rules, old, new, want string }{
		{"BridgeNet.Uplink", diffBridge, "eth0", "eth1", "  uplink: eth0 -> eth1\n"},
		{"BridgeNet.Create", diffBridge, "create: true, mtu: 1500", "create: false", "    - ip link add name xenbr0 "},
		{"BridgeNet.MTU", diffBridge, "mtu: 1500", "mtu: 1400", " mtu 1400 "},
		{"RouteNet.Uplink", diffRoute, "eth0", "eth1", "  uplink: eth0 -> eth1\n"},
		{"NATNet.Uplink", diffNAT, "eth0", "eth1", "  uplink: eth0 -> eth1\n"},
		{"NATNet.Subnet", diffNAT, "10.0.0.0/8", "10.0.0.0/9", "  dhcp: 10.0.1.1/8 by 10.255.255.254 -> 10.0.1.1/9 by 10.127.255.254\n"},
		{"NATNet.Subnet", diffNAT, "fd77::", "fd78::", "  advertised: fd77:0:0:3::/64 -> fd78:0:0:3::/64\n"},
		{"NATNet.DHCP", diffNAT, ", dhcp: true", "", "  dhcp: 10.0.1.1/8 by 10.255.255.254 -> -\n  advertised: fd77:0:0:3::/64 -> -\n  dns: 192.0.2.53, 2001:db8::53 -> -\n  domain: a.example -> -\n  lease: 1h -> -\n  told mtu: 1500 -> -\n"},
		{"NATNet.DNS", diffNAT, "192.0.2.53", "192.0.2.54", "  dns: 192.0.2.53, 2001:db8::53 -> 192.0.2.54, 2001:db8::53\n"},
		{"NATNet.DNS", diffNAT, "db8::53", "db8::54", "  dns: 192.0.2.53, 2001:db8::53 -> 192.0.2.53, 2001:db8::54\n"},
		{"NATNet.Domain", diffNAT, ", domain: a.example", "", "  domain: a.example -> -\n"},
		{"NATNet.Lease", diffNAT, "lease: 1h", "lease: 90s", "  lease: 1h -> 1m30s\n"},
		{"NATNet.MTU", diffNAT, ", mtu: 1500", "", "  told mtu: 1500 -> -\n"},
		// What a rule says of its own way is no other matter.
		{"RouteAction.Uplink", diffRouteRule, "eth0", "eth1", "  uplink: eth0 -> eth1\n"},
		{"RouteAction.Address", diffRouteRule, "192.0.2.1,", "192.0.2.2,", "192.0.2.2/32 "},
		{"RouteAction.Proxy", diffRouteRule, "proxy: true", "proxy: false", "    - ip neigh "},
		{"RouteAction.Metric", diffRouteRule, "metric: 5", "metric: 6", " metric 6"},
		{"RouteAction.Table", diffRouteRule, "table: 7", "table: 8", " table 8"},
		{"RouteAction.Neighbor", diffRouteRule, "neighbor: true", "neighbor: false", "    - ip neigh "},
	}
	looked := make(map[string]bool)
	for _, uplinks := range []bool{false, true} {
		h := newHost(t, "")
		h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
		if uplinks {
			h.Guest(t, "eth0", "00:16:3e:00:00:f0")
			h.Guest(t, "eth1", "00:16:3e:00:00:f1")
		}
		newer := filepath.Join(filepath.Dir(h.rules), "new.yaml")
		for _, tt := range cases {
			looked[tt.key] = true
			h.write(t, tt.rules)
			if err := os.WriteFile(newer, []byte(strings.Replace(tt.rules, tt.old, tt.new, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			out, errs, err := h.diff(t, "text", h.rules, newer)
			if _, guest, _ := strings.Cut(out, "vif1.0 (ifindex"); err != nil || !strings.Contains(guest, tt.want) {
				t.Errorf("%s, uplinks %v: %v, %s, want %q in\n%s", tt.key, uplinks, err, errs, tt.want, out)
			}
			if out, errs, err := h.diff(t, "text", h.rules, h.rules); err != nil || !strings.HasPrefix(out, "0 of ") {
				t.Errorf("%s, uplinks %v, with itself: %v, %s\n%s", tt.key, uplinks, err, errs, out)
			}
		}
	}
	for _, net := range []any{rules.BridgeNet{}, rules.RouteNet{}, rules.NATNet{}} {
		for field := range reflect.TypeOf(net).Fields() {
			if key := reflect.TypeOf(net).Name() + "." + field.Name; !looked[key] {
				t.Errorf("nobody has looked whether a change of %s shows", key)
			}
		}
	}
}
