package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// match reads a rule's `match`.
func (d *decoder) match(n *yaml.Node) Match {
	var m Match
	ok := d.terms(n, "match", func(k, v *yaml.Node) bool {
		if k.Value != "not" {
			return false
		}
		d.terms(v, "not", func(k, _ *yaml.Node) bool {
			if k.Value == "not" {
				d.problem(d.src.node(k), codeUnknownKey, "not inside not", "move its keys one level up, into match")
			}
			return k.Value == "not"
		}, &m.Not)
		return true
	}, &m.Terms)
	if ok && len(n.Content) == 0 {
		d.problem(d.src.node(n), codeEmpty, "match holds no key", `to match every interface write interface: "*"`)
	}
	return m
}

// terms reads a mapping from facts to patterns. Keys that special takes are left to it.
func (d *decoder) terms(n *yaml.Node, what string, special func(k, v *yaml.Node) bool, terms *[]Term) bool {
	if d.src.handled[n] || d.empty(n, what) {
		return false
	}
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, what, "a mapping", `as in match: {interface: "vif*"}`)
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if d.src.handled[k] || special(k, v) {
			continue
		}
		f, ok := lookupFact(k.Value)
		if !ok {
			d.unknownFact(k, what, append(FactNames(), "not"))
			continue
		}
		if v.Kind == yaml.ScalarNode && !d.src.handled[v] && classify(v) == scalarEmpty {
			d.problem(d.src.node(k), codeEmpty, fmt.Sprintf("key %q has no value", k.Value), `to match any value write "*"`)
			continue
		}
		t := Term{Key: k.Value, Pos: d.src.node(k)}
		for _, item := range d.oneOrMore(v, k.Value) {
			if p, ok := d.pattern(item, f); ok {
				t.Patterns = append(t.Patterns, p)
			}
		}
		*terms = append(*terms, t)
	}
	return true
}

func (d *decoder) pattern(n *yaml.Node, f fact) (Pattern, bool) {
	text, ok := d.textOrNumber(n, f.name)
	if !ok {
		return Pattern{}, false
	}
	p, verr := parsePattern(f, text)
	if verr != nil {
		d.value(n, verr)
		return Pattern{}, false
	}
	return p, true
}

func (d *decoder) unknownFact(k *yaml.Node, what string, known []string) {
	key := k.Value
	msg := fmt.Sprintf("unknown key %s in %s", short(key), what)
	hint := suggestion(key, known, "keys are")
	switch {
	case strings.HasPrefix(key, "env."):
		hint = "env.NAME takes the name of a uevent's property: letters, digits and underscores"
	case strings.HasPrefix(key, "attr."):
		hint = "attr.NAME takes the name of a file below the interface's folder in sysfs"
	}
	d.problem(d.src.node(k), codeUnknownKey, msg, hint)
}
