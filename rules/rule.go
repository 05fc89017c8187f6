package rules

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// actionKeys are the keys of a rule of which it has exactly one.
func actionKeys() []string { return []string{"bridge", "route", "nat", "ignore", "block"} }

// String returns the action's key in a rule.
func (k ActionKind) String() string {
	switch k {
	case Block:
		return "block"
	case Bridge:
		return "bridge"
	case Route:
		return "route"
	case NAT:
		return "nat"
	case Ignore:
		return "ignore"
	default:
		return "ignore"
	}
}

// rule reads one entry of `rules`.
func (d *decoder) rule(n *yaml.Node) {
	var r Rule
	d.late = &late{src: d.src, rule: n, depth: len(d.path)}
	r.late = d.late
	before := len(d.rep.Problems)
	ok := d.ruleKeys(n, &r)
	d.byDefault(before)
	if ok {
		d.ownFacts(&r)
	}
	clear(d.src.stands)
	if len(d.late.list) == 0 || r.Action.Kind.Network() == 0 {
		r.late = nil
	}
	d.late = nil
	if ok {
		d.set.set.Rules = append(d.set.set.Rules, r)
	}
}

// ruleKeys reads what a rule says; when facts are put in, what they may be in.
func (d *decoder) ruleKeys(n *yaml.Node, r *Rule) bool {
	beside := map[string]*yaml.Node{} // keys that only some actions heed
	s := schema{
		what:     "a rule",
		known:    []string{"name", "match", "bridge", "route", "nat", "ignore", "block", "firewall", "guest", "rate", "link", "hooks"},
		required: []string{"name", "match"},
	}
	ok := d.fields(n, s, func(key string, k, v *yaml.Node) {
		if d.filling != nil && slices.Contains([]string{"name", "match", "firewall"}, key) {
			return
		}
		switch key {
		case "name":
			r.Name = d.ruleName(v)
		case "match":
			r.Match = d.match(v)
		case "bridge":
			r.Action = Action{Kind: Bridge, Pos: d.src.node(k), Bridge: d.bridge(v)}
		case "route":
			r.Action = Action{Kind: Route, Pos: d.src.node(k), Route: d.route(v)}
		case "nat":
			r.Action = Action{Kind: NAT, Pos: d.src.node(k), NAT: d.nat(v)}
		case "ignore":
			d.bareAction(k, v)
			r.Action = Action{Kind: Ignore, Pos: d.src.node(k)}
		case "block":
			d.bareAction(k, v)
			r.Action = Action{Kind: Block, Pos: d.src.node(k)}
		case "firewall":
			beside[key] = k
			r.Firewall = d.firewall(v)
		case "guest":
			beside[key] = k
			r.Guest = d.guestOverride(v)
		case "rate":
			beside[key] = k
			r.Rate = d.rate(v)
		case "link":
			beside[key] = k
			r.Link = d.link(v)
		case "hooks":
			beside[key] = k
			r.Hooks = d.hooks(v)
		}
	})
	if !ok {
		return false
	}
	r.Pos = d.src.node(n)
	if !d.oneAction(n, r.Pos) {
		return false
	}
	switch r.Action.Kind {
	case Bridge:
		r.Action.Bridge.MTU = r.Link.MTU
	case Ignore, Block:
		d.noEffect(r, beside)
	case Route, NAT:
	}
	d.checkBurst(r, beside)
	return true
}

// noEffect warns of what a rule that connects nothing says about the connection.
func (d *decoder) noEffect(r *Rule, beside map[string]*yaml.Node) {
	if r.Action.Pos == (Pos{}) {
		return // its value has been reported
	}
	r.Rate, r.Link, r.Hooks = Rate{}, Link{}, Hooks{}
	for _, key := range []string{"firewall", "guest", "rate", "link", "hooks"} {
		if k := beside[key]; k != nil {
			d.warn(d.src.node(k), codeNoEffect, fmt.Sprintf("%s has no effect in a rule with %s: true", key, r.Action.Kind), "remove it")
		}
	}
}

func (d *decoder) ruleName(n *yaml.Node) string {
	name, ok := d.text(n, "a rule's name")
	if !ok || !d.name(n, "a rule", name) {
		return ""
	}
	if !d.twice(n, fmt.Sprintf("rule %q is defined", name), d.set.rules[name]) {
		d.set.rules[name] = d.src.node(n)
	}
	return name
}

// bareAction checks that ignore or block is followed by true.
func (d *decoder) bareAction(k, v *yaml.Node) {
	if d.holdsFact(v) {
		d.noFact(v, k.Value, ofRule, "match the fact instead")
		return
	}
	if yes, ok := d.boolean(v, k.Value); ok && !yes {
		d.problem(d.src.node(v), codeChoice, fmt.Sprintf("%s: false is no action", k.Value), "remove the key")
	}
}

// oneAction counts the actions among a rule's keys, those not built yet included.
func (d *decoder) oneAction(n *yaml.Node, pos Pos) bool {
	var first *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if d.src.handled[k] || !slices.Contains(actionKeys(), k.Value) {
			continue
		}
		if first != nil {
			d.rep.add(Problem{
				Pos: d.src.node(k), Code: codeOneAction, Msg: fmt.Sprintf("a rule has one action, and this one has %s and %s", first.Value, k.Value),
				Hint: "make two rules of it", Related: &Related{Pos: d.src.node(first), Msg: "the first action is here"},
			})
			return false
		}
		first = k
	}
	if first == nil {
		d.problem(pos, codeNoAction, "a rule needs an action", "one of bridge, route, nat, ignore: true and block: true")
		return false
	}
	return true
}

// guestOverride reads a rule's `guest`.
func (d *decoder) guestOverride(n *yaml.Node) GuestOverride {
	var g GuestOverride
	s := schema{what: "guest", known: []string{"mac", "ip"}}
	d.fields(n, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "mac":
			mac, ok := d.expandable(v, "mac", func(s string) *valueError { _, verr := parseGuestMAC(s); return verr })
			if ok {
				g.MAC = &mac
			}
		case "ip":
			for _, item := range d.oneOrMore(v, "ip") {
				ip, ok := d.expandable(item, "ip", func(s string) *valueError { _, verr := parseGuestIP(s); return verr })
				if ok {
					g.IP = append(g.IP, ip)
				}
			}
		}
	})
	return g
}
