package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifd/actions/bridge"
	"vifd/actions/route"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xenstore"
	"vifd/rules"
)

// rulesDifference is what diffRules prints.
type rulesDifference struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Added      []rulePlace       `json:"added"`
	Removed    []rulePlace       `json:"removed"`
	Moved      []movedRule       `json:"moved"` // before or behind others
	Guests     []guestDifference `json:"guests"`
	Present    int               `json:"present"` // guests on this host
}

type rulePlace struct {
	Rule string `json:"rule"`
	Pos  string `json:"pos"`
}

type movedRule struct {
	Rule string `json:"rule"`
	From int    `json:"from"` // its number among the old rules, from 1
	To   int    `json:"to"`
}

// guestDifference is how one guest of this host would change.
type guestDifference struct {
	Interface string       `json:"interface"`
	Ifindex   int          `json:"ifindex"`
	Fields    []fieldDiff  `json:"fields"`          // as decisionFields
	Guard     []lineChange `json:"guard,omitempty"` // of what judges it, as nft lists it
	Plan      []lineChange `json:"plan,omitempty"`  // of what it takes to connect it, from nothing
}

type fieldDiff struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

type lineChange struct {
	Op   string `json:"op"` // - or +
	Line string `json:"line"`
}

// diffRules says what would be otherwise with the rules of another file or folder: which rules come, go and move, and which guests
// that are on this host would change, and how. It exits with 1 where either has errors.
func (c *command) diffRules(older, newer string) error {
	records, err := c.records()
	if err != nil {
		return exit(exitFailed, err)
	}
	c.scripts = handler.CalledAs(records)
	before, err := c.rulesOf(older)
	if err != nil {
		return err
	}
	after, err := c.rulesOf(newer)
	if err != nil {
		return err
	}
	d := compareRules(before.Set().Rules, after.Set().Rules)
	conn, err := rtnl.Dial()
	if err != nil {
		return exit(exitCannot, err)
	}
	defer conn.Close()
	store := xenstore.New()
	defer store.Close() //nolint:errcheck // it was only read from
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	links, err := conn.Links(ctx)
	if err != nil {
		return exit(exitCannot, err)
	}
	slices.SortFunc(links, func(a, b rtnl.Link) int { return vif.CompareNames(a.Name, b.Name) })
	locator := newKeptLocator(conn)
	for i := range links {
		l := &links[i]
		decide := func(rs *handler.Ruleset) (*decision, error) {
			view, err := rs.View(ctx, sysfs, store, l, recordOf(records, l.Index), nil)
			if err != nil {
				return nil, exit(exitFailed, fmt.Errorf("%s: %w", printable(l.Name), err))
			}
			return newDecision(ctx, locator, rs, view, l)
		}
		was, err := decide(before)
		if err != nil {
			return err
		}
		will, err := decide(after)
		if err != nil {
			return err
		}
		if was == nil && will == nil {
			continue
		}
		d.Present++
		if g, differs := compareDecisions(l, was, will); differs {
			d.Guests = append(d.Guests, g)
		}
	}
	if c.output == "json" {
		return c.printJSON(d)
	}
	d.print(c)
	return nil
}

// rulesOf loads the rules of one file or folder; problems are printed to standard error.
func (c *command) rulesOf(path string) (*handler.Ruleset, error) {
	set, report := c.load([]string{path})
	if set == nil {
		if err := report.WriteText(c.err, c.colored(c.err)); err != nil {
			return nil, exit(exitCannot, err)
		}
		return nil, exit(exitFailed, fmt.Errorf("%s: the rules have errors", path))
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", path, err))
	}
	return rs, nil
}

// compareRules tells which rules come, go, and are before or behind others that they were not before or behind.
func compareRules(older, newer []rules.Rule) *rulesDifference {
	d := &rulesDifference{
		APIVersion: ctl.APIVersion, Kind: "RulesDifference", Added: []rulePlace{}, Removed: []rulePlace{}, Moved: []movedRule{}, Guests: []guestDifference{},
	}
	was, is := make(map[string]int), make(map[string]bool)
	for i := range older {
		was[older[i].Name] = i
	}
	var places []int // of those that stay, in their new order
	for i := range newer {
		name := newer[i].Name
		is[name] = true
		if place, stays := was[name]; stays {
			places = append(places, place)
		} else {
			d.Added = append(d.Added, rulePlace{name, newer[i].Pos.String()})
		}
	}
	for i := range older {
		if !is[older[i].Name] {
			d.Removed = append(d.Removed, rulePlace{older[i].Name, older[i].Pos.String()})
		}
	}
	rising := longestRising(places)
	for i := range newer {
		if place, stays := was[newer[i].Name]; stays && !rising[place] {
			d.Moved = append(d.Moved, movedRule{newer[i].Name, place + 1, i + 1})
		}
	}
	return d
}

// longestRising returns a longest part of a list of different numbers in which each is larger than the one before.
func longestRising(list []int) map[int]bool {
	var ends []int // the places in list of the smallest number that a part of each length can end in
	before := make([]int, len(list))
	for i, n := range list {
		at, _ := slices.BinarySearchFunc(ends, n, func(place, n int) int { return list[place] - n })
		before[i] = -1
		if at > 0 {
			before[i] = ends[at-1]
		}
		if at == len(ends) {
			ends = append(ends, i)
		} else {
			ends[at] = i
		}
	}
	part := make(map[int]bool)
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			part[list[i]] = true
		}
	}
	return part
}

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

func onlyChanges(list []lineChange) []lineChange {
	return slices.DeleteFunc(list, func(l lineChange) bool { return l.Op == "" })
}

// diffLines compares two lists by a longest common part of theirs; what is in both has no Op.
func diffLines(a, b []string) []lineChange {
	common := make([][]int, len(a)+1) // how long it is from i and j on
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var list []lineChange
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			list = append(list, lineChange{"", a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			list = append(list, lineChange{"-", a[i]})
			i++
		default:
			list = append(list, lineChange{"+", b[j]})
			j++
		}
	}
	return list
}

func (d *rulesDifference) print(c *command) {
	for _, r := range d.Removed {
		fmt.Fprintf(c.out, "- rule %s (%s)\n", r.Rule, printable(r.Pos))
	}
	for _, r := range d.Added {
		fmt.Fprintf(c.out, "+ rule %s (%s)\n", r.Rule, printable(r.Pos))
	}
	for _, r := range d.Moved {
		fmt.Fprintf(c.out, "~ rule %s: number %d, was %d\n", r.Rule, r.To, r.From)
	}
	for _, g := range d.Guests {
		fmt.Fprintf(c.out, "%s (ifindex %d)\n", printable(g.Interface), g.Ifindex)
		for _, f := range g.Fields {
			fmt.Fprintf(c.out, "  %s: %s -> %s\n", f.Field, dash(printable(f.Old)), dash(printable(f.New)))
		}
		for _, part := range []struct {
			name  string
			lines []lineChange
		}{{"guard", g.Guard}, {"plan", g.Plan}} {
			if len(part.lines) > 0 {
				fmt.Fprintf(c.out, "  %s:\n", part.name)
			}
			for _, l := range part.lines {
				fmt.Fprintf(c.out, "    %s %s\n", l.Op, printable(l.Line))
			}
		}
	}
	fmt.Fprintf(c.out, "%d of %d guests on this host change\n", len(d.Guests), d.Present)
}
