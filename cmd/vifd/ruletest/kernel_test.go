package ruletest_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"vifd/actions/firewall"
	"vifd/cmd/vifd/ruletest"
	"vifd/handler"
	"vifd/rules"
)

const text = `
templates:
  guard: {from-guest: [ip saddr != $ip drop], to-guest: [ct state established accept, tcp dport 22 reject]}
  open: {from-guest: [include guard, accept]}
tests:
  - name: guard
    template: guard
    guest: {ip: 192.0.2.7}
    packets:
      - {from-guest: udp dport 53, expect: accept}
      - {from-guest: ip saddr 192.0.2.8, expect: drop, by: guard}
      - {to-guest: ct state established, expect: accept}
      - {to-guest: ip length 9000, expect: accept}
      - {to-guest: ip frag-off 5, expect: accept}
  - name: included
    template: open
    guest: {ip: 192.0.2.7}
    packets:
      - {from-guest: ip saddr 192.0.2.8, expect: drop, by: open}
      - {from-guest: udp dport 53, expect: accept, by: open}
`

// kernel is one that gives every frame the same verdict.
type kernel struct {
	verdict string
	err     error
	trials  []ruletest.Trial
}

func (k *kernel) Send(t ruletest.Trial) (string, error) {
	k.trials = append(k.trials, t)
	return k.verdict, k.err
}

func run(t *testing.T, k ruletest.Kernel) *ruletest.Report {
	t.Helper()
	set, report := rules.Load(rules.Options{Paths: []string{"r.yaml"}, FS: fstest.MapFS{"r.yaml": {Data: []byte(text)}}})
	if set == nil {
		t.Fatal(report.Problems)
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := ruletest.Run(ruletest.Options{Set: set, Rules: rs, Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestWithoutKernel: an include decides for the template that it is in, too.
func TestWithoutKernel(t *testing.T) {
	t.Parallel()
	if rep := run(t, nil); rep.Failed != 0 || rep.Passed != 2 {
		t.Errorf("%+v", rep.Tests)
	}
}

// TestDisagreement: a kernel that is of another mind fails the test, and both are named.
func TestDisagreement(t *testing.T) {
	t.Parallel()
	k := &kernel{verdict: "drop"}
	rep := run(t, k)
	if rep.Failed != 2 || rep.NotRun != 3 || len(k.trials) != 4 {
		t.Errorf("%d failed, %d not run, %d sent", rep.Failed, rep.NotRun, len(k.trials))
	}
	f := rep.Tests[0].Failures
	if len(f) != 1 || f[0].Wanted != "accept, as the rules are evaluated" || f[0].Got != "drop, by the kernel" || f[0].Pos != "r.yaml:10:22" || f[0].Decided == "" {
		t.Errorf("%+v", f)
	}
	var said []string
	for _, p := range rep.Tests[0].Packets {
		said = append(said, p.NotRun)
	}
	for i, want := range []string{"", "", "no frame carries its ct state", "longer than an Ethernet frame", "waits for the others"} {
		if !strings.Contains(said[i], want) || (said[i] == "") != (want == "") {
			t.Errorf("packet %d: %q, want %q", i, said[i], want)
		}
	}
	if k.trials[0].Guest == nil || k.trials[0].ToGuest || len(k.trials[0].Frame) < 42 || !k.trials[0].Fresh {
		t.Errorf("%+v", k.trials[0])
	}
}

// TestLack: what the kernel cannot do at all is no disagreement.
func TestLack(t *testing.T) {
	t.Parallel()
	rep := run(t, &kernel{err: &firewall.Lack{Module: "nf_conntrack_bridge", Option: "CONFIG_NF_CONNTRACK_BRIDGE"}})
	if rep.Failed != 0 || rep.NotRun != 7 || !strings.Contains(rep.Tests[0].Packets[0].NotRun, "nf_conntrack_bridge") {
		t.Errorf("%+v", rep.Tests[0].Packets)
	}
}
