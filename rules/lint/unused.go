package lint

import (
	"fmt"
	"slices"
	"strings"

	"vifd/rules"
)

// unusedTemplates are reported beside rules alone: a file that holds nothing but templates is for others to use.
func (l *linter) unusedTemplates() {
	if len(l.set.Rules) == 0 {
		return
	}
	for name, t := range l.set.Templates {
		if !t.Library && !l.used[name] {
			l.warn(t.Pos, rules.CodeUnusedTemplate, fmt.Sprintf("no rule uses template %q", name), "name it in a rule's firewall, or remove it")
		}
	}
}

// unusedNetworks finds networks that no rule names. Where a name is made of facts it may be any network's of that kind.
func (l *linter) unusedNetworks() {
	if len(l.set.Rules) == 0 {
		return
	}
	named, open := map[string]bool{}, map[rules.NetworkKind]bool{}
	for i := range l.set.Rules {
		a := &l.set.Rules[i].Action
		if name, ok := a.Network().Literal(); ok {
			named[name] = true
		} else {
			open[a.Kind.Network()] = true
		}
	}
	for name, n := range l.set.Networks {
		if !named[name] && !open[n.Kind] {
			l.warn(n.Pos, rules.CodeUnusedNetwork, fmt.Sprintf("no rule connects a guest to network %q", name), "name it in a rule, or remove it")
		}
	}
}

// identity are the facts of which the inventory has the last word, and a vif one value.
func identity() []string { return []string{"domain", "uuid", "mac"} }

// identities are the values that a guest has of them.
func identities(g *rules.Guest) map[string]string {
	known := map[string]string{}
	for key, value := range map[string]string{"domain": g.Domain, "uuid": g.UUID, "mac": g.MAC.String()} {
		if value != "" {
			known[key] = value
		}
	}
	return known
}

// unusedGuests finds guests whom no rule can match, whatever else is known of them: every rule asks for somebody else. Rules are
// found by the first identity that they ask for.
func (l *linter) unusedGuests() {
	literal := map[[2]string][]int{}
	others, askers := map[string][]int{}, map[string][]int{}
	for i := range l.set.Rules {
		key := ""
		for _, k := range identity() {
			if key == "" && term(l.set.Rules[i].Match.Terms, k) != nil {
				key = k
			}
		}
		if key == "" {
			return // it may match everybody
		}
		askers[key] = append(askers[key], i)
		t := term(l.set.Rules[i].Match.Terms, key)
		for j := range t.Patterns {
			if value, ok := t.Patterns[j].Literal(); ok {
				literal[[2]string{key, value}] = append(literal[[2]string{key, value}], i)
			} else {
				others[key] = append(others[key], i)
			}
		}
	}
	left := maxCompared
	for i := range l.set.Guests {
		g := &l.set.Guests[i]
		known := identities(g)
		may := false
		for _, key := range identity() {
			value, has := known[key]
			lists := [][]int{literal[[2]string{key, value}], others[key]}
			if !has {
				lists = [][]int{askers[key]}
			}
			for _, list := range lists {
				may = may || slices.ContainsFunc(list, func(r int) bool {
					left--
					return left < 0 || l.mayMatch(&l.set.Rules[r].Match, known)
				})
			}
		}
		if !may && len(known) > 0 && len(l.set.Rules) > 0 {
			l.warn(g.Pos, rules.CodeUnusedGuest, "no rule can match this guest: each asks for another domain, uuid or mac", "correct it, or make a rule for it")
		}
	}
}

// mayMatch reports whether a match leaves room for a vif of which known is known.
func (l *linter) mayMatch(m *rules.Match, known map[string]string) bool {
	for key, value := range known {
		if t := term(m.Terms, key); t != nil && !slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { return !l.effort.Spend(len(p.String())) || p.Match(value) }) {
			return false
		}
	}
	return true
}

// maxNearest bounds how often the nearest of all domains is looked for.
const maxNearest = 50

// noSuchGuests finds domains that look like a guest's, misspelled. That the inventory has none of the name is no fault by itself: the
// hypervisor knows more of them, web-2 and db-1 beside web-1 for two. So the first letter has to be right, and the wrong one no digit.
func (l *linter) noSuchGuests() {
	known := map[string]bool{}
	for i := range l.set.Guests {
		if domain := l.set.Guests[i].Domain; domain != "" {
			known[domain] = true
		}
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	left := maxNearest
	for i := range l.set.Rules {
		t := term(l.set.Rules[i].Match.Terms, "domain")
		if t == nil || len(known) == 0 {
			continue
		}
		for j := range t.Patterns {
			domain, literal := t.Patterns[j].Literal()
			if !literal || known[domain] || left == 0 {
				continue
			}
			left--
			if near, ok := rules.Nearest(domain, names); ok && near[0] == domain[0] && withoutDigits(near) != withoutDigits(domain) {
				l.warn(t.Pos, rules.CodeNoSuchGuest, fmt.Sprintf("no guest is of domain %q", domain), fmt.Sprintf("did you mean %q?", near))
			}
		}
	}
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}
