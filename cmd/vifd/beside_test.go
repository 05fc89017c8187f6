package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"vifd/internal/testhost"
)

// besideRules have a key of a rule beside its action.
const besideRules = `
networks: {xenbr0: {bridge: {create: true}}}
guests: [{interface: vif1.0, mac: "00:16:3e:00:00:01", ip: 10.0.0.1}]
rules: [{name: all, match: {interface: "vif*"}, bridge: xenbr0, firewall: source-guard%s}]
`

// TestRatesComeAndGo with the vif, and with the rule.
func TestRatesComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHost(t, fmt.Sprintf(besideRules, ", rate: {from-guest: 10Mb/s, to-guest: 100mbit, burst: 64kb}"))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.waitState(t, "configured", "vif1.0")
	ifb := fmt.Sprintf("ifb-%d", h.ifindex(t, "vif1.0"))
	shapes := func() string { return h.Run(t, "tc", "qdisc", "show") }
	for dev, want := range map[string]string{"vif1.0": "rate 100Mbit burst 64Kb", ifb: "rate 10Mbit burst 64Kb"} {
		if out := h.Run(t, "tc", "qdisc", "show", "dev", dev, "root"); !strings.Contains(out, want) {
			t.Errorf("%s does not say %q:\n%s", dev, want, out)
		}
	}
	h.write(t, fmt.Sprintf(besideRules, ""))
	p.Signal(t, syscall.SIGHUP)
	testhost.Wait(t, "the limits to be lifted", func() bool { return !strings.Contains(shapes(), "tbf") && !strings.Contains(shapes(), "ingress") })
	if links := h.Run(t, "ip", "-o", "link"); strings.Contains(links, ifb) {
		t.Errorf("%s is left:\n%s", ifb, links)
	}
	h.write(t, fmt.Sprintf(besideRules, ", rate: {from-guest: 1mbit}"))
	p.Signal(t, syscall.SIGHUP)
	testhost.Wait(t, "a limit", func() bool { return strings.Contains(shapes(), "rate 1Mbit") })
	h.Unplug(t, "vif1.0")
	h.waitEmpty(t)
	testhost.Wait(t, "the ifb device to go", func() bool { return !strings.Contains(h.Run(t, "ip", "-o", "link"), ifb) })
	h.wantNoRecords(t)
	stop(t, p)
}

// TestLinkIsSetUpAndGivenBack with the rule that asks for it.
func TestLinkIsSetUpAndGivenBack(t *testing.T) {
	t.Parallel()
	h := newHost(t, fmt.Sprintf(besideRules, ""))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.waitState(t, "configured", "vif1.0")
	h.WaitUp(t, "vif1.0")
	look := func() string {
		return h.Run(t, "ip", "-d", "link", "show", "dev", "vif1.0") + h.Run(t, "sysctl", "net.ipv4.conf.vif1/0.rp_filter") +
			h.Run(t, "ethtool", "-k", "vif1.0")
	}
	before := look()
	h.write(t, fmt.Sprintf(besideRules, `, link: {mtu: 1400, txqueuelen: 555, group: 7, alias: "guest of ${kind}", offload: {tx: off}, sysctl: {ipv4.rp_filter: 2}}`))
	p.Signal(t, syscall.SIGHUP)
	want := []string{"mtu 1400", "qlen 555", "group 7", "alias guest of veth", "rp_filter = 2", "tx-checksumming: off"}
	testhost.Wait(t, "the link to be set up", func() bool { return strings.Contains(look(), "rp_filter = 2") })
	for _, text := range want {
		if now := look(); !strings.Contains(now, text) {
			t.Errorf("it is not %q:\n%s", text, now)
		}
	}
	h.write(t, fmt.Sprintf(besideRules, ", link: {mtu: 1500}"))
	p.Signal(t, syscall.SIGHUP)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("before:\n%s\nnow:\n%s", before, look())
		}
	})
	testhost.Wait(t, "all to be as before", func() bool { return look() == before })
	h.Unplug(t, "vif1.0")
	h.waitEmpty(t)
	h.wantNoRecords(t)
	stop(t, p)
}

// TestVLANs on a kernel that filters them, and the error on one that does not.
func TestVLANs(t *testing.T) {
	t.Parallel()
	h := newHost(t, `
networks: {xenbr0: {bridge: {create: true}}}
guests: [{interface: vif1.0, mac: "00:16:3e:00:00:01", ip: 10.0.0.1}]
rules: [{name: all, match: {interface: "vif*"}, bridge: {name: xenbr0, vlan: {untagged: 10, tagged: [20, "30-40"]}}, firewall: source-guard}]
`)
	if out, err := h.RunErr("ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1"); err != nil {
		t.Logf("this kernel filters no VLANs: %s", out)
		_, errs, code := h.run(t, "listen")
		if code != exitCannot || !strings.Contains(errs, `rule "all": vlan: `) || !strings.Contains(errs, "CONFIG_BRIDGE_VLAN_FILTERING") {
			t.Errorf("exit %d: %s", code, errs)
		}
		return
	}
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.waitState(t, "configured", "vif1.0")
	list := strings.Join(strings.Fields(h.Run(t, "bridge", "vlan", "show", "dev", "vif1.0")), " ")
	if want := "vif1.0 10 PVID Egress Untagged 20 30 31 32 33 34 35 36 37 38 39 40"; !strings.HasSuffix(list, want) {
		t.Errorf("it is in %q, want %q", list, want)
	}
	stop(t, p)
}
