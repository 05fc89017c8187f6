package firewall

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// Guard is what judges g, in the syntax that `nft -f` takes: the chains that its frames come to once the base chains have sent them
// there, the sets that those look up, and g's own elements. Statements are spelled as they are written, not as `nft list` spells
// them. g's Profile is p's.
func (p *Program) Guard(g *Guest) (string, error) {
	plens := make(lengths)
	elems := g.elements()
	plens.add(elems)
	p, err := p.covering(plens)
	if err != nil {
		return "", fmt.Errorf("firewall: %w", err)
	}
	var b strings.Builder
	for _, f := range p.uses() {
		own := slices.DeleteFunc(slices.Clone(elems), func(e element) bool { return e.family != f })
		if len(own) > 0 {
			fmt.Fprintf(&b, "table %s %s {\n%s}\n", f, TableName, p.tables[f].guard(g, own))
		}
	}
	return b.String(), nil
}

// guard is one table's part of it.
func (t *tableProgram) guard(g *Guest, own []element) string {
	var chains []chain
	var reach func(name string)
	reach = func(name string) {
		i := slices.IndexFunc(t.chains, func(ch chain) bool { return ch.name == name })
		if i < 0 || slices.ContainsFunc(chains, func(ch chain) bool { return ch.name == name }) {
			return
		}
		chains = append(chains, t.chains[i])
		for _, r := range t.chains[i].rules {
			reach(r.verdict.jump)
		}
	}
	sets := make(map[string]string) // declarations, by name
	for _, e := range own {
		switch {
		case e.judge != "":
			reach(e.judge)
			sets[e.judge] = "set " + e.judge + " {\n\t\ttype ifname\n\t\tcounter\n"
		case e.inMap():
			sets[directions[e.dir].vmap] = "map " + directions[e.dir].vmap + " {\n\t\ttype ifname : verdict\n\t\tcounter\n"
		default:
			t.addValues(sets, e.set)
		}
	}
	for _, ch := range chains {
		for i := range ch.rules {
			t.addSets(sets, &ch.rules[i])
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		b.WriteString("\t" + sets[name])
		if list := elementList(g, own, name); list != "" {
			b.WriteString("\t\telements = { " + list + " }\n")
		}
		b.WriteString("\t}\n\n")
	}
	for i, ch := range chains {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\tchain %s {\n", ch.name)
		for j := range ch.rules {
			fmt.Fprintf(&b, "\t\t%s\n", ch.rules[j].text)
		}
		b.WriteString("\t}\n")
	}
	return b.String()
}

// addSets declares the named sets that a rule looks up or fills.
func (t *tableProgram) addSets(sets map[string]string, r *rule) {
	for _, p := range r.parts {
		switch p := p.(type) {
		case *own:
			t.addValues(sets, p.set)
		case *update:
			text := "set " + p.set.name + " {\n\t\ttypeof " + p.set.typeof + fmt.Sprintf("\n\t\tsize %d\n", stateSetSize)
			if p.set.timeout > 0 {
				text += fmt.Sprintf("\t\tflags dynamic,timeout\n\t\ttimeout %ds\n", int(p.set.timeout.Seconds()))
			} else {
				text += "\t\tflags dynamic\n"
			}
			sets[p.set.name] = text
		}
	}
}

func (t *tableProgram) addValues(sets map[string]string, v valueSet) {
	if v.param != stmt.TypeNone {
		sets[v.name()] = "set " + v.name() + " {\n\t\ttype ifname . " + valueTypes[v.param].key.Name + "\n"
	}
}

// elementList are g's elements of one set, as a list.
func elementList(g *Guest, own []element, name string) string {
	var list []string
	for _, e := range own {
		if text, ok := strings.CutPrefix(e.text(g.Interface), name+" { "); ok {
			list = append(list, strings.TrimSuffix(text, " }"))
		}
	}
	return strings.Join(list, ", ")
}
