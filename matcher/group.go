package matcher

import (
	"net/netip"

	"vifd/internal/vif"
	"vifd/rules"
)

// few is how many terms are tried one after the other, since an index of so few gains nothing.
const few = 4

// group finds, of all terms that ask for one fact at one point, those that hold.
type group struct {
	key     string
	few     span     // items of all terms, where there is no index
	indexes *indexes // nil: there are few terms
}

// indexes finds terms by the values that their patterns match. A term is in as many places as it has patterns.
type indexes struct {
	shape    rules.Shape // of any of the patterns: Fold and Address
	longest  int         // of literals, in bytes
	literals map[string]span
	ranges   ranges
	networks networks
	prefixes trie
	suffixes trie
}

// kid is a term of a group, and the item that comes where it holds.
type kid struct {
	id   uint32
	term *rules.Term
}

// newGroup prepares a group of kids, which are in ascending order.
func newGroup(key string, kids []kid, flat *flattener) group {
	g := group{key: key}
	if len(kids) <= few {
		var all []uint32
		for _, k := range kids {
			all = append(all, k.id)
		}
		g.few = flat.add(all)
		return g
	}
	s := sorter{
		literals: make(map[string][]uint32, len(kids)), networks: map[netip.Prefix][]uint32{},
		prefixes: map[string]*affix{}, suffixes: map[string]*affix{}, shared: map[affixText]int{},
	}
	for _, k := range kids {
		for i := range k.term.Patterns {
			s.count(k.term.Patterns[i].Shape())
		}
	}
	for _, k := range kids {
		for i := range k.term.Patterns {
			s.add(k.id, k.term.Patterns[i].Shape())
		}
	}
	x := &indexes{
		shape: s.shape, literals: make(map[string]span, len(s.literals)), ranges: newRanges(s.ranges, flat), networks: newNetworks(s.networks, flat),
		prefixes: newTrie(s.prefixes, false, s.shape.Fold, flat), suffixes: newTrie(s.suffixes, true, s.shape.Fold, flat),
	}
	for text, ids := range s.literals {
		x.literals[text] = flat.add(ids)
		x.longest = max(x.longest, len(text))
	}
	g.indexes = x
	return g
}

// sorter collects the items of a group by what they are found by.
type sorter struct {
	shape              rules.Shape // the last one
	literals           map[string][]uint32
	ranges             []rangeEntry
	networks           map[netip.Prefix][]uint32
	prefixes, suffixes map[string]*affix
	shared             map[affixText]int
}

// affixText is a text that globs begin or end with.
type affixText struct {
	text   string
	suffix bool
}

// count notes how many globs would be found by the same text.
func (s *sorter) count(p rules.Shape) {
	s.shape = p
	if p.Kind == rules.ShapeGlob {
		s.shared[affixText{p.Prefix, false}]++
		s.shared[affixText{p.Suffix, true}]++
	}
}

func (s *sorter) add(id uint32, p rules.Shape) {
	switch p.Kind {
	case rules.ShapeLiteral:
		s.literals[p.Text] = append(s.literals[p.Text], id)
	case rules.ShapeRange:
		s.ranges = append(s.ranges, rangeEntry{lo: p.Lo, hi: p.Hi, id: id})
	case rules.ShapeNetwork:
		s.networks[p.Net] = append(s.networks[p.Net], id)
	case rules.ShapeGlob:
		of, text := s.prefixes, p.Prefix
		if s.bySuffix(&p) {
			of, text = s.suffixes, p.Suffix
		}
		a := of[text]
		if a == nil {
			a = &affix{}
			of[text] = a
		}
		if p.Whole {
			a.sure = append(a.sure, id)
		} else {
			a.check = append(a.check, id)
		}
	}
}

// bySuffix decides what a glob is found by: what fewer others have too, vif*.17 by its end.
func (s *sorter) bySuffix(p *rules.Shape) bool {
	switch {
	case p.Suffix == "":
		return false
	case p.Prefix == "":
		return true
	}
	return s.shared[affixText{p.Suffix, true}] < s.shared[affixText{p.Prefix, false}]
}

// find reads the group's fact, and queues the items of terms that hold, and of those that may; of few it returns all.
func (g *group) find(f *vif.Facts, q *queue) span {
	values := f.Values(g.key)
	if g.indexes == nil {
		return g.few
	}
	for _, value := range values {
		g.indexes.find(value, q)
	}
	return span{}
}

func (x *indexes) find(value string, q *queue) {
	if !x.shape.Address {
		x.findLiteral(value, q)
		x.ranges.find(value, q)
		walk(&x.prefixes, value, q)
		walk(&x.suffixes, value, q)
		return
	}
	a, ok := rules.AddressFact(value)
	if !ok {
		return
	}
	x.networks.find(a, q)
	if len(x.prefixes.nodes)+len(x.suffixes.nodes) > 0 {
		var buf [64]byte
		text := a.AppendTo(buf[:0])
		walk(&x.prefixes, text, q)
		walk(&x.suffixes, text, q)
	}
}

// findLiteral queues the terms that name value.
func (x *indexes) findLiteral(value string, q *queue) {
	if len(value) > x.longest {
		return
	}
	if !x.shape.Fold {
		q.push(x.literals[value], false)
		return
	}
	var buf [64]byte
	text := append(buf[:0], value...)
	for i := range text {
		text[i] = lower(text[i])
	}
	q.push(x.literals[string(text)], false)
}
