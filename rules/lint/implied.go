package lint

import (
	"slices"
	"strconv"

	"vifd/rules"
)

// implied is a match with what follows from it: from Xen's names the numbers, and from the numbers the names. A vif with a domid is called
// vif<domid>.<vifid>, or so with -emu behind, whatever name it has besides. The terms that are added stand where what they follow from
// does; a key may come twice.
func implied(m *rules.Match) *rules.Match {
	terms := m.Terms
	add := func(key string, pos rules.Pos, texts ...string) {
		t := rules.Term{Key: key, Pos: pos}
		for _, text := range texts {
			p, err := rules.ParsePattern(key, text)
			if err != nil {
				return // a number that no name can hold
			}
			t.Patterns = append(t.Patterns, p)
		}
		terms = append(slices.Clip(terms), t)
	}
	if names := term(m.Terms, "interface"); names != nil {
		if all := numbersOf(names, (*rules.Pattern).XenDomid); all != nil {
			add("domid", names.Pos, all...)
		}
		if all := numbersOf(names, (*rules.Pattern).XenVifid); all != nil {
			add("vifid", names.Pos, all...)
		}
	}
	domids, vifids := term(m.Terms, "domid"), term(m.Terms, "vifid")
	if domids == nil && vifids == nil {
		return &rules.Match{Terms: terms, Not: m.Not}
	}
	domid, one := onlyNumber(domids)
	vifid, other := onlyNumber(vifids)
	pos := m.Terms[slices.IndexFunc(m.Terms, func(t rules.Term) bool { return t.Key == "domid" || t.Key == "vifid" })].Pos
	switch {
	case one && other:
		name := "vif" + domid + "." + vifid
		add("interface", pos, name, name+"-emu")
	case one:
		add("interface", pos, "vif"+domid+".*")
	default:
		add("interface", pos, "vif*.*")
	}
	return &rules.Match{Terms: terms, Not: m.Not}
}

// numbersOf are the numbers that all the patterns of a term have, nil where one has none.
func numbersOf(names *rules.Term, of func(*rules.Pattern) (int, bool)) []string {
	var all []string
	for i := range names.Patterns {
		n, ok := of(&names.Patterns[i])
		if !ok {
			return nil
		}
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// onlyNumber is the one number that a term asks for; false where it asks for several, or is nil.
func onlyNumber(t *rules.Term) (string, bool) {
	if t == nil || len(t.Patterns) != 1 {
		return "", false
	}
	return t.Patterns[0].Literal()
}
