package firewall

import (
	"slices"
	"sort"

	"github.com/google/nftables"

	"vifd/internal/nft"
)

// contents is what the kernel has of one table.
type contents struct {
	chains []nft.Chain
	sets   []nft.Set
}

func (t *Table) contents(l *layout) (contents, error) {
	chains, err := t.kernel.Chains(l.table)
	if err != nil {
		return contents{}, err
	}
	sets, err := t.kernel.Sets(l.table)
	return contents{chains, sets}, err
}

// leftover is what an installed program has no use for any more, to be deleted when nothing refers to it.
type leftover struct {
	chains []*nftables.Chain
	sets   []*nftables.Set
	tables []*nftables.Table // of families in which nobody is judged any more

	rewrites bool // chains that are there get other rules
}

// install adds to b what makes the kernel's chains and sets those of t. With keep, the rest stays as it is.
func (t *tableProgram) install(b *nft.Batch, l *layout, have contents, keep bool) leftover {
	var left leftover
	chains := make(map[string]nft.Chain, len(have.chains))
	for _, ch := range have.chains {
		chains[ch.Name] = ch
	}
	var changed []chain
	for _, ch := range t.all() {
		k, ok := chains[ch.name]
		if !ok || !ch.same(k) {
			changed = append(changed, ch)
			left.rewrites = left.rewrites || ok
		}
		delete(chains, ch.name)
	}
	add, replace, stale := t.sets(l, have.sets)
	if len(changed)+len(add)+len(replace) > 0 {
		b.AddTable(l.table)
	}
	// Rules that refer to a set go before it does; all chains come before any rule, which may jump to them.
	for _, ch := range changed {
		b.AddChain(l.chain(ch.name))
		b.FlushChain(l.chain(ch.name))
	}
	for name := range chains {
		left.chains = append(left.chains, &nftables.Chain{Table: l.table, Name: name})
	}
	sort.Slice(left.chains, func(i, j int) bool { return left.chains[i].Name < left.chains[j].Name })
	if len(replace) > 0 && !keep {
		for _, ch := range left.chains {
			b.FlushChain(ch)
		}
	}
	for _, s := range replace {
		b.DelSet(s)
	}
	for _, s := range append(add, replace...) {
		b.AddSet(s)
	}
	for _, s := range refilled(changed, have) {
		b.FlushSet(s.encode(l))
	}
	for _, ch := range changed {
		for i := range ch.rules {
			ch.rules[i].emit(b, l, l.chain(ch.name))
		}
	}
	left.sets = stale
	return left
}

// refilled are the sets there are that a rule is to fill which is new or not as it was. An element keeps the limit that it was made
// with, and a busy guest keeps its element: without this a new limit would be in force for newcomers alone.
func refilled(changed []chain, have contents) (list []*stateSet) {
	digests := make(map[string]bool)
	for _, ch := range have.chains {
		for _, d := range ch.Rules {
			digests[string(d)] = true
		}
	}
	for _, ch := range changed {
		for i := range ch.rules {
			if digests[string(ch.rules[i].userData())] {
				continue
			}
			for _, p := range ch.rules[i].parts {
				u, ok := p.(*update)
				there := ok && slices.ContainsFunc(have.sets, func(s nft.Set) bool { return s.Name == u.set.name })
				if there && !slices.Contains(list, u.set) {
					list = append(list, u.set)
				}
			}
		}
	}
	return list
}

// sets tells which sets are to be added, which are there in another shape, and which are of no use.
func (t *tableProgram) sets(l *layout, have []nft.Set) (add, replace, stale []*nftables.Set) {
	want := []*nftables.Set{l.vmaps[fromGuest], l.vmaps[toGuest]}
	for _, v := range t.values {
		want = append(want, l.set(v))
	}
	for _, name := range t.judges {
		want = append(want, l.judged(name))
	}
	fixed := len(want)
	for _, s := range t.states {
		want = append(want, s.encode(l))
	}
	for i, w := range want {
		k := slices.IndexFunc(have, func(s nft.Set) bool { return s.Name == w.Name })
		switch {
		case k < 0:
			add = append(add, w)
		case i >= fixed && (have[k].KeyLen != w.KeyType.Bytes || have[k].KeyType != w.KeyType.GetNFTMagic() || have[k].Timeout != w.Timeout):
			replace = append(replace, w)
		}
	}
	for _, s := range have {
		if !slices.ContainsFunc(want, func(w *nftables.Set) bool { return w.Name == s.Name }) {
			stale = append(stale, &nftables.Set{Table: l.table, Name: s.Name})
		}
	}
	return add, replace, stale
}

// drop adds to b the end of what is left over. Stale chains may jump to each other: emptied first, then deleted.
func (left leftover) drop(b *nft.Batch) {
	for _, ch := range left.chains {
		b.FlushChain(ch)
	}
	for _, ch := range left.chains {
		b.DelChain(ch)
	}
	for _, s := range left.sets {
		b.DelSet(s)
	}
	for _, t := range left.tables {
		b.DelTable(t)
	}
}
