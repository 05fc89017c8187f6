package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vifd/actions/bridge"
	"vifd/actions/route"
	"vifd/handler"
	"vifd/internal/rtnl"
)

// decision is what rules make of one link.
type decision struct {
	fields []fieldDiff // with New alone
	guard  []string
	plan   []string
}

// decisionFields are what is compared of a decision in words, in the order in which it is told.
var decisionFields = [...]string{"rule", "action", "network", "firewall", "state", "reason", "uplink", "dhcp", "advertised", "dns", "domain", "lease", "told mtu"}

// newDecision decides; nil: the link is the host's own.
func newDecision(ctx context.Context, locator handler.Locator, rs *handler.Ruleset, view *handler.View, l *rtnl.Link) (*decision, error) {
	if !view.Ours {
		return nil, nil
	}
	plan := rs.Plan(l, view.Facts)
	switch err := plan.Locate(ctx, locator); {
	case errors.Is(err, route.ErrNoUplink):
		plan.Route.Uplink.Ifindex = -1 // as a bridge that is not there, it is taken to be
	case err != nil:
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", printable(l.Name), err))
	}
	d := &decision{fields: []fieldDiff{
		{Field: "rule", New: plan.Decision.RuleName()},
		{Field: "action", New: plan.Action},
		{Field: "network", New: plan.Network()},
		{Field: "firewall", New: strings.Join(plan.Firewall, ", ")},
		{Field: "state", New: plan.State},
		{Field: "reason", New: plan.Reason},
	}}
	d.fields = append(d.fields, networkFields(rs, &plan)...)
	elements := 0
	if plan.Guest != nil {
		text, err := rs.Program().Guard(plan.Guest)
		if err != nil {
			return nil, exit(exitFailed, err)
		}
		for _, command := range plan.Guest.Plan() {
			d.guard = append(d.guard, strings.TrimPrefix(command, "add "))
		}
		elements = len(d.guard) // which the plan begins with
		d.guard = append(d.guard, guardRules(text)...)
	}
	now := bridge.Actual{Link: rtnl.Link{Index: l.Index, Name: l.Name, Kind: l.Kind, MTU: l.MTU}}
	if plan.Route != nil || plan.Port != nil && plan.Port.MTU != 0 {
		now.Link.MTU = 0 // the link may have the wanted one from the older rules, and it is to be seen all the same
	}
	if plan.Port != nil && !plan.Port.Create {
		now.Bridge = &rtnl.Link{Index: -1, Name: plan.Port.Bridge, Kind: rtnl.KindBridge, MTU: l.MTU}
	}
	d.plan = plan.Text(now)[elements:]
	return d, nil
}

// guardRules are the rules of a guard's chains, each with its family and chain.
func guardRules(text string) []string {
	var list []string
	family, chain := "", ""
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 4 && words[0] == "table":
			family = words[1]
		case len(words) == 3 && words[2] == "{":
			chain = ""
			if words[0] == "chain" {
				chain = words[1]
			}
		case chain != "" && len(words) > 0 && words[0] != "}":
			list = append(list, fmt.Sprintf("rule %s %s %s", family, chain, strings.TrimSpace(line)))
		}
	}
	return list
}

func compareDecisions(l *rtnl.Link, was, will *decision) (guestDifference, bool) {
	g := guestDifference{Interface: l.Name, Ifindex: l.Index, Fields: []fieldDiff{}}
	// Of what becomes the host's own, or has been it until now, nothing is wanted.
	for _, d := range []**decision{&was, &will} {
		if *d == nil {
			*d = &decision{fields: []fieldDiff{{Field: "state", New: stateHost}}}
		}
	}
	value := func(d *decision, field string) string {
		for _, f := range d.fields {
			if f.Field == field {
				return f.New
			}
		}
		return ""
	}
	for _, field := range decisionFields {
		if a, b := value(was, field), value(will, field); a != b {
			g.Fields = append(g.Fields, fieldDiff{field, a, b})
		}
	}
	g.Guard, g.Plan = onlyChanges(diffLines(was.guard, will.guard)), onlyChanges(diffLines(was.plan, will.plan))
	return g, len(g.Fields)+len(g.Guard)+len(g.Plan) > 0
}
