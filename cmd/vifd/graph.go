package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vifd/internal/ctl"
	"vifd/rules"
)

// graphForms are the values of `vifd graph -o`.
func graphForms() []string { return []string{"mermaid", "dot", "json"} }

func (c *command) graph() *cobra.Command {
	var form string
	var live bool
	cmd := &cobra.Command{
		Use:   "graph [NAME…]",
		Short: "draw which rules lead where: actions, networks, uplinks, templates",
		Long: "graph draws the rules, in order, with the networks that they lead to, those's uplinks, and the firewall templates with what they\n" +
			"include; with --live also the host's vifs and their state, from the listener or from the records. With names, of rules, networks or\n" +
			"templates, it draws what hangs together with them. The result is for mermaid, which shows in many places that read Markdown, for\n" +
			"Graphviz (dot), or JSON: nodes and edges.\n\n    vifd graph -o dot | dot -T svg >rules.svg",
		RunE: func(_ *cobra.Command, names []string) error {
			if !slices.Contains(graphForms(), form) {
				return exit(exitUsage, fmt.Errorf("--output %q is not one of %s", form, strings.Join(graphForms(), ", ")))
			}
			return c.runGraph(names, form, live)
		},
	}
	cmd.Flags().StringVarP(&form, "output", "o", "mermaid", "`form` of the drawing: "+strings.Join(graphForms(), ", "))
	cmd.Flags().BoolVar(&live, "live", false, "draw the host's vifs as well")
	return cmd
}

func (c *command) runGraph(names []string, form string, live bool) error {
	set, report := c.load(nil)
	if set == nil {
		if err := report.WriteText(c.err, c.colored(c.err)); err != nil {
			return exit(exitCannot, err)
		}
		return exit(exitCannot, report.Err())
	}
	g := newGraph(set)
	if live {
		status, err := c.liveStatus()
		if err != nil {
			return exit(exitFailed, err)
		}
		g.addVifs(status.Vifs)
	}
	if len(names) > 0 {
		known := graphNames(set)
		for _, name := range names {
			if !slices.Contains(known, name) {
				return exit(exitUsage, fmt.Errorf("no rule, network or template is called %q", name))
			}
		}
		g = g.around(names)
	}
	var text string
	switch form {
	case "json":
		return c.printJSON(g)
	case "dot":
		text = g.dot()
	default:
		text = g.mermaid()
	}
	if _, err := io.WriteString(c.out, text); err != nil {
		return exit(exitCannot, fmt.Errorf("write the graph: %w", err))
	}
	return nil
}

// liveStatus is the listener's; without one it is what the records say.
func (c *command) liveStatus() (ctl.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
	defer cancel()
	status, err := ctl.NewClient(c.state).Status(ctx)
	if errors.Is(err, ctl.ErrNoListener) {
		return c.recordedStatus()
	}
	return status, err
}

// graphNames are what a graph can be drawn around.
func graphNames(set *rules.Set) []string {
	names := slices.Collect(maps.Keys(set.Networks))
	for i := range set.Rules {
		names = append(names, set.Rules[i].Name)
	}
	for name := range templatesOf(set) {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// graph is a drawing without its form.
type graph struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Nodes      []graphNode `json:"nodes"`
	Edges      []graphEdge `json:"edges"`

	ids map[[2]string]string // by kind and name
}

// graphNode is a rule, action, network, uplink, template or vif.
type graphNode struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // a network's kind, a vif's state
}

type graphEdge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Label string `json:"label,omitempty"`
}

// node returns the id of a node, which is made when it is first asked for.
func (g *graph) node(kind, name, detail string) string {
	key := [2]string{kind, name}
	if id, ok := g.ids[key]; ok {
		return id
	}
	id := fmt.Sprintf("n%d", len(g.Nodes)+1)
	g.ids[key] = id
	g.Nodes = append(g.Nodes, graphNode{id, kind, name, detail})
	return id
}

func (g *graph) edge(from, to, label string) {
	if e := (graphEdge{from, to, label}); !slices.Contains(g.Edges, e) {
		g.Edges = append(g.Edges, e)
	}
}

