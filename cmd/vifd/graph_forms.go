package main

import (
	"fmt"
	"strings"
	"unicode"
)

// Names are anybody's: those of vifs a guest's owner chooses, those of rules whoever writes them. Nodes have names of our own, and all
// else stands in labels, where nothing of it may end the label or mean something in it.

// mermaid draws the graph for mermaid (flowchart).
func (g *graph) mermaid() string {
	shapes := map[string][2]string{
		"rule": {"[", "]"}, "network": {"([", "])"}, "uplink": {"[/", "/]"}, "template": {"[[", "]]"}, "action": {"{{", "}}"}, "vif": {"((", "))"},
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range g.Nodes {
		s := shapes[n.Kind]
		fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", n.ID, s[0], mermaidText(n.label()), s[1])
	}
	for _, e := range g.Edges {
		if e.Label == "" {
			fmt.Fprintf(&b, "    %s --> %s\n", e.From, e.To)
			continue
		}
		fmt.Fprintf(&b, "    %s -->|\"%s\"| %s\n", e.From, mermaidText(e.Label), e.To)
	}
	return b.String()
}

// dot draws the graph for Graphviz.
func (g *graph) dot() string {
	shapes := map[string]string{"rule": "box", "network": "ellipse", "uplink": "parallelogram", "template": "component", "action": "hexagon", "vif": "circle"}
	var b strings.Builder
	b.WriteString("digraph vifd {\n    rankdir=LR;\n")
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "    %s [shape=%s, label=\"%s\"];\n", n.ID, shapes[n.Kind], dotText(n.label()))
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "    %s -> %s [label=\"%s\"];\n", e.From, e.To, dotText(e.Label))
	}
	b.WriteString("}\n")
	return b.String()
}

func (n *graphNode) label() string {
	if n.Detail == "" {
		return n.Name
	}
	return n.Name + " (" + n.Detail + ")"
}

// mermaidText writes all but letters, digits and what is harmless by its number: a label is read as Markdown and as HTML, and its
// quotes cannot be escaped otherwise (mermaid's manual, Flowcharts, Entity codes to escape characters).
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range printable(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .-/:,()", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// dotText escapes what ends a quoted string, what a backslash stands for in a label, and HTML's entities, which a label has as well
// (Graphviz, The DOT Language, and attribute type escString).
func dotText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(printable(s))
}
