package rules

import (
	"math"
	"slices"
	"unicode/utf8"
)

const (
	// maxGlobSteps bounds what telling two globs apart may take, and maxEffort what comparing patterns may take in all: about a
	// second. Beyond them nothing is claimed.
	maxGlobSteps = 1 << 16
	maxEffort    = 1 << 26
)

// Effort is what comparing patterns has taken so far, and whatever else its owner counts: one run of many comparisons has one, and ends
// in a time that no rules prolong. The zero Effort is unspent.
type Effort struct{ steps int }

// Spend adds n steps, each of which takes some nanoseconds, and reports whether there are any left.
func (e *Effort) Spend(n int) bool {
	if e.Spent() {
		return false
	}
	e.steps += n
	return !e.Spent()
}

// Spent reports whether no more is compared.
func (e *Effort) Spent() bool { return e.steps > maxEffort }

// compare spends what comparing two characters takes: a class is looked through, and two are held against each other.
func (e *Effort) compare(p, q *globToken) bool {
	const sorting = 8
	n := 1 + len(p.class) + len(q.class)
	if p.op == globClass && q.op == globClass {
		n = n*sorting + len(p.class)*len(q.class)
	}
	return e.Spend(n)
}

// Covers reports whether every value that q matches is one that p matches, both being patterns for one fact. Where that cannot be
// decided, or e is spent, it is false.
func (p *Pattern) Covers(q *Pattern, e *Effort) bool {
	switch {
	case !e.Spend(1) || p.kind != q.kind:
		return false
	case p.kind == kindNumber:
		return p.lo <= q.lo && q.hi <= p.hi
	case p.everything():
		return true
	case p.kind == kindIP && p.glob == nil && q.glob == nil:
		return p.prefix.Bits() <= q.prefix.Bits() && p.prefix.Contains(q.prefix.Addr())
	case p.kind == kindIP && p.glob == nil:
		net, ok := q.Within()
		return ok && p.prefix.Bits() <= net.Bits() && p.prefix.Contains(net.Addr())
	case p.kind == kindIP && q.glob == nil:
		return p.coversNet(q.prefix)
	case q.glob == nil:
		return p.has(q.literal, e)
	case p.glob == nil:
		return false
	}
	return e.Spend(len(p.glob)+len(q.glob)) && coversGlob(openFirst(p.glob), openFirst(q.glob), e)
}

// Disjoint reports whether no value matches both p and q, patterns for one fact. Where that cannot be decided, or e is spent, it is false.
func (p *Pattern) Disjoint(q *Pattern, e *Effort) bool {
	switch {
	case !e.Spend(1) || p.kind != q.kind:
		return false
	case p.kind == kindNumber:
		return p.hi < q.lo || q.hi < p.lo
	case p.kind == kindIP && p.glob == nil && q.glob == nil:
		return !p.prefix.Overlaps(q.prefix)
	case p.kind == kindIP:
		return false
	case q.glob == nil:
		return !p.has(q.literal, e) && !e.Spent()
	case p.glob == nil:
		return !q.has(p.literal, e) && !e.Spent()
	}
	g := globPair{p: p.glob, q: q.glob, effort: e}
	return !g.meets(0, 0)
}

// has is Match, where e pays for it; false where it cannot.
func (p *Pattern) has(value string, e *Effort) bool {
	return (p.glob == nil || e.Spend(len(p.text)*len(value))) && p.Match(value)
}

// everything reports whether p matches whatever value there is.
func (p *Pattern) everything() bool { return len(p.glob) == 1 && p.glob[0].op == globStar }

// Everything reports whether every vif that has the fact at all fulfils p.
func (p *Pattern) Everything() bool { return p.kind != kindNumber && p.everything() }

// Numbers returns the range of numbers that p stands for; false where it is no pattern for numbers.
func (p *Pattern) Numbers() (lo, hi int64, ok bool) { return p.lo, p.hi, p.kind == kindNumber }

// openFirst puts the stars of a run of stars and question marks behind these, so that one set of values has one spelling: *? is ?*.
func openFirst(tokens []globToken) []globToken {
	if !slices.ContainsFunc(tokens, func(t globToken) bool { return t.op == globAny }) {
		return tokens // stars that follow each other are one already
	}
	out := slices.Clone(tokens)
	for i := 0; i < len(out); {
		j, stars := i, 0
		for j < len(out) && (out[j].op == globStar || out[j].op == globAny) {
			if out[j].op == globStar {
				stars++
			}
			j++
		}
		if stars > 0 {
			for k := i; k < j; k++ {
				out[k] = globToken{op: globAny}
			}
			out[j-stars] = globToken{op: globStar}
			out = slices.Delete(out, j-stars+1, j)
			j -= stars - 1
		}
		i = max(j, i+1)
	}
	return out
}

