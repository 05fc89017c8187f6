package matcher

import (
	"strconv"
	"strings"

	"vifd/internal/vif"
	"vifd/rules"
)

// index finds the first rule that matches. It is the linear scan with what rules have in common done once: a tree, in which rules that
// begin with the same terms share the way, and the terms that then ask for the same fact are a group, of which one look finds those
// that hold. What becomes of a vif at each place is an item. Items have numbers in the order in which the scan would first come to
// them, a match goes through those that it comes to in that order, and the first rule among them wins. So facts are read in the
// scan's order, and no fact that the scan would not read.
type index struct {
	items  []item
	groups []group
	lists  []uint32 // all spans are parts of it
	root   span
}

type itemKind uint8

const (
	itemRule    itemKind = iota // everything held: the rule matches
	itemGroup                   // a fact to look up
	itemTerm                    // a term holds, or may: the items of next come
	itemNegated                 // the items of next come unless the term holds
)

type item struct {
	kind itemKind
	n    uint32      // itemRule: in Set.Rules; itemGroup: in index.groups
	term *rules.Term // itemTerm, itemNegated
	next span
}

// first returns the number of the first rule that matches, or -1.
func (x *index) first(f *vif.Facts) int {
	q := queue{lists: x.lists}
	next, mayHold := x.root, false
	last := int64(-1)
	for {
		id, check, ok := q.next(next, mayHold)
		if !ok {
			return -1
		}
		next, mayHold = span{}, false
		if int64(id) == last {
			continue // found by several values or patterns
		}
		last = int64(id)
		switch it := &x.items[id]; it.kind {
		case itemRule:
			return int(it.n)
		case itemGroup:
			next, mayHold = x.groups[it.n].find(f, &q), true
		case itemTerm:
			if !check || holds(it.term, f) {
				next = it.next
			}
		case itemNegated:
			if !holds(it.term, f) {
				next = it.next
			}
		}
	}
}

// flattener puts lists one behind the other.
type flattener struct{ lists []uint32 }

func (f *flattener) add(ids []uint32) span {
	from := uint32(len(f.lists))
	f.lists = append(f.lists, ids...)
	return span{from, uint32(len(f.lists))}
}

// builder is the tree under construction.
type builder struct {
	items  []item
	places []place
	groups []groupPlace
	terms  map[termKey]uint32 // in places
	facts  map[factKey]uint32 // in groups
}

// place is where some terms have held: the root, or an item's next.
type place struct {
	item   uint32 // of places but the root
	next   []uint32
	closed bool // a rule ends here: what comes later never wins
}

type groupPlace struct {
	key  string
	kids []kid
}

// termKey is a term of rules that have come to the same place. Terms with the same patterns are the same.
type termKey struct {
	from     uint32
	negated  bool
	patterns int
	key      string
	text     string // of the patterns, in a form that no other patterns have
}

type factKey struct {
	from uint32
	key  string
}

func newIndex(list []rules.Rule) index {
	b := builder{
		items: make([]item, 0, 3*len(list)), places: make([]place, 1, len(list)+1),
		terms: make(map[termKey]uint32, len(list)), facts: map[factKey]uint32{},
	}
	for i := range list {
		b.rule(i, &list[i].Match)
	}
	return b.finish()
}

// rule adds a rule behind those before it.
func (b *builder) rule(n int, m *rules.Match) {
	at := uint32(0)
	for i := range m.Terms {
		if b.places[at].closed {
			return
		}
		at = b.step(at, &m.Terms[i], false)
	}
	for i := range m.Not {
		if b.places[at].closed {
			return
		}
		at = b.step(at, &m.Not[i], true)
	}
	if !b.places[at].closed {
		b.places[at].closed = true
		b.follow(at, item{kind: itemRule, n: uint32(n)})
	}
}

// follow adds an item that comes at a place.
func (b *builder) follow(at uint32, it item) uint32 {
	id := uint32(len(b.items))
	b.items = append(b.items, it)
	b.places[at].next = append(b.places[at].next, id)
	return id
}

// step returns the place that is behind a term.
func (b *builder) step(from uint32, t *rules.Term, negated bool) uint32 {
	key := termKey{from: from, negated: negated, patterns: len(t.Patterns), key: t.Key, text: patternsText(t.Patterns)}
	if at, ok := b.terms[key]; ok {
		return at
	}
	at := uint32(len(b.places))
	b.terms[key] = at
	if negated {
		id := b.follow(from, item{kind: itemNegated, term: t})
		b.places = append(b.places, place{item: id})
		return at
	}
	g, ok := b.facts[factKey{from, t.Key}]
	if !ok {
		g = uint32(len(b.groups))
		b.facts[factKey{from, t.Key}] = g
		b.groups = append(b.groups, groupPlace{key: t.Key})
		b.follow(from, item{kind: itemGroup, n: g})
	}
	id := uint32(len(b.items))
	b.items = append(b.items, item{kind: itemTerm, term: t})
	b.places = append(b.places, place{item: id})
	b.groups[g].kids = append(b.groups[g].kids, kid{id: id, term: t})
	return at
}

func patternsText(patterns []rules.Pattern) string {
	if len(patterns) == 1 {
		return patterns[0].String()
	}
	var text strings.Builder
	for i := range patterns {
		s := patterns[i].String()
		text.WriteString(strconv.Itoa(len(s)))
		text.WriteByte(':')
		text.WriteString(s)
	}
	return text.String()
}

func (b *builder) finish() index {
	var flat flattener
	x := index{items: b.items, groups: make([]group, len(b.groups))}
	x.root = flat.add(b.places[0].next)
	for i := range b.places[1:] {
		p := &b.places[1+i]
		x.items[p.item].next = flat.add(p.next)
	}
	for i := range b.groups {
		x.groups[i] = newGroup(b.groups[i].key, b.groups[i].kids, &flat)
	}
	x.lists = flat.lists
	return x
}
