package ruletest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/cmd/vifd/ruletest"
)

const coverageText = `templates:
  inner: {from-guest: [udp dport 53 accept, udp dport 67 drop]}
  outer:
    params: {strict: {type: bool, default: false}}
    from-guest:
      - include inner
      - if $strict drop
      - counter
    to-guest: [tcp dport 22 drop, tcp dport 23 drop]
  limited: {to-guest: ["limit rate over 10/second drop", "update @calls { ip saddr limit rate over 10/second } drop", "udp dport 9 limit rate over 10/second drop"]}
rules:
  - {name: a, match: {interface: "vif*"}, bridge: br0, firewall: outer}
  - {name: b, match: {interface: "tap*"}, block: true}
tests:
  - name: one
    event: {interface: vif1.0, mac: "00:16:3e:00:00:01"}
    packets:
      - {from-guest: udp dport 53, expect: accept}
      - {to-guest: tcp dport 22, expect: drop}
  - name: two
    template: {template: outer, with: {strict: true}}
    packets: [{from-guest: udp dport 9, expect: drop}]
  - name: three
    template: limited
    packets: [{to-guest: ip saddr 198.51.100.1 tcp dport 9, expect: accept}]
`

// TestCoverage: a rule counts where it decides, a statement where it holds; what is only looked at shows nothing.
func TestCoverage(t *testing.T) {
	t.Parallel()
	o := options(t, coverageText)
	o.Coverage = true
	c := mustRun(t, o).Coverage
	want := &ruletest.Coverage{
		Percent: 54.5, Covered: 6, Total: 11,
		Files: []ruletest.FileCoverage{{
			File: "r.yaml", Rules: ruletest.Ratio{Covered: 1, Total: 2}, Statements: ruletest.Ratio{Covered: 5, Total: 9},
			Missing: []ruletest.Missing{
				{Line: 2, Col: 45, Template: "inner", Direction: "from-guest", Statement: "udp dport 67 drop", Why: "it holds for no packet that gets there"},
				{Line: 8, Col: 9, Template: "outer", Direction: "from-guest", Statement: "counter", Why: "no packet gets there"},
				{Line: 9, Col: 35, Template: "outer", Direction: "to-guest", Statement: "tcp dport 23 drop", Why: "no packet gets there"},
				{Line: 10, Col: 120, Template: "limited", Direction: "to-guest", Statement: "udp dport 9 limit rate over 10/second drop", Why: "it holds for no packet that gets there"},
				{Line: 13, Col: 5, Rule: "b", Why: "no test leads to it"},
			},
		}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCoverageShort: the minimum is compared with the exact ratio, not with what is printed.
func TestCoverageShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		covered, total int
		minimum        float64
		short          bool
	}{{0, 0, 100, false}, {2, 3, 66.7, true}, {2, 3, 66.6, false}, {999, 1000, 100, true}, {1000, 1000, 100, false}, {1, 2, 0, false}} {
		c := ruletest.Coverage{Covered: tt.covered, Total: tt.total, Minimum: tt.minimum}
		if c.Short() != tt.short {
			t.Errorf("%d of %d are short of %g %%: %t", tt.covered, tt.total, tt.minimum, c.Short())
		}
	}
	o := options(t, "tests: []\n")
	o.Coverage = true
	if c := mustRun(t, o).Coverage; c.Percent != 100 || c.Total != 0 || c.Files == nil {
		t.Errorf("of nothing: %+v", c)
	}
}

// TestCoverageOfLibrary: the library's statements count where its tests are run.
func TestCoverageOfLibrary(t *testing.T) {
	t.Parallel()
	o := options(t, "tests: []\n")
	o.Coverage, o.Library = true, true
	c := mustRun(t, o).Coverage
	if c.Total < 50 || c.Covered == 0 || len(c.Files) < 20 {
		t.Errorf("%d of %d in %d files", c.Covered, c.Total, len(c.Files))
	}
}