func newGraph(set *rules.Set) *graph {
	g := &graph{APIVersion: ctl.APIVersion, Kind: "Graph", Nodes: []graphNode{}, Edges: []graphEdge{}, ids: map[[2]string]string{}}
	for i := range set.Rules {
		g.node("rule", set.Rules[i].Name, "") // the rules come first, in their order
	}
	for i := range set.Rules {
		r := &set.Rules[i]
		id := g.node("rule", r.Name, "")
		g.addAction(set, id, &r.Action)
		for n, ref := range r.Firewall {
			g.edge(id, g.node("template", ref.Name, ""), fmt.Sprintf("firewall %d", n+1))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set.Networks)) {
		g.addNetwork(set, name)
	}
	for _, name := range slices.Sorted(maps.Keys(templatesOf(set))) {
		t := set.Templates[name]
		for _, list := range [][]rules.Statement{t.FromGuest, t.ToGuest} {
			for i := range list {
				if in := list[i].Include; in != nil {
					g.edge(g.node("template", name, ""), g.node("template", in.Template, ""), "include")
				}
			}
		}
	}
	return g
}

// templatesOf are the templates that rules use, with those that they include, and the user's own.
func templatesOf(set *rules.Set) map[string]bool {
	used := set.UsedTemplates()
	for name, t := range set.Templates {
		if !t.Library {
			set.Reach(used, name)
		}
	}
	return used
}

func (g *graph) addAction(set *rules.Set, rule string, a *rules.Action) {
	uplink := rules.Text{}
	switch a.Kind {
	case rules.Ignore, rules.Block:
		g.edge(rule, g.node("action", a.Kind.String(), ""), "")
		return
	case rules.Route:
		uplink = a.Route.Uplink
	case rules.NAT:
		uplink = a.NAT.Uplink
	case rules.Bridge:
	}
	network := a.Network()
	if text := network.String(); text != "" {
		if literal, ok := network.Literal(); ok {
			text = literal
			if _, declared := set.Networks[text]; declared {
				g.edge(rule, g.addNetwork(set, text), a.Kind.String())
				return
			}
		}
		g.edge(rule, g.node("network", text, a.Kind.Network().String()), a.Kind.String())
		return
	}
	g.edge(rule, g.node("uplink", uplink.String(), ""), a.Kind.String())
}

// addNetwork draws a declared network and its uplink.
func (g *graph) addNetwork(set *rules.Set, name string) string {
	n := set.Networks[name]
	id := g.node("network", name, n.Kind.String())
	uplink := ""
	switch n.Kind {
	case rules.BridgeNetwork:
		uplink = n.Bridge.Uplink
	case rules.RouteNetwork:
		uplink = n.Route.Uplink
	case rules.NATNetwork:
		uplink = n.NAT.Uplink
	}
	if uplink != "" {
		g.edge(id, g.node("uplink", uplink, ""), "uplink")
	}
	return id
}

// addVifs draws the vifs that are there, each at the rule that decided about it.
func (g *graph) addVifs(vifs []ctl.VifStatus) {
	for _, v := range vifs {
		id := g.node("vif", v.Interface, v.State)
		if v.Rule != "" {
			g.edge(id, g.node("rule", v.Rule, ""), "")
		}
	}
}

// around is what hangs together with names: what they lead to, and what leads to them.
func (g *graph) around(names []string) *graph {
	kept := map[string]bool{}
	var follow func(id string, forward bool)
	seen := map[string]map[bool]bool{}
	follow = func(id string, forward bool) {
		if seen[id][forward] {
			return
		}
		if seen[id] == nil {
			seen[id] = map[bool]bool{}
		}
		seen[id][forward], kept[id] = true, true
		for _, e := range g.Edges {
			if forward && e.From == id {
				follow(e.To, forward)
			} else if !forward && e.To == id {
				follow(e.From, forward)
			}
		}
	}
	for _, n := range g.Nodes {
		if slices.Contains(names, n.Name) && slices.Contains([]string{"rule", "network", "template"}, n.Kind) {
			follow(n.ID, true)
			follow(n.ID, false)
		}
	}
	part := *g
	part.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n graphNode) bool { return !kept[n.ID] })
	part.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e graphEdge) bool { return !kept[e.From] || !kept[e.To] })
	return &part
}
