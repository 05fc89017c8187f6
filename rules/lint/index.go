package lint

import (
	"math/bits"
	"net/netip"

	"vifd/rules"
)

// index finds the rules that may cover another without looking at all of them. Each is filed under one of its terms, the one whose
// patterns the fewest rules have: whoever is covered has a term for the same fact each of whose patterns one of these covers.
type index struct {
	rules map[entry][]int // by what a pattern is filed under
	all   []int           // rules that ask for nothing
	kinds map[kind]bool   // of the entries in use
	count map[entry]int   // of all patterns
}

func newIndex(set []rules.Rule) *index {
	x := &index{rules: map[entry][]int{}, kinds: map[kind]bool{}, count: map[entry]int{}}
	for i := range set {
		for j := range set[i].Match.Terms {
			t := &set[i].Match.Terms[j]
			for k := range t.Patterns {
				for _, e := range entries(t.Key, &t.Patterns[k]) {
					x.count[e]++
				}
			}
		}
	}
	return x
}

// add files rule i; those added earlier come first in what is found.
func (x *index) add(i int, m *rules.Match) {
	var best *rules.Term
	least := 0
	for j := range m.Terms {
		t := &m.Terms[j]
		if trivial(t) {
			continue
		}
		sum := 0
		for k := range t.Patterns {
			for _, e := range entries(t.Key, &t.Patterns[k]) {
				sum += x.count[e]
			}
		}
		if best == nil || sum < least {
			best, least = t, sum
		}
	}
	if best == nil {
		x.all = append(x.all, i)
		return
	}
	for k := range best.Patterns {
		for _, e := range entries(best.Key, &best.Patterns[k]) {
			x.kinds[e.kind] = true
			if list := x.rules[e]; len(list) == 0 || list[len(list)-1] != i {
				x.rules[e] = append(list, i)
			}
		}
	}
}

// candidates calls try with the rules that may cover m, until it returns false. A rule may come twice.
func (x *index) candidates(m *rules.Match, try func(i int) bool) {
	for _, i := range x.all {
		if !try(i) {
			return
		}
	}
	for j := range m.Terms {
		t := &m.Terms[j]
		if len(t.Patterns) == 0 {
			continue
		}
		for _, e := range x.probes(t.Key, &t.Patterns[0]) {
			for _, i := range x.rules[e] {
				if !try(i) {
					return
				}
			}
		}
	}
}

// kind is the fact of an entry, what is known of its values, and how much.
type kind struct {
	key  string
	what byte // of which of the fields of an entry
	size int  // bytes, or bits
}

// The values of kind.what.
const (
	beginning = 'b'
	ending    = 'e'
	part      = 'p' // of the numbers, of 2^size
	address   = 'a'
)

// entry is what a pattern is filed under, and looked for.
type entry struct {
	kind
	text   string
	number uint64
	net    netip.Prefix
}

func begins(key, text string) entry { return entry{kind: kind{key, beginning, len(text)}, text: text} }
func ends(key, text string) entry   { return entry{kind: kind{key, ending, len(text)}, text: text} }

func numbered(key string, k int, n int64) entry {
	return entry{kind: kind{key, part, k}, number: uint64(n) >> k}
}

func network(key string, p netip.Prefix) entry {
	return entry{kind: kind{key, address, p.Bits()}, net: p.Masked()}
}

// entries are what a pattern is filed under: text by what all of it begins with, or else ends with, a range by the one or two aligned
// parts, of the next power of two, in which it lies, an address by its prefix.
func entries(key string, p *rules.Pattern) []entry {
	if lo, hi, ok := p.Numbers(); ok {
		k := bits.Len64(uint64(hi - lo))
		list := []entry{numbered(key, k, lo)}
		if uint64(lo)>>k != uint64(hi)>>k {
			list = append(list, numbered(key, k, hi))
		}
		return list
	}
	switch shape := p.Shape(); {
	case shape.Kind == rules.ShapeNetwork:
		return []entry{network(key, shape.Net)}
	case p.Prefix() == "" && shape.Suffix != "":
		return []entry{ends(key, shape.Suffix)}
	}
	return []entry{begins(key, p.Prefix())}
}

// probes are what the patterns that cover p may be filed under, of the kinds that are in use.
func (x *index) probes(key string, p *rules.Pattern) []entry {
	var list []entry
	add := func(e entry) {
		if x.kinds[e.kind] {
			list = append(list, e)
		}
	}
	if lo, _, ok := p.Numbers(); ok {
		const widest = 64
		for k := range widest {
			add(numbered(key, k, lo))
		}
		return list
	}
	shape := p.Shape()
	prefix, suffix := p.Prefix(), shape.Suffix
	if net, ok := p.Within(); ok {
		for n := range net.Bits() + 1 {
			add(network(key, netip.PrefixFrom(net.Addr(), n)))
		}
	}
	switch text, ok := p.Literal(); {
	case shape.Kind == rules.ShapeNetwork:
		prefix = shape.Net.Addr().String() // what a glob that covers it begins with
	case ok:
		suffix = text
	}
	for n := range len(prefix) + 1 {
		add(begins(key, prefix[:n]))
	}
	for n := range len(suffix) + 1 {
		add(ends(key, suffix[len(suffix)-n:]))
	}
	return list
}
