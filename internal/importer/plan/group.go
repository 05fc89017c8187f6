package plan

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"

	"vifd/internal/importer/model"
)

// group is a rule in the making: the vifs of one selector to which the same is done.
type group struct {
	rule    Rule
	vifs    map[string][]int       // of each domain, where it matches by them
	sources map[string][]model.Pos // of each domain
	order   []string               // the domains, as they came
}

// group adds a vif to the rule that does to it what it needs, in the ways in which it can be found.
func (p *planner) group(v *model.Vif, does Does) {
	if v.Xen && v.Domain != "" && !reflect.DeepEqual(does, p.standard) {
		g := p.find(func(r *Rule) bool { return len(r.Match.Domains) > 0 && reflect.DeepEqual(r.Does, does) })
		if g == nil {
			m := Match{Interfaces: []string{anyXen}, Glob: true, Domains: []string{v.Domain}}
			p.groups = append(p.groups, group{rule: Rule{Match: m, Does: does}, vifs: map[string][]int{}, sources: map[string][]model.Pos{}})
			g = &p.groups[len(p.groups)-1]
		}
		if g.vifs[v.Domain] == nil {
			g.order = append(g.order, v.Domain)
		}
		g.vifs[v.Domain] = append(g.vifs[v.Domain], v.Index)
		g.sources[v.Domain] = append(g.sources[v.Domain], v.Pos)
	}
	switch {
	case len(v.Names) > 0:
		p.byName(v, does)
	case !v.Xen:
		p.byAddress(v, does)
	}
}

// find returns the group whose rule is like what is looked for, or nil.
func (p *planner) find(like func(r *Rule) bool) *group {
	for i := range p.groups {
		if like(&p.groups[i].rule) {
			return &p.groups[i]
		}
	}
	return nil
}

// byName matches interfaces whose name stays.
func (p *planner) byName(v *model.Vif, does Does) {
	g := p.find(func(r *Rule) bool {
		return !r.Match.Glob && len(r.Match.Interfaces) > 0 && reflect.DeepEqual(r.Does, does)
	})
	if g == nil {
		p.groups = append(p.groups, group{rule: Rule{Does: does}})
		g = &p.groups[len(p.groups)-1]
	}
	g.rule.Match.Interfaces = append(g.rule.Match.Interfaces, v.Names...)
	g.rule.Sources = append(g.rule.Sources, v.Pos)
	if v.Domain != "" && !slices.Contains(g.order, v.Domain) {
		g.order = append(g.order, v.Domain)
	}
}

// byAddress matches a tap by the address that libvirt gives it: the guest's, beginning with fe (virNetDevTapCreateInBridgePort).
func (p *planner) byAddress(v *model.Vif, does Does) {
	if v.MAC == nil {
		p.in.Lose(v.Pos, subject(v), "neither the name of its interface is known nor its MAC, by which it could be found", "name a target, or give it a MAC")
		return
	}
	tap := append(net.HardwareAddr{0xfe}, v.MAC[1:]...)
	r := Rule{Sources: sources(v), Match: Match{Kind: "tap", Address: tap.String()}, Does: does}
	if connects(does.Action) {
		r.MAC, r.IP = v.MAC, v.IP
	}
	p.groups = append(p.groups, group{rule: r, order: []string{v.Domain}})
}

// rules are the rules of all groups. Domains are put together whose vifs have the same numbers.
func (p *planner) rules() []Rule {
	var list []Rule
	for i := range p.groups {
		g := &p.groups[i]
		if len(g.rule.Match.Domains) == 0 {
			g.rule.Name = nameOf(g.order, &g.rule.Does)
			list = append(list, g.rule)
			continue
		}
		for _, domains := range byNumbers(g) {
			r := g.rule
			r.Match.Domains, r.Match.Vifs = domains, g.vifs[domains[0]]
			for _, domain := range domains {
				r.Sources = append(r.Sources, g.sources[domain]...)
			}
			r.Name = nameOf(domains, &r.Does)
			list = append(list, r)
		}
	}
	return list
}

// byNumbers puts the domains together whose vifs have the same numbers.
func byNumbers(g *group) [][]string {
	var sets [][]string
	for _, domain := range g.order {
		slices.Sort(g.vifs[domain])
		i := slices.IndexFunc(sets, func(set []string) bool { return slices.Equal(g.vifs[set[0]], g.vifs[domain]) })
		if i < 0 {
			sets = append(sets, []string{domain})
			continue
		}
		sets[i] = append(sets[i], domain)
	}
	return sets
}

// nameOf calls a rule after its one domain, or after what it does to several.
func nameOf(domains []string, does *Does) string {
	if len(domains) == 1 {
		return clean(domains[0])
	}
	parts := []string{does.Action.String()}
	if does.Network != "" {
		parts = append(parts, does.Network)
	}
	if does.VLAN.Untagged != 0 {
		parts = append(parts, fmt.Sprintf("vlan%d", does.VLAN.Untagged))
	}
	return clean(strings.Join(parts, "-"))
}

// maxName is less than a rule's name may have, so that a number fits behind it.
const maxName = 56

// clean makes a name for a rule: letters, digits, and after the first of them dots, underscores and dashes.
func clean(s string) string {
	word := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	s = strings.Map(func(r rune) rune {
		if word(r) || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, s)
	s = strings.TrimLeft(s, "._-")
	if s = strings.TrimRight(s[:min(len(s), maxName)], "-"); s == "" {
		return "guest"
	}
	return s
}

// named numbers the rules that have the same name.
func named(rules []Rule) []Rule {
	taken := map[string]bool{"xen": true}
	for i := range rules {
		r := &rules[i]
		if i == len(rules)-1 && r.Name == "xen" && r.Match.Glob && len(r.Match.Domains) == 0 {
			break
		}
		name := r.Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", r.Name, n)
		}
		taken[name], r.Name = true, name
	}
	return rules
}
