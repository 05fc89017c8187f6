package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

const lateRules = `
rules:
  - name: xen
    match: {interface: "vif*"}
    bridge: {name: xenbr0, isolated: "${xen.isolated:-true}"%s}
    firewall: source-guard
    rate: {from-guest: "${xen.limit:-10mbit}", burst: 64kb}
    link: {mtu: "${xen.mtu:-1400}", group: "1${domid}", txqueuelen: "${xen.queue:-555}", offload: {tx: "${xen.tx:-off}"}, sysctl: {ipv4.rp_filter: "${xen.filter:-2}"}}
`

// TestFactsInValues: of one rule every guest gets what is said of it, now and when that changes; one of whom nonsense is said gets nothing,
// and no other guest is the worse for it.
func TestFactsInValues(t *testing.T) {
	t.Parallel()
	vlan := `, vlan: {untagged: "${xen.vid:-10}", tagged: [20, "${xen.trunk:-30-31}"]}`
	x := newXenHost(t, "")
	if out, err := x.RunErr("ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1"); err != nil {
		t.Logf("this kernel filters no VLANs: %s", out)
		x.write(t, fmt.Sprintf(lateRules, `, vlan: {untagged: "${xen.vid}"}`))
		if _, errs, code := x.run(t, "listen"); code != exitCannot || !strings.Contains(errs, "CONFIG_BRIDGE_VLAN_FILTERING") {
			t.Errorf("exit %d: %s", code, errs)
		}
		vlan = ""
	}
	x.write(t, fmt.Sprintf(lateRules, vlan))
	x.bridges(t, "xenbr0")
	x.listenXen(t)
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	x.plug(t, 4, 0, map[string]string{
		"ip": "192.0.2.8", "isolated": "false", "limit": "1Mb/s", "mtu": "1300", "queue": "77", "tx": "on", "filter": "1", "vid": "11", "trunk": "40",
	})
	look := func(name string) string {
		master := x.Run(t, "bridge", "-d", "link", "show", "dev", name)
		ifb := x.Run(t, "tc", "qdisc", "show", "dev", fmt.Sprintf("ifb-%d", x.ifindex(t, name)), "root")
		return strings.Join(strings.Fields(x.Run(t, "ip", "-d", "link", "show", "dev", name)+x.Run(t, "sysctl", "net.ipv4.conf."+strings.ReplaceAll(name, ".", "/")+".rp_filter")+
			x.Run(t, "ethtool", "-k", name)+master+ifb+x.Run(t, "bridge", "vlan", "show", "dev", name)), " ")
	}
	wants := func(name string, words ...string) {
		t.Helper()
		x.waitKey(t, int(name[3]-'0'), 0, "hotplug-status", "connected")
		got := look(name)
		for _, word := range words {
			if (vlan != "" || !strings.Contains(word, "PVID")) && !strings.Contains(got, word) {
				t.Errorf("%s is not %q: %s", name, word, got)
			}
		}
	}
	wants("vif3.0", "mtu 1400", "group 13", "qlen 555", "isolated on", "rp_filter = 2", "tx-checksumming: off", "rate 10Mbit", "10 PVID Egress Untagged 20 30 31")
	wants("vif4.0", "mtu 1300", "group 14", "qlen 77", "isolated off", "rp_filter = 1", "tx-checksumming: on", "rate 1Mbit", "11 PVID Egress Untagged 20 40")

	x.set(t, 4, 0, map[string]string{"mtu": "1280", "limit": "2mbit"})
	testhost.Wait(t, "what is said now", func() bool {
		got := look("vif4.0")
		return strings.Contains(got, "mtu 1280") && strings.Contains(got, "rate 2Mbit")
	})

	// The listener looks again when one of the keys changes that xl itself writes.
	for key, value := range map[string]string{"limit": "fast\x1b[2J", "queue": "many", "isolated": "{a: b}", "mtu": "67"} {
		before, _ := x.key(t, 4, 0, key)
		bad := map[string]string{"mtu": "1280"}
		bad[key] = value
		x.set(t, 4, 0, bad)
		x.waitState(t, "failed", "vif4.0")
		x.wantLink(t, "vif4.0", "state DOWN")
		reason := x.status(t)["vif4.0"].Error
		if !strings.HasPrefix(reason, `rule "xen": `+filepath.Join(x.rules, "")) || !strings.Contains(reason, fmt.Sprintf("(xen.%s is %q)", key, value)) {
			t.Errorf("%s=%q: %q", key, value, reason)
		}
		x.wantLink(t, "vif3.0", "state UP")
		x.set(t, 4, 0, map[string]string{key: before, "mtu": "1280"})
		x.waitState(t, "configured", "vif4.0")
	}
}

