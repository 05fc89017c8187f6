package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vifd/rules"
)

// neverHolds finds matches that contradict themselves.
func (l *linter) neverHolds() {
	for i := range l.set.Rules {
		m := &l.set.Rules[i].Match
		all := implied(m).Terms
		for j := range m.Not {
			no := &m.Not[j]
			at := slices.IndexFunc(all, func(yes rules.Term) bool { return yes.Key == no.Key && covers(no, &yes, &l.effort) })
			if at < 0 && !trivial(no) {
				continue
			}
			var yes *rules.Term
			if at >= 0 {
				yes = &m.Terms[slices.IndexFunc(m.Terms, func(t rules.Term) bool { return t.Pos == all[at].Pos })] // or what it follows from
			}
			l.never(i, no.Pos, fmt.Sprintf("not excludes every %s that the rule asks for", no.Key), yes)
			break
		}
		l.otherNumber(i, m)
	}
}

func (l *linter) never(i int, pos rules.Pos, why string, other *rules.Term) {
	if l.dead[i] != "" {
		return
	}
	l.dead[i] = "it matches nothing"
	msg := fmt.Sprintf("rule %q matches no vif: %s", l.set.Rules[i].Name, why)
	if other == nil {
		l.warn(pos, rules.CodeNeverHolds, msg, "remove the rule, or correct its match")
		return
	}
	l.warnBeside(pos, rules.CodeNeverHolds, msg, "remove the rule, or correct its match", other.Pos, fmt.Sprintf("it asks for %s here", other.Key))
}

// otherNumber finds domids and vifids that are not those in the names that the rule asks for: vif3.* is of domain 3 alone.
func (l *linter) otherNumber(i int, m *rules.Match) {
	names := term(m.Terms, "interface")
	if names == nil {
		return
	}
	for _, key := range []string{"domid", "vifid"} {
		of := (*rules.Pattern).XenDomid
		if key == "vifid" {
			of = (*rules.Pattern).XenVifid
		}
		asked := term(m.Terms, key)
		if asked == nil || len(names.Patterns) == 0 || len(asked.Patterns) == 0 {
			continue
		}
		possible := slices.ContainsFunc(names.Patterns, func(p rules.Pattern) bool {
			n, ok := of(&p)
			return !ok || slices.ContainsFunc(asked.Patterns, func(a rules.Pattern) bool { return !l.effort.Spend(1) || a.Match(strconv.Itoa(n)) })
		})
		if !possible {
			l.never(i, asked.Pos, fmt.Sprintf("no interface of those names has this %s", key), names)
		}
	}
}

// notOfName finds what an interface cannot have that is named as other hypervisors name theirs: a tap is no vif of Xen's.
func (l *linter) notOfName() {
	for i := range l.set.Rules {
		m := &l.set.Rules[i].Match
		names := term(m.Terms, "interface")
		if names == nil || len(names.Patterns) == 0 || slices.ContainsFunc(names.Patterns, func(p rules.Pattern) bool { return !foreign(&p) }) {
			continue
		}
		for _, key := range []string{"domid", "vifid", "kind"} {
			t := term(m.Terms, key)
			if t == nil || key == "kind" && slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { v, ok := p.Literal(); return !ok || v != "vif" }) {
				continue
			}
			what := "a " + key
			if key == "kind" {
				what = "the kind vif"
			}
			l.warnBeside(t.Pos, rules.CodeNotOfName, fmt.Sprintf("an interface called %s has not %s: that is of Xen's vif<domid>.<vifid>", names.Patterns[0].String(), what),
				"remove one of the two keys, unless a guest's vifname says so", names.Pos, "the name is asked for here")
			break
		}
	}
}

// foreign reports whether a pattern matches names alone that are not Xen's.
func foreign(p *rules.Pattern) bool {
	return slices.ContainsFunc([]string{"tap", "vnet", "veth"}, func(s string) bool { return strings.HasPrefix(p.Prefix(), s) })
}

// patterns finds patterns that change nothing: in a list beside one that covers them, in not beside a term that leaves no room.
func (l *linter) patterns() {
	for i := range l.set.Rules {
		m := &l.set.Rules[i].Match
		for _, terms := range [][]rules.Term{m.Terms, m.Not} {
			for j := range terms {
				l.coveredPattern(&terms[j])
			}
		}
		for j := range m.Not {
			no := &m.Not[j]
			if yes := term(m.Terms, no.Key); yes != nil && single(no.Key) && len(no.Patterns)*len(yes.Patterns) < maxList && disjoint(no, yes, &l.effort) {
				l.warnBeside(no.Pos, rules.CodeExceptsNothing, fmt.Sprintf("not excepts nothing: the rule asks for another %s already", no.Key),
					"remove it, or correct one of the two", yes.Pos, "it is asked for here")
			}
		}
	}
}

// maxList bounds the pairs of patterns of one list that are compared.
const maxList = 10_000

func (l *linter) coveredPattern(t *rules.Term) {
	seen := make(map[string]bool, len(t.Patterns))
	for i := range t.Patterns {
		p := &t.Patterns[i]
		if seen[p.String()] {
			l.warn(t.Pos, rules.CodeCovered, fmt.Sprintf("%s lists %s twice", t.Key, p.String()), "remove one of the two")
			return
		}
		seen[p.String()] = true
	}
	if len(t.Patterns)*len(t.Patterns) > maxList {
		return
	}
	for i := range t.Patterns {
		for j := range t.Patterns {
			if i != j && t.Patterns[j].Covers(&t.Patterns[i], &l.effort) {
				l.warn(t.Pos, rules.CodeCovered, fmt.Sprintf("%s lists %s, and %s beside it matches that already", t.Key, t.Patterns[i].String(), t.Patterns[j].String()), "remove the narrower of the two")
				return
			}
		}
	}
}
