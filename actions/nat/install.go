package nat

import (
	"fmt"
	"slices"

	"github.com/google/nftables"

	"vifd/internal/nft"
)

// leftover is what an installed program has no use for any more, to be deleted when nothing refers to it.
type leftover struct {
	chains []*nftables.Chain
	sets   []*nftables.Set
}

// installed is what install did besides adding to its batch.
type installed struct {
	left     leftover
	rewrites bool             // chains that are there get other rules
	emptied  [families]bool   // the table is deleted, or made anew
	dropped  [families]shapes // sets that are deleted
}

type shapes []shape

// install adds to b what makes the kernel's chains and sets those of p. With keep, what p does not have stays as it is, but for rules.
func (t *Table) install(b *nft.Batch, p *Program, keep bool) (installed, error) {
	var done installed
	for fam := range families {
		table := fam.table()
		chains, err := t.kernel.Chains(table)
		if err != nil {
			return done, fmt.Errorf("read table %s %s: %w", fam, TableName, err)
		}
		sets, err := t.kernel.Sets(table)
		if err != nil {
			return done, fmt.Errorf("read table %s %s: %w", fam, TableName, err)
		}
		program := p.tables[fam]
		if program == nil {
			if len(chains)+len(sets) > 0 && !keep {
				b.DelTable(table)
				done.emptied[fam] = true
			}
			continue
		}
		if !keep && program.reshaped(fam, sets) {
			b.DelTable(table)
			done.emptied[fam] = true
			chains, sets = nil, nil
		}
		program.install(b, fam, chains, sets, &done)
	}
	if keep {
		done.left = leftover{}
	}
	return done, nil
}

// reshaped reports whether a set is there under a name of t's, but with other keys: another version's.
func (t *tableProgram) reshaped(fam family, have []nft.Set) bool {
	return slices.ContainsFunc(t.shapes, func(s shape) bool {
		set := s.set(fam)
		return slices.ContainsFunc(have, func(h nft.Set) bool {
			return h.Name == set.Name && (h.KeyType != set.KeyType.GetNFTMagic() || h.KeyLen != set.KeyType.Bytes)
		})
	})
}

func (t *tableProgram) install(b *nft.Batch, fam family, chains []nft.Chain, sets []nft.Set, done *installed) {
	var changed []chain
	for _, ch := range t.chains {
		i := slices.IndexFunc(chains, func(k nft.Chain) bool { return k.Name == ch.chain.Name })
		if i < 0 || !ch.same(chains[i]) {
			changed = append(changed, ch)
			done.rewrites = done.rewrites || i >= 0
		}
	}
	var missing []shape
	for _, s := range t.shapes {
		if !slices.ContainsFunc(sets, func(k nft.Set) bool { return k.Name == s.name(fam) }) {
			missing = append(missing, s)
		}
	}
	if len(changed)+len(missing) > 0 {
		b.AddTable(fam.table())
	}
	for _, s := range missing {
		b.AddSet(s.set(fam))
	}
	for _, ch := range changed {
		b.AddChain(ch.chain)
		b.FlushChain(ch.chain)
		for i := range ch.rules {
			ch.rules[i].emit(b, ch.chain)
		}
	}
	for _, k := range chains {
		if !slices.ContainsFunc(t.chains, func(ch chain) bool { return ch.chain.Name == k.Name }) {
			done.left.chains = append(done.left.chains, &nftables.Chain{Table: fam.table(), Name: k.Name})
		}
	}
	for _, k := range sets {
		s, ours := parseShape(fam, k.Name)
		if ours && slices.Contains(t.shapes, s) {
			continue
		}
		done.left.sets = append(done.left.sets, &nftables.Set{Table: fam.table(), Name: k.Name})
		if ours {
			done.dropped[fam] = append(done.dropped[fam], s)
		}
	}
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
}

// gone reports whether e goes with its set or table.
func (done *installed) gone(e element) bool {
	at := e.in()
	return done.emptied[at.family] || slices.Contains(done.dropped[at.family], at.shape)
}

// write adds to b the deletion and addition of elements, those of one set that follow each other in one message.
func write(b *nft.Batch, add, del []element) {
	each(del, b.DelElements)
	each(add, b.AddElements)
}

// each has messages made of list; a refusal names the first element of its message.
func each(list []element, do func(*nftables.Set, []nftables.SetElement, string)) {
	for len(list) > 0 {
		n, at := 1, list[0].in()
		for n < len(list) && list[n].in() == at {
			n++
		}
		elems := make([]nftables.SetElement, n)
		for i := range elems {
			elems[i] = list[i].encode()
		}
		what := "element " + list[0].text()
		if n > 1 {
			what += fmt.Sprintf(" and %d more", n-1)
		}
		do(at.set(), elems, what)
		list = list[n:]
	}
}
