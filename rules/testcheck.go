package rules

import (
	"fmt"
	"strings"

	"vifd/internal/nearest"
)

// checkTests checks that what the tests name is there.
func (b *builder) checkTests(rep *Report) {
	networks := b.networkNames()
	for i := range b.set.Tests {
		t := &b.set.Tests[i]
		if name := t.Template.Name; b.testsApart && name != "" && b.templates[name] == nil {
			b.noTemplate(rep, t, Word{name, t.Template.Pos})
		} else if name != "" {
			b.checkRef(rep, &t.Template)
		}
		b.checkExpectation(rep, t, &networks)
		for j := range t.Packets {
			b.noTemplate(rep, t, t.Packets[j].By)
		}
	}
}

func (b *builder) checkExpectation(rep *Report, t *Test, networks *networkNames) {
	e := &t.Expect
	for _, w := range e.Firewall {
		b.noTemplate(rep, t, w)
	}
	if b.unread || rep.full {
		return // what the others would name may be in a file that could not be read
	}
	if _, known := b.rules[e.Rule.Text]; !known && e.Rule.Text != "" {
		b.nothing(rep, t, e.Rule, "rule", sortedKeys(b.rules), Problem{Code: codeNoRule, Hint: "rules are"})
	}
	if e.Network.Text == "" {
		return
	}
	if w := e.Network; !networks.names[w.Text] && !networks.mayBe(t.Event) {
		b.nothing(rep, t, w, "network", sortedKeys(networks.names), Problem{Code: codeNoNetwork, Hint: "networks and bridges are"})
	}
}

func (b *builder) noTemplate(rep *Report, t *Test, w Word) {
	switch {
	case w.Text == "" || b.templates[w.Text] != nil:
	case b.testsApart:
		t.nothing(w, "template", b.templateNames())
	default:
		b.unknownTemplate(rep, w.Pos, w.Text)
	}
}

// nothing reports, or has the test know, that nothing is called as a word of it says. The problem's Hint leads what there is.
func (b *builder) nothing(rep *Report, t *Test, w Word, what string, known []string, p Problem) {
	if b.testsApart {
		t.nothing(w, what, known)
		return
	}
	p.Pos, p.Msg, p.Hint = w.Pos, fmt.Sprintf("unknown %s %s", what, short(w.Text)), suggestion(w.Text, known, p.Hint)
	rep.add(p)
}

func (t *Test) nothing(w Word, what string, known []string) {
	if t.unknown == nil {
		t.unknown = map[Pos]string{}
	}
	t.unknown[w.Pos] = "there is no such " + what
	if hint := nearest.Hint(w.Text, known); hint != "" {
		t.unknown[w.Pos] += "; " + hint
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