// coversGlob reports whether p takes whatever q takes. It matches p against the tokens of q, as matchGlob does against characters; a
// star of q is taken by a star of p alone. That is less than the truth where p spells the same in other words, and never more.
func coversGlob(p, q []globToken, e *Effort) bool {
	i, j := 0, 0
	star, resume := -1, 0
	for j < len(q) {
		switch {
		case i < len(p) && !e.compare(&p[i], &q[j]):
			return false
		case i < len(p) && p[i].op == globStar:
			star, resume = i, j
			i++
			continue
		case i < len(p) && q[j].op != globStar && coversRune(&p[i], &q[j]):
			i++
			j++
			continue
		case star < 0:
			return false
		}
		resume++
		i, j = star+1, resume
	}
	for i < len(p) && p[i].op == globStar {
		i++
	}
	return i == len(p)
}

// globPair walks through two globs at once. What it has found not to lead to the end it does not try again.
type globPair struct {
	p, q   []globToken
	failed []uint64 // one bit for each place in p and q
	steps  int
	effort *Effort
}

// bit is the place of i and j in failed.
func (g *globPair) bit(i, j int) (word int, mask uint64) {
	const bits = 64
	at := i*(len(g.q)+1) + j
	return at / bits, 1 << (at % bits)
}

func (g *globPair) fail(i, j int) bool {
	word, mask := g.bit(i, j)
	if g.failed == nil {
		last, _ := g.bit(len(g.p), len(g.q))
		g.failed = make([]uint64, last+1)
	}
	g.failed[word] |= mask
	return false
}

func (g *globPair) hasFailed(i, j int) bool {
	word, mask := g.bit(i, j)
	return g.failed != nil && g.failed[word]&mask != 0
}

// meets reports whether there is a text that p from i on and q from j on take; also where that took too long to find out.
func (g *globPair) meets(i, j int) bool {
	g.steps++
	switch {
	case g.hasFailed(i, j):
		return false
	case g.steps > maxGlobSteps || !g.effort.Spend(1):
		return true
	case i == len(g.p) && j == len(g.q):
		return true
	case i < len(g.p) && g.p[i].op == globStar:
		if g.meets(i+1, j) || j < len(g.q) && g.meets(i, j+1) {
			return true
		}
	case j < len(g.q) && g.q[j].op == globStar:
		if g.meets(i, j+1) || i < len(g.p) && g.meets(i+1, j) {
			return true
		}
	case i < len(g.p) && j < len(g.q):
		if !g.effort.compare(&g.p[i], &g.q[j]) || sharesRune(&g.p[i], &g.q[j]) && g.meets(i+1, j+1) {
			return true
		}
	}
	return g.fail(i, j)
}

// ranges are the characters that a token for one takes, sorted and without overlaps. Bytes that are no UTF-8 are negative (runeAt).
func (t *globToken) ranges() []runeRange {
	const lowest = -math.MaxUint8
	switch t.op {
	case globRune:
		return []runeRange{{t.r, t.r}}
	case globClass:
	case globAny, globStar:
		return []runeRange{{lowest, utf8.MaxRune}}
	}
	class := slices.Clone(t.class)
	slices.SortFunc(class, func(a, b runeRange) int { return int(a.lo) - int(b.lo) })
	merged := class[:0]
	for _, c := range class {
		if n := len(merged); n > 0 && c.lo <= merged[n-1].hi+1 {
			merged[n-1].hi = max(merged[n-1].hi, c.hi)
			continue
		}
		merged = append(merged, c)
	}
	if !t.negate {
		return merged
	}
	var rest []runeRange
	from := rune(lowest)
	for _, c := range merged {
		if from < c.lo {
			rest = append(rest, runeRange{from, c.lo - 1})
		}
		from = c.hi + 1
	}
	if from <= utf8.MaxRune {
		rest = append(rest, runeRange{from, utf8.MaxRune})
	}
	return rest
}

func coversRune(p, q *globToken) bool {
	switch {
	case p.op == globAny:
		return true
	case q.op == globRune:
		return p.takes(q.r)
	case p.op == globRune:
		return false // a class of one character is written otherwise
	}
	wide := p.ranges()
	for _, r := range q.ranges() {
		if !slices.ContainsFunc(wide, func(w runeRange) bool { return w.lo <= r.lo && r.hi <= w.hi }) {
			return false
		}
	}
	return true
}

func sharesRune(p, q *globToken) bool {
	switch {
	case q.op == globRune:
		return p.takes(q.r)
	case p.op == globRune:
		return q.takes(p.r)
	}
	narrow := q.ranges()
	return slices.ContainsFunc(p.ranges(), func(w runeRange) bool {
		return slices.ContainsFunc(narrow, func(r runeRange) bool { return w.lo <= r.hi && r.lo <= w.hi })
	})
}
