package matcher

import (
	"errors"
	"strings"
	"testing"

	"vifd/rules"
)

const lateValues = `
rules:
  - {name: plain, match: {env.HOW: plain}, bridge: "${env.NET:-xenbr0}", link: {mtu: 1400}}
  - {name: late, match: {env.HOW: late}, bridge: {name: "${env.NET:-xenbr0}", vlan: {untagged: "${env.VLAN}"}}, link: {mtu: "${env.MTU:-1400}", alias: "${env.MTU:-usual}"}}
  - {name: none, match: {interface: "*"}, block: true, link: {mtu: "${env.MTU}"}}
`

// TestDecideFills: the decision's rule is the vif's own, and a rule that facts decide nothing in is the load's itself.
func TestDecideFills(t *testing.T) {
	m := load(t, lateValues)
	set := m.Rules()
	d, err := m.Decide(m.Facts(given{"interface": "vif1.0", "env.HOW": "plain", "env.MTU": "9000"}))
	if err != nil || d.Rule != &set.Rules[0] {
		t.Errorf("a plain rule: %p, want %p, %v", d.Rule, &set.Rules[0], err)
	}
	for mtu, want := range map[string]int{"": 1400, "9000": 9000} {
		d, err = m.Decide(m.Facts(given{"interface": "vif1.0", "env.HOW": "late", "env.VLAN": "7", "env.MTU": mtu}))
		if err != nil || d.Rule.Name != "late" || d.Rule.Link.MTU != want || d.Rule.Action.Bridge.MTU != want || d.Rule.Action.Bridge.VLAN.Untagged != 7 || d.Bridge != "xenbr0" {
			t.Errorf("mtu %q: %+v, %v", mtu, d.Rule, err)
		}
	}
	if r := &set.Rules[1]; r.Link.MTU != 1400 || r.Action.Bridge.VLAN.Untagged != 0 {
		t.Errorf("the load's rule has changed: %+v", r)
	}
	d, err = m.Decide(m.Facts(given{"interface": "vif1.0", "env.HOW": "late", "env.VLAN": "4095"}))
	const nonsense = `rule "late": t.yaml:4:96: untagged is from 1 to 4094, found 4095 (env.VLAN is "4095")`
	if err == nil || strings.ReplaceAll(err.Error(), set.Files[0], "t.yaml") != nonsense || d.RuleName() != "late" || d.Kind != rules.Bridge {
		t.Errorf("nonsense: %v, want %s", err, nonsense)
	}
	d, err = m.Decide(m.Facts(given{"interface": "vif1.0", "env.HOW": "late"}))
	var unset *rules.UnsetFactError
	if !errors.As(err, &unset) || unset.Fact != "env.VLAN" || !strings.HasPrefix(err.Error(), `rule "late": bridge.vlan.untagged: `) || d.RuleName() != "late" {
		t.Errorf("nobody knows the fact: %v", err)
	}
	if d, err = m.Decide(m.Facts(given{"interface": "vif1.0"})); err != nil || d.Kind != rules.Block {
		t.Errorf("what has no effect: %+v, %v", d, err)
	}
}
