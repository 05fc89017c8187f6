package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// diagnosis is what `vifd doctor -o json` prints.
type diagnosis struct {
	Kind     string
	Checks   []string
	Findings []struct{ Check, Level, Subject, Text, Cure string }
}

func (h *host) diagnose(t *testing.T) (diagnosis, int) {
	t.Helper()
	out, errs, code := h.run(t, "doctor", "-o", "json")
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil || d.Kind != "Doctor" || len(d.Checks) == 0 {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return d, code
}

// TestDoctorCures makes a host ill in every way that can be had in a namespace, and takes what the doctor prescribes.
func TestDoctorCures(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge", "stp_state", "1", "nf_call_iptables", "1")
	h.Run(t, "ip", "addr", "add", "10.0.0.1/8", "dev", "xenbr0")
	h.Run(t, "nft", "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }")
	h.Run(t, "nft", "add table inet fw; add chain inet fw fwdchain { type filter hook forward priority 0; policy drop; }")
	h.Run(t, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter")
	d, code := h.diagnose(t)
	if code != exitFailed {
		t.Errorf("exit %d although the host has a guest's address", code)
	}
	for _, want := range []struct{ check, subject, cure string }{
		{"bridge-netfilter", "xenbr0", "ip link set dev xenbr0 type bridge nf_call_iptables 0"},
		{"forward-policy", "table ip filter, chain FORWARD", "iptables -I FORWARD"},
		{"forward-policy", "table inet fw, chain fwdchain", `nft insert rule inet fw fwdchain iifname "vif*" accept`},
		{"link-local-learning", "xenbr0", "ip link set dev xenbr0 type bridge no_linklocal_learn 1"},
		{"link-local-learning", "xenbr0", "guard: true"},
		{"reverse-path-filter", "net.ipv4.conf.all.rp_filter", "sysctl -w net.ipv4.conf.all.rp_filter=2"},
		{"addresses", "xenbr0", "ip addr del 10.0.0.1/8 dev xenbr0"},
	} {
		found := false
		for _, f := range d.Findings {
			found = found || f.Check == want.check && f.Subject == want.subject && strings.Contains(f.Cure, want.cure)
		}
		if !found {
			t.Errorf("nothing says %s about %s with the cure %q: %+v", want.check, want.subject, want.cure, d.Findings)
		}
	}
	for _, command := range []string{
		"ip link set dev xenbr0 type bridge nf_call_iptables 0 no_linklocal_learn 1 stp_state 0", "ip addr del 10.0.0.1/8 dev xenbr0",
		"echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter", "nft delete table ip filter; nft delete table inet fw",
		"for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done",
	} {
		h.Run(t, "sh", "-c", command)
	}
	d, code = h.diagnose(t)
	for _, f := range d.Findings {
		// What this machine itself runs is none of the test's business.
		if f.Check != "network-manager" && f.Check != "networkd" {
			t.Errorf("cured of everything, it still has %+v", f)
		}
	}
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
	if text, _, _ := h.run(t, "doctor"); !strings.Contains(text, " checks, ") {
		t.Errorf("doctor prints\n%s", text)
	}
}
