package lint

import (
	"fmt"
	"slices"
	"strings"

	"vifd/rules"
)

// maxParts bounds into how many parts a match is taken to find a rule around each.
const maxParts = 256

// around are the rules that together match all that m matches, in their order; nil: none are known. m is taken apart by one of its keys
// at a time, be it a list or a range: whoever fulfils it fulfils one of the parts.
func (l *linter) around(x *index, m *rules.Match) []int {
	for i := range m.Terms {
		p := parting{l: l, x: x, m: m, i: i}
		if p.each() {
			slices.Sort(p.by)
			return slices.Compact(p.by)
		}
	}
	return nil
}

// parting takes a match apart by its term i.
type parting struct {
	l     *linter
	x     *index
	m     *rules.Match
	i     int
	by    []int // the rules around the parts so far
	parts int
}

// each reports whether a rule is around each part.
func (p *parting) each() bool {
	t := &p.m.Terms[p.i]
	if spans := numbers(t.Patterns); len(spans) > 0 {
		return !slices.ContainsFunc(spans, func(s [2]int64) bool { return !p.span(s[0], s[1]) })
	}
	return len(t.Patterns) > 1 && !slices.ContainsFunc(t.Patterns, func(q rules.Pattern) bool {
		part := p.narrowed(q)
		return !p.found(p.l.firstAround(p.x, part))
	})
}

// span goes from lo to hi by what the rule around each number has in one piece.
func (p *parting) span(lo, hi int64) bool {
	for lo <= hi {
		by := p.l.firstAround(p.x, p.numbered(lo, lo))
		if !p.found(by) {
			return false
		}
		if far := p.reach(by, lo, hi); far > lo && superset(&p.l.set.Rules[by].Match, implied(p.numbered(lo, far)), &p.l.effort) {
			lo = far
		}
		lo++
	}
	return true
}

// reach is how far, up to hi, the numbers go on for which rule by asks from lo on.
func (p *parting) reach(by int, lo, hi int64) int64 {
	t := term(p.l.set.Rules[by].Match.Terms, p.m.Terms[p.i].Key)
	if t == nil {
		return hi
	}
	for _, s := range numbers(t.Patterns) {
		if s[0] <= lo && lo <= s[1] {
			return min(s[1], hi)
		}
	}
	return lo
}

func (p *parting) found(by int) bool {
	p.parts++
	p.by = append(p.by, by)
	return by >= 0 && p.parts <= maxParts
}

func (p *parting) numbered(lo, hi int64) *rules.Match {
	text := fmt.Sprint(lo)
	if hi > lo {
		text = fmt.Sprintf("%d-%d", lo, hi)
	}
	q, err := rules.ParsePattern(p.m.Terms[p.i].Key, text)
	if err != nil {
		return p.m // it is part of a pattern for the same fact
	}
	return p.narrowed(q)
}

// narrowed is the match with one pattern in the place of the term's.
func (p *parting) narrowed(q rules.Pattern) *rules.Match {
	terms := slices.Clone(p.m.Terms)
	terms[p.i].Patterns = []rules.Pattern{q}
	return &rules.Match{Terms: terms, Not: p.m.Not}
}

// coveredTogether reports rule i, all of which the rules by match between them.
func (l *linter) coveredTogether(i int, by []int) {
	if len(by) == 1 {
		l.covered(i, by[0])
		return
	}
	const most = 4
	names := make([]string, 0, most)
	for _, j := range by[:min(len(by), most)] {
		names = append(names, fmt.Sprintf("%q", l.set.Rules[j].Name))
	}
	if more := len(by) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	last := len(names) - 1
	list := strings.Join(names[:last], ", ") + " and " + names[last]
	r, first := &l.set.Rules[i], &l.set.Rules[by[0]]
	l.dead[i] = fmt.Sprintf("rules %s decide before it", list)
	l.warnBeside(r.Pos, rules.CodeNeverReached, fmt.Sprintf("rule %q is never reached: rules %s together match all that it matches", r.Name, list),
		"put it before them, or remove it", first.Pos, "the first of them is here")
}