const lateForwards = `
networks: {private: {nat: {uplink: eth0, subnet: 10.77.0.0/16}}}
rules:
  - name: ports
    match: {interface: "vif*"}
    nat: {network: private, forward: {proto: "${env.PROTO:-tcp}", port: "${env.PORT}", to: "${env.TO:-80}"}}
  - name: routed
    match: {interface: "tap*"}
    route: {uplink: eth0, table: "${env.TABLE:-main}", metric: "${env.METRIC:-7}", neighbor: "${env.PIN:-false}"}
    guest: {mac: "00:16:3e:00:00:01", ip: 192.0.2.1}
tests:
  - name: a port of its own
    event: {interface: vif1.0, env.PORT: 8080}
    expect: {rule: ports, state: configured, forwards: {proto: tcp, port: 8080, to: 80}}
  - name: others
    event: {interface: vif1.0, env.PORT: 5000-5001, env.TO: 6000-6001, env.PROTO: udp}
    expect: {rule: ports, forwards: {proto: udp, port: 5000-5001, to: 6000-6001}}
  - name: none
    event: {interface: vif1.0}
    expect: {rule: ports, state: failed, reason: 'rule "ports": nat.forward.port: FILE:6:74: fact "env.PORT" is not known and has no default'}
  - name: nonsense
    event: {interface: vif1.0, env.PORT: "80; reboot"}
    expect: {rule: ports, state: failed, reason: 'rule "ports": FILE:6:73: "80; reboot" is not a number or a range (env.PORT is "80; reboot")'}
  - name: by default
    event: {interface: tap1}
    expect: {rule: routed, plan: [192.0.2.1 dev tap1, "metric 7"], no-plan: [table, neigh]}
  - name: by facts
    event: {interface: tap1, env.TABLE: 100, env.METRIC: 9, env.PIN: "true"}
    expect: {rule: routed, plan: ["metric 9", "table 100", neigh]}
`

// TestFactsInTests: the tests of rules see what facts decide, and count the rule as covered.
func TestFactsInTests(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "r.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(lateForwards, "FILE", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := cli(t, "", "test", "--coverage", file)
	if code != exitDone || errs != "" || !strings.Contains(out, "6 passed") || !strings.Contains(out, "2 of 2 rules") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	out, errs, code = cli(t, "", "explain", "--rules", file, "--event", "interface=vif1.0", "env.PORT=443")
	for _, want := range []string{"nat.forward.proto: ${env.PROTO:-tcp} -> tcp (nobody knows env.PROTO)", "nat.forward.port: ${env.PORT} -> 443 (env.PORT is 443, from "} {
		if !strings.Contains(out, want) {
			t.Errorf("exit %d, explain does not say %q:\n%s%s", code, want, out, errs)
		}
	}
}

// TestLateForwardTwice: of two guests that are to have one port of the host's, by whatever rule, the first has it.
func TestLateForwardTwice(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, `
networks: {private: {nat: {uplink: uplnk0, subnet: 10.77.0.0/16}}}
rules:
  - {name: a, match: {domid: 3}, nat: {network: private, forward: {proto: tcp, port: "${xen.port:-80}"}}}
  - {name: c, match: {domid: 5}, nat: {network: private, forward: {proto: tcp, port: "${xen.port}", address: "${xen.host}"}}}
  - {name: b, match: {interface: "vif*"}, nat: {network: private, forward: {proto: tcp, port: "${xen.port:-80}", from: "${xen.from:-192.0.2.0/24}"}}}
`)
	x.Run(t, "ip", "link", "add", "uplnk0", "type", "veth", "peer", "name", "uplnk1")
	x.Run(t, "ip", "link", "set", "uplnk0", "up")
	x.listenXen(t)
	x.plug(t, 3, 0, nil)
	x.waitState(t, "configured", "vif3.0")
	x.plug(t, 4, 0, nil)
	x.plug(t, 5, 0, map[string]string{"port": "8000-8001", "host": "192.0.2.9"})
	x.waitState(t, "configured", "vif5.0")
	testhost.Wait(t, "the second to be refused", func() bool {
		vif := x.status(t)["vif4.0"]
		return vif.State != "configured" && strings.Contains(vif.Error, "forwarded already")
	})
	x.set(t, 4, 0, map[string]string{"port": "81", "mtu": "1500"})
	x.waitState(t, "configured", "vif4.0")
	// vif5.0's are in a map that was made when it came.
	elements := x.Run(t, "nft", "list", "table", "ip", "vifd")
	for _, port := range []string{"tcp . 80 ", "tcp . 81 ", "192.0.2.9 . tcp . 8000 ", "192.0.2.9 . tcp . 8001 "} {
		if !strings.Contains(elements, port) {
			t.Errorf("%q is not forwarded:\n%s", port, elements)
		}
	}
}
