package lint

import (
	"fmt"

	"vifd/rules"
)

// maxCompared bounds the pairs of patterns that are compared to find rules that others cover. Sets in which many rules differ in one
// odd place alone get there; what is behind is not looked at.
const maxCompared = 2_000_000

// neverReached finds rules behind one that matches all that they match, or behind several that do together.
func (l *linter) neverReached() {
	x := newIndex(l.set.Rules)
	for i := range l.set.Rules {
		m := &l.set.Rules[i].Match
		if l.dead[i] != "" || l.broken(m) {
			continue
		}
		if by := l.firstAround(x, m); by >= 0 {
			l.covered(i, by)
		} else if several := l.around(x, m); several != nil {
			l.coveredTogether(i, several)
		} else {
			x.add(i, m)
		}
	}
}

// firstAround is the first rule of an index that matches all that m matches; -1: there is none.
func (l *linter) firstAround(x *index, m *rules.Match) int {
	by, m := -1, implied(m)
	x.candidates(m, func(j int) bool {
		if by >= 0 && by <= j {
			return true
		}
		if l.compared += cost(&l.set.Rules[j].Match, m); l.compared > maxCompared {
			return false
		}
		if superset(&l.set.Rules[j].Match, m, &l.effort) {
			by = j
		}
		return true
	})
	return by
}

// broken reports whether a term has no pattern, because what it had has been reported.
func (l *linter) broken(m *rules.Match) bool {
	for i := range m.Terms {
		if len(m.Terms[i].Patterns) == 0 {
			return true
		}
	}
	return len(m.Terms) == 0
}

// covered reports rule i, all of which rule by matches.
func (l *linter) covered(i, by int) {
	r, first := &l.set.Rules[i], &l.set.Rules[by]
	l.dead[i] = fmt.Sprintf("rule %q decides before it", first.Name)
	if superset(&r.Match, implied(&first.Match), &l.effort) {
		l.warnBeside(r.Pos, rules.CodeSameMatch, fmt.Sprintf("rule %q matches what rule %q matches, and comes too late", r.Name, first.Name),
			"remove one of the two, or make their matches differ", first.Pos, "the first is here")
		return
	}
	l.warnBeside(r.Pos, rules.CodeNeverReached, fmt.Sprintf("rule %q is never reached: rule %q matches all that it matches", r.Name, first.Name),
		"put it before that one, or remove it", first.Pos, "the rule that decides is here")
}
