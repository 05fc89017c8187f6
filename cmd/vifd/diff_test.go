package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/rules"
)

const diffOld = `
networks: {xenbr0: {bridge: {create: true}}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [10.0.0.1]}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02"}
templates: {mine: {from-guest: ["ether saddr != $mac drop", "ip saddr != $ip drop"]}}
rules:
  - {name: early, match: {interface: vif9.0}, ignore: true}
  - {name: first, match: {interface: vif1.0}, bridge: xenbr0, firewall: mine}
  - {name: second, match: {interface: vif2.0}, bridge: xenbr0, firewall: mine}
  - {name: going, match: {interface: vif3.0}, block: true}
`

const diffNew = `
networks: {xenbr0: {bridge: {create: true}}, other: {bridge: {create: true}}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [10.0.0.2]}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02"}
templates: {mine: {from-guest: ["ip saddr != $ip drop", "ether saddr != $mac drop"]}}
rules:
  - {name: first, match: {interface: vif1.0}, bridge: xenbr0, firewall: mine}
  - {name: second, match: {interface: vif2.0}, bridge: {name: other, isolated: true}, firewall: mine}
  - {name: coming, match: {interface: vif3.0}, bridge: other}
  - {name: early, match: {interface: vif9.0}, ignore: true}
`

// diff runs diffRules on the host.
func (h *host) diff(t *testing.T, form, older, newer string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command{in: strings.NewReader(""), out: &out, err: &errs, state: h.state, output: form, color: "never"}
	h.Do(t, func() error {
		err = c.diffRules(older, newer)
		return nil
	})
	return out.String(), errs.String(), err
}

func TestDiffRules(t *testing.T) {
	t.Parallel()
	h := newHost(t, diffOld)
	for _, name := range []string{"vif1.0", "vif2.0", "vif3.0", "vif4.0"} {
		h.Guest(t, name, "00:16:3e:00:00:01")
	}
	newer := filepath.Join(filepath.Dir(h.rules), "new.yaml")
	if err := os.WriteFile(newer, []byte(diffNew), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, err := h.diff(t, "text", h.rules, newer)
	if err != nil || errs != "" {
		t.Errorf("%v, %s", err, errs)
	}
	golden(t, "diff", strings.ReplaceAll(out, filepath.Dir(h.rules)+"/", ""))
	out, _, err = h.diff(t, "json", h.rules, newer)
	var d rulesDifference
	if jerr := json.Unmarshal([]byte(out), &d); jerr != nil || err != nil || d.Kind != "RulesDifference" || len(d.Guests) != 3 || d.Present != 4 ||
		len(d.Added) != 1 || len(d.Removed) != 1 || len(d.Moved) != 1 {
		t.Errorf("%v, %v of %s", err, jerr, out)
	}
	if out, _, err := h.diff(t, "text", h.rules, h.rules); err != nil || out != "0 of 4 guests on this host change\n" {
		t.Errorf("with itself: %v, %s", err, out)
	}
	if err := os.WriteFile(newer, []byte("rules: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs, err = h.diff(t, "text", h.rules, newer)
	if err == nil || !strings.Contains(err.Error(), "the rules have errors") || !strings.Contains(errs, "new.yaml:1:") {
		t.Errorf("%v, %s", err, errs)
	}
}

// TestMovedRules: the fewest that can be said to have moved, by all ways to choose those that have not.
func TestMovedRules(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		order := random.Perm(random.IntN(9))
		best := 0
		for choice := range 1 << len(order) {
			last, n := -1, 0
			for i, place := range order {
				if choice&(1<<i) == 0 {
					continue
				}
				if place < last {
					n = -1
					break
				}
				last, n = place, n+1
			}
			best = max(best, n)
		}
		older, newer := make([]rules.Rule, len(order)), make([]rules.Rule, len(order))
		for i, place := range order {
			older[i].Name = string(rune('a' + i))
			newer[i].Name = string(rune('a' + place))
		}
		d := compareRules(older, newer)
		if len(d.Moved) != len(order)-best {
			t.Errorf("%v: %d moved, want %d", order, len(d.Moved), len(order)-best)
		}
		// What has not moved is in the order that it had.
		kept := slices.DeleteFunc(slices.Clone(order), func(place int) bool {
			return slices.ContainsFunc(d.Moved, func(m movedRule) bool { return m.From == place+1 })
		})
		if !slices.IsSorted(kept) {
			t.Errorf("%v: %v stay", order, kept)
		}
	}
}

// TestDiffLines: taking the changes back gives one list, and carrying them out the other.
func TestDiffLines(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	some := func() []string {
		list := make([]string, random.IntN(8))
		for i := range list {
			list[i] = string(rune('a' + random.IntN(4)))
		}
		return list
	}
	for range 500 {
		a, b := some(), some()
		var older, newer []string
		for _, l := range diffLines(a, b) {
			if l.Op != "+" {
				older = append(older, l.Line)
			}
			if l.Op != "-" {
				newer = append(newer, l.Line)
			}
		}
		if !slices.Equal(older, a) || !slices.Equal(newer, b) {
			t.Errorf("%s%s", cmp.Diff(a, older), cmp.Diff(b, newer))
		}
	}
}
