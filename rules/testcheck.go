package rules

import (
	"fmt"
	"strings"
)

// checkTests checks that what the tests name is there.
func (b *builder) checkTests(rep *Report) {
	networks := b.networkNames()
	for i := range b.set.Tests {
		t := &b.set.Tests[i]
		if t.Template.Name != "" {
			b.checkRef(rep, &t.Template)
		}
		b.checkExpectation(rep, t, &networks)
		for j := range t.Packets {
			if by := t.Packets[j].By; by.Text != "" && b.templates[by.Text] == nil {
				b.unknownTemplate(rep, by.Pos, by.Text)
			}
		}
	}
}

func (b *builder) checkExpectation(rep *Report, t *Test, networks *networkNames) {
	e := &t.Expect
	for _, w := range e.Firewall {
		if b.templates[w.Text] == nil {
			b.unknownTemplate(rep, w.Pos, w.Text)
		}
	}
	if b.unread || rep.full {
		return // what the others would name may be in a file that could not be read
	}
	if _, known := b.rules[e.Rule.Text]; !known && e.Rule.Text != "" {
		rep.add(Problem{
			Pos: e.Rule.Pos, Code: codeNoRule, Msg: fmt.Sprintf("unknown rule %s", short(e.Rule.Text)), Hint: suggestion(e.Rule.Text, sortedKeys(b.rules), "rules are"),
		})
	}
	if e.Network.Text == "" {
		return
	}
	if w := e.Network; !networks.names[w.Text] && !networks.mayBe(t.Event) {
		rep.add(Problem{
			Pos: w.Pos, Code: codeNoNetwork, Msg: fmt.Sprintf("unknown network %s", short(w.Text)),
			Hint: suggestion(w.Text, sortedKeys(networks.names), "networks and bridges are"),
		})
	}
}

// networkNames is what the rules can name as a network or bridge.
type networkNames struct {
	names map[string]bool // declared, named by a rule, or by the defaults of one
	facts map[string]bool // that make up other names
}

func (b *builder) networkNames() networkNames {
	n := networkNames{map[string]bool{}, map[string]bool{}}
	for name := range b.set.Networks {
		n.names[name] = true
	}
	for i := range b.set.Rules {
		text := b.set.Rules[i].Action.Network()
		if name, ok := text.defaults(); ok && name != "" {
			n.names[name] = true
		}
		for _, fact := range text.Facts() {
			n.facts[fact] = true
		}
	}
	return n
}

// mayBe reports whether an event can lead to other names: it has one of their facts, or one is known without being given, from the
// interface's name or the inventory.
func (n *networkNames) mayBe(event Event) bool {
	for fact := range event {
		// What xenstore says of a vif has two names: bridge and xen.bridge.
		if n.facts[fact] || n.facts["xen."+fact] || n.facts[strings.TrimPrefix(fact, "xen.")] {
			return true
		}
	}
	for _, fact := range []string{"domid", "vifid", "kind", "mac", "ip", "domain"} {
		if n.facts[fact] {
			return true
		}
	}
	return false
}
