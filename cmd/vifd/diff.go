package main

import (
	"context"
	"fmt"
	"slices"

	"vifd/handler"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xenstore"
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
