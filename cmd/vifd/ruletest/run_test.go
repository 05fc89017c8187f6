package ruletest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"vifd/cmd/vifd/ruletest"
	"vifd/handler"
	rulesd "vifd/rules.d"

	"vifd/rules"
)

// options are those of the tests in a text.
func options(t testing.TB, text string) ruletest.Options {
	t.Helper()
	set, report := rules.Load(rules.Options{Paths: []string{"r.yaml"}, FS: fstest.MapFS{"r.yaml": {Data: []byte(text)}}, Library: rulesd.FS})
	if set == nil {
		t.Fatal(report.Problems)
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	return ruletest.Options{Set: set, Rules: rs}
}

func mustRun(t testing.TB, o ruletest.Options) *ruletest.Report {
	t.Helper()
	rep, err := ruletest.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// many is n tests of rules and of templates, of which those whose number wrong says fail.
func many(n int, wrong func(int) bool) string {
	var b strings.Builder
	b.WriteString(`
guests: [{domain: web-1, mac: "00:16:3e:00:00:07", ip: [192.0.2.7, "2001:db8::7"]}]
rules:
  - {name: web, match: {domain: "web-*"}, bridge: xenbr0, firewall: source-guard}
  - {name: rest, match: {interface: "vif*"}, block: true}
tests:
`)
	for i := range n {
		verdict := "drop"
		if wrong(i) {
			verdict = "accept"
		}
		if i%2 == 0 {
			fmt.Fprintf(&b, "  - name: rules %d\n    event: {interface: vif%d.0, domain: web-1}\n    expect: {rule: web, network: xenbr0, plan: master xenbr0, guest: {ip: [192.0.2.7, \"2001:db8::7\"]}}\n", i, i+1)
		} else {
			fmt.Fprintf(&b, "  - name: template %d\n    template: source-guard\n    guest: {mac: \"00:16:3e:00:00:07\", ip: 192.0.2.7}\n", i)
		}
		fmt.Fprintf(&b, "    packets:\n      - {from-guest: ether saddr 00:16:3e:00:00:99, expect: %s, by: source-guard}\n      - {from-guest: udp dport 53, expect: accept}\n", verdict)
	}
	return b.String()
}

func asJSON(t *testing.T, rep *ruletest.Report) string {
	t.Helper()
	text, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestParallel: the report is the same however many tests run at a time, also where the first failure ends the run.
func TestParallel(t *testing.T) {
	t.Parallel()
	o := options(t, many(120, func(i int) bool { return i%50 == 40 }))
	o.Coverage = true
	for _, failFast := range []bool{false, true} {
		o.FailFast = failFast
		o.Parallel = 1
		one := mustRun(t, o)
		want := []int{118, 2, 0}
		if failFast {
			want = []int{40, 1, 79}
		}
		if diff := cmp.Diff(want, []int{one.Passed, one.Failed, one.NotStarted}); diff != "" {
			t.Errorf("fail-fast %t: passed, failed, not started (-want +got):\n%s", failFast, diff)
		}
		for _, n := range []int{0, 2, 7, 500} {
			o.Parallel = n
			if diff := cmp.Diff(asJSON(t, one), asJSON(t, mustRun(t, o))); diff != "" {
				t.Errorf("fail-fast %t, %d at a time (-one +several):\n%s", failFast, n, diff)
			}
		}
	}
}

// TestFailFastWithKernel: a kernel is asked for nothing that stands behind the first failure.
func TestFailFastWithKernel(t *testing.T) {
	t.Parallel()
	o := options(t, many(10, func(i int) bool { return i == 2 }))
	k := &kernel{verdict: "drop"}
	o.Kernel, o.FailFast, o.Parallel = k, true, 8
	if rep := mustRun(t, o); rep.Failed != 1 || rep.Passed != 0 || len(k.trials) != 2 {
		t.Errorf("%d failed, %d passed, %d frames sent", rep.Failed, rep.Passed, len(k.trials))
	}
}

// BenchmarkThousandTests runs 1 000 tests, half of rules and half of templates, with 2 000 packets.
func BenchmarkThousandTests(b *testing.B) {
	o := options(b, many(1000, func(int) bool { return false }))
	for b.Loop() {
		if rep := mustRun(b, o); rep.Passed != 1000 {
			b.Fatalf("%d passed", rep.Passed)
		}
	}
}
