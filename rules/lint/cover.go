package lint

import (
	"cmp"
	"slices"

	"vifd/rules"
)

// single reports whether a vif has one value of a fact at most. What two terms say of the others may be fulfilled by two values.
func single(key string) bool {
	return slices.Contains([]string{"domid", "vifid", "kind", "driver", "group", "domain", "uuid"}, key)
}

// covers reports whether a vif that fulfils u fulfils t, both being terms for one fact. Where e is spent it is false.
func covers(t, u *rules.Term, e *rules.Effort) bool {
	if len(t.Patterns) == 0 || len(u.Patterns) == 0 {
		return false
	}
	ranges := numbers(t.Patterns)
	for i := range u.Patterns {
		q := &u.Patterns[i]
		if lo, hi, ok := q.Numbers(); ok {
			if !slices.ContainsFunc(ranges, func(r [2]int64) bool { return r[0] <= lo && hi <= r[1] }) {
				return false
			}
			continue
		}
		if !slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { return p.Covers(q, e) }) || e.Spent() {
			return false
		}
	}
	return true
}

// numbers are the ranges of patterns for numbers, joined where they touch.
func numbers(patterns []rules.Pattern) [][2]int64 {
	var all [][2]int64
	for i := range patterns {
		if lo, hi, ok := patterns[i].Numbers(); ok {
			all = append(all, [2]int64{lo, hi})
		}
	}
	slices.SortFunc(all, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	joined := all[:0]
	for _, r := range all {
		if n := len(joined); n > 0 && r[0] <= joined[n-1][1]+1 {
			joined[n-1][1] = max(joined[n-1][1], r[1])
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// disjoint reports whether no value fulfils both terms. Where e is spent it is false.
func disjoint(t, u *rules.Term, e *rules.Effort) bool {
	for i := range t.Patterns {
		for j := range u.Patterns {
			if !t.Patterns[i].Disjoint(&u.Patterns[j], e) {
				return false
			}
		}
	}
	return true
}

// trivial reports whether every vif fulfils a term: each has an interface, with a name.
func trivial(t *rules.Term) bool {
	return t.Key == "interface" && slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { return p.Everything() })
}

// superset reports whether a vif that fulfils n fulfils m. n says what follows from it besides (implied).
func superset(m, n *rules.Match, e *rules.Effort) bool {
	for i := range m.Terms {
		t := &m.Terms[i]
		if !trivial(t) && !slices.ContainsFunc(n.Terms, func(u rules.Term) bool { return u.Key == t.Key && covers(t, &u, e) }) {
			return false
		}
	}
	for i := range m.Not {
		// What m does not want n must not want either, or its own terms must leave no room for.
		t := &m.Not[i]
		if u := term(n.Not, t.Key); u != nil && covers(u, t, e) {
			continue
		}
		if !single(t.Key) || !slices.ContainsFunc(n.Terms, func(u rules.Term) bool { return u.Key == t.Key && disjoint(t, &u, e) }) {
			return false
		}
	}
	return true
}

// cost is how many pairs of patterns a comparison of two matches looks at, at most.
func cost(m, n *rules.Match) int {
	sum := 1
	for _, pair := range [][2][]rules.Term{{m.Terms, n.Terms}, {m.Not, n.Not}} {
		for i := range pair[0] {
			for j := range pair[1] {
				if pair[0][i].Key == pair[1][j].Key {
					sum += len(pair[0][i].Patterns) * len(pair[1][j].Patterns)
				}
			}
		}
	}
	return sum
}
