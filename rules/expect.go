package rules

import (
	"net"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Expectation is what a test of the rules expects. What is not asked for is zero.
type Expectation struct {
	Rule     Word
	Action   Word   // as ActionKind.String has it
	Network  Word   // the network's or bridge's name
	Firewall []Word // nil: not asked for; empty: no template
	State    Word   // configured, blocked, failed, ignored or unmatched
	Reason   Word   // is to stand in the reason
	Plan     []Word // each is to stand in a line of the plan's text
	NoPlan   []Word // none may
	MACs     []Word // the guest's, as net.HardwareAddr.String has them; nil: not asked for; empty: nobody knows any
	IPs      []Word // the guest's, as GuestIPText has them, and likewise
	Forwards []Forward
	// ForwardsPos is where Forwards stand; zero: not asked for. They are to be all that the guest has, in whatever order.
	ForwardsPos Pos
}

// testStates are what becomes of a vif, as `vifd status` has it.
var testStates = []string{"configured", "blocked", "failed", "ignored", "unmatched"}

func (d *decoder) expectation(n *yaml.Node) Expectation {
	var e Expectation
	s := schema{
		what:  "expect",
		known: []string{"rule", "action", "network", "firewall", "state", "reason", "guest", "forwards", "plan", "no-plan"},
	}
	d.fields(n, s, func(key string, k, v *yaml.Node) {
		switch key {
		case "rule":
			e.Rule = d.word(v, "a rule's name")
		case "action":
			e.Action = d.choice(v, "the action", actionKeys())
		case "network":
			e.Network = d.word(v, "a network's name")
		case "firewall":
			e.Firewall = d.words(v, "a template's name")
		case "state":
			e.State = d.choice(v, "the state", testStates)
		case "reason":
			e.Reason = d.word(v, "the reason")
		case "guest":
			d.expectedGuest(v, &e)
		case "forwards":
			e.Forwards, e.ForwardsPos = d.forwards(v), d.src.node(k)
		case "plan":
			e.Plan = d.fragments(k, v)
		case "no-plan":
			e.NoPlan = d.fragments(k, v)
		}
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.problem(d.src.node(n), codeEmpty, "expect holds no key", "one of "+strings.Join(s.known, ", "))
	}
	return e
}

// words reads any number of words, none as well: an empty list is an expectation, too.
func (d *decoder) words(n *yaml.Node, what string) []Word {
	words := []Word{}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		if w := d.word(item, what); w.Text != "" {
			words = append(words, w)
		}
	}
	return words
}

// fragments reads what is to stand in a plan. A plan is printed line by line, so nothing of two lines ever does.
func (d *decoder) fragments(k, v *yaml.Node) []Word {
	if v.Kind == yaml.SequenceNode && len(v.Content) == 0 && !d.src.handled[v] {
		d.problem(d.src.node(k), codeEmpty, k.Value+" is an empty list", "write a part of a line, or remove the key")
	}
	words := d.words(v, "a part of the plan")
	for i := range words {
		// A block scalar ends in a line's end that nobody means.
		words[i].Text = strings.TrimRight(words[i].Text, "\n")
		if strings.Contains(words[i].Text, "\n") {
			d.problem(words[i].Pos, codeText, "a part of the plan has several lines, and no line of a plan holds them", "make a list of them")
		}
	}
	return slices.DeleteFunc(words, func(w Word) bool { return w.Text == "" })
}

// expectedGuest reads who is to be behind the vif.
func (d *decoder) expectedGuest(n *yaml.Node, e *Expectation) {
	s := schema{what: "the guest that is expected", known: []string{"mac", "ip"}}
	ok := d.fields(n, s, func(key string, _, v *yaml.Node) {
		if key == "mac" {
			e.MACs = spelled(d, d.words(v, key), parseGuestMAC, net.HardwareAddr.String)
			return
		}
		e.IPs = spelled(d, d.words(v, key), parseGuestIP, GuestIPText)
	})
	if ok && len(n.Content) == 0 {
		d.problem(d.src.node(n), codeEmpty, s.what+" has no key", "mac, ip or both; [] is none")
	}
}

// spelled gives each word the spelling that it is compared in.
func spelled[T any](d *decoder, words []Word, parse func(string) (T, *valueError), text func(T) string) []Word {
	kept := words[:0]
	for _, w := range words {
		value, verr := parse(w.Text)
		if verr != nil {
			d.problem(w.Pos, verr.code, verr.msg, verr.hint)
			continue
		}
		kept = append(kept, Word{text(value), w.Pos})
	}
	return kept
}
