package rules

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExpectation: what is expected is kept in the spelling that it is compared in, with its place, and what is not asked for is told
// from what is to be empty.
func TestExpectation(t *testing.T) {
	set := mustLoad(t, `
networks: {private: {nat: {uplink: eth0, subnet: [10.77.0.0/16, "fd77::/48"]}}}
rules: [{name: web, match: {domain: web}, nat: private}]
tests:
  - name: all
    event: {interface: vif7.0, xen.rate: 1000, env.FOO: bar, xen.bridge: br9}
    expect:
      state: blocked
      reason: nobody knows
      guest: {mac: "00:16:3E:00:00:07", ip: ["2001:DB8::7", 192.0.2.7/32, 192.0.2.16/28]}
      forwards: [{proto: tcp, port: [80, "100-101"], from: 192.0.2.0/24}]
      plan: |
        ip link set
      no-plan: [down, drop]
  - {name: none, event: {interface: vif7.0}, expect: {guest: {mac: [], ip: []}, forwards: [], firewall: []}}
  - {name: not asked, event: {interface: vif7.0}, expect: {rule: web}}
`)
	at := func(line, col, length int) Pos { return Pos{"t.yaml", line, col, length} }
	e := set.Tests[0].Expect
	want := Expectation{
		State: Word{"blocked", at(8, 14, 7)}, Reason: Word{"nobody knows", at(9, 15, 12)},
		MACs: []Word{{"00:16:3e:00:00:07", at(10, 20, 19)}},
		IPs:  []Word{{"2001:db8::7", at(10, 46, 13)}, {"192.0.2.7", at(10, 61, 12)}, {"192.0.2.16/28", at(10, 75, 13)}},
		Forwards: []Forward{
			{Pos: at(11, 38, 2), Proto: "tcp", First: 80, Last: 80, To: 80, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
			{Pos: at(11, 42, 9), Proto: "tcp", First: 100, Last: 101, To: 100, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		},
		ForwardsPos: at(11, 7, 8),
		Plan:        []Word{{"ip link set", at(12, 13, 1)}},
		NoPlan:      []Word{{"down", at(14, 17, 4)}, {"drop", at(14, 23, 4)}},
	}
	same := cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, e, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := set.Tests[0].Event; !cmp.Equal(got, Event{"interface": {"vif7.0"}, "xen.rate": {"1000"}, "env.FOO": {"bar"}, "xen.bridge": {"br9"}}) {
		t.Errorf("event %q", got)
	}
	if e := set.Tests[1].Expect; e.MACs == nil || e.IPs == nil || e.Firewall == nil || e.ForwardsPos == (Pos{}) || len(e.MACs)+len(e.IPs)+len(e.Forwards) > 0 {
		t.Errorf("nothing is expected as %+v", e)
	}
	if e := set.Tests[2].Expect; e.MACs != nil || e.IPs != nil || e.Firewall != nil || e.ForwardsPos != (Pos{}) {
		t.Errorf("not asked for is %+v", e)
	}
}

// TestXenstoreHasTwoNames: an event that gives a fact by its key in xenstore can lead to any bridge, as one that gives it by its own.
func TestXenstoreHasTwoNames(t *testing.T) {
	for _, tc := range []struct{ text, event string }{{"${bridge:-a}", "xen.bridge"}, {"${xen.bridge:-a}", "bridge"}, {"${xen.bridge:-a}", "xen.bridge"}} {
		mustLoad(t, `
rules: [{name: r, match: {interface: "vif*"}, bridge: "`+tc.text+`"}]
tests: [{name: t, event: {interface: vif7.0, `+tc.event+`: br9}, expect: {network: br9}}]
`)
	}
	_, rep := Load(Options{FS: mapFS("t.yaml", `
rules: [{name: r, match: {interface: "vif*"}, bridge: "${bridge:-a}"}]
tests: [{name: t, event: {interface: vif7.0}, expect: {network: br9}}]
`), Paths: []string{"t.yaml"}})
	if rep.Errors() != 1 || rep.Problems[0].Code != codeNoNetwork {
		t.Errorf("a network that nothing leads to:\n%s", render(t, rep))
	}
}
