package main

import (
	"fmt"
	"strings"

	"vifd/handler"
	"vifd/rules"
)

// substitution is a scalar of the winning rule with what its ${…} stand for.
type substitution struct {
	Key   string     `json:"key"`  // of the rule: bridge, route.uplink, link.alias, guest.mac, link.mtu, nat.forward.port …
	Text  string     `json:"text"` // as written
	Value string     `json:"value,omitempty"`
	Error string     `json:"error,omitempty"`
	Facts []saidFact `json:"facts"`
}

// saidFact is a fact, and who says so; without From nobody knows it, and the default of the substitution counts.
type saidFact struct {
	Fact  string `json:"fact"`
	Value string `json:"value,omitempty"`
	From  string `json:"from,omitempty"`
}

// substitutions are those of a rule, those of names and other texts in the order of the documentation, then numbers and the like in the
// order written; r may be nil.
func substitutions(r *rules.Rule, view *handler.View) []substitution {
	if r == nil {
		return nil
	}
	var list []substitution
	add := func(key string, t rules.Text) {
		if len(t.Facts()) == 0 {
			return
		}
		s := substitution{Key: key, Text: t.String()}
		value, err := t.Expand(view.Facts.Value)
		if s.Value = value; err != nil {
			s.Error = err.Error()
		}
		for _, fact := range t.Facts() {
			value, _ := view.Facts.Value(fact)
			s.Facts = append(s.Facts, saidFact{Fact: fact, Value: value, From: view.Origin(fact)})
		}
		list = append(list, s)
	}
	switch a := &r.Action; a.Kind {
	case rules.Bridge:
		add("bridge", a.Bridge.Name)
	case rules.Route:
		add("route.network", a.Route.Network)
		add("route.uplink", a.Route.Uplink)
	case rules.NAT:
		add("nat.network", a.NAT.Network)
		add("nat.uplink", a.NAT.Uplink)
	case rules.Ignore, rules.Block: // name nothing
	}
	if r.Link.Alias != nil {
		add("link.alias", *r.Link.Alias)
	}
	if r.Guest.MAC != nil {
		add("guest.mac", *r.Guest.MAC)
	}
	for _, ip := range r.Guest.IP {
		add("guest.ip", ip)
	}
	for _, arg := range r.Hooks.Up.Argv {
		add("hooks.up", arg)
	}
	for _, arg := range r.Hooks.Down.Argv {
		add("hooks.down", arg)
	}
	for _, s := range r.Substitutions() {
		add(s.Key, s.Text)
	}
	return list
}

// String is "bridge: ${bridge} is xenbr0 (bridge is xenbr0, says xenstore)".
func (s substitution) String() string {
	var said []string
	for _, f := range s.Facts {
		if f.From == "" {
			said = append(said, fmt.Sprintf("nobody knows %s", f.Fact))
		} else {
			said = append(said, fmt.Sprintf("%s is %s, from %s", f.Fact, f.Value, f.From))
		}
	}
	value := s.Value
	if s.Error != "" {
		value = "nothing: " + s.Error
	}
	return fmt.Sprintf("%s: %s -> %s (%s)", s.Key, s.Text, value, strings.Join(said, "; "))
}
