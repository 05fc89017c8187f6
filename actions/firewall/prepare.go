package firewall

import (
	"fmt"
	"slices"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// A set of ranges that a rule brings along shows its elements only some time after the rule is in force: the kernel publishes
// what was put into it at the very end of a transaction (nft_set_commit_update, net/netfilter/nf_tables_api.c), when packets
// meet the new rules already. Until then nothing is in the set, and a packet may be dropped that is to pass, or pass that is
// to be dropped. A chain with such sets is therefore put there beforehand, in a transaction of its own and under a name that
// nothing leads to, and the one that changes the rules only leads to it.

// ranged reports whether a rule of ch has a set of ranges.
func (ch *chain) ranged() bool {
	return slices.ContainsFunc(ch.rules, func(r rule) bool {
		return slices.ContainsFunc(r.parts, func(p part) bool {
			m, ok := p.(*match)
			return ok && (m.set || len(m.fields) > 1) && slices.ContainsFunc(m.tuples, func(t stmt.Tuple) bool {
				return slices.ContainsFunc(t, func(e stmt.Elem) bool { return !e.Single() })
			})
		})
	})
}

// prepare puts chains with sets of ranges there that p needs and the kernel lacks, and returns p with the names that they have.
// Where there is no table yet nobody is judged yet, and nothing to prepare.
func (t *Table) prepare(p *Program) (*Program, error) {
	out := *p
	b := nft.NewBatch()
	for _, f := range p.uses() {
		if !slices.ContainsFunc(p.tables[f].chains, func(ch chain) bool { return ch.ranged() }) {
			continue
		}
		l := t.layouts[f]
		have, err := t.contents(l)
		if err != nil {
			return nil, fmt.Errorf("firewall: read table %s %s: %w", f, TableName, err)
		}
		var missing []string
		out.tables[f], missing = p.tables[f].named(have)
		add, replace, _ := out.tables[f].sets(l, have.sets)
		if len(missing) == 0 || len(have.chains) == 0 || len(replace) > 0 {
			continue
		}
		b.AddTable(l.table)
		for _, s := range add {
			b.AddSet(s)
		}
		chains := out.tables[f].chains
		for i := range chains {
			if !has(have, chains[i].name) {
				b.AddChain(l.chain(chains[i].name))
			}
		}
		for i := range chains {
			if !slices.Contains(missing, chains[i].name) {
				continue
			}
			for j := range chains[i].rules {
				chains[i].rules[j].emit(b, l, l.chain(chains[i].name))
			}
		}
	}
	if err := t.commit(b, false); err != nil {
		return nil, fmt.Errorf("firewall: prepare %d rules: %w", p.Rules(), err)
	}
	return &out, nil
}

func has(have contents, name string) bool {
	return slices.ContainsFunc(have.chains, func(k nft.Chain) bool { return k.Name == name })
}

// named is t with its ranged chains under names at which the kernel has them as they are to be, or else under names that are
// free there, which missing lists. What leads to a chain depends on its name, so that one name can change others.
func (t *tableProgram) named(have contents) (_ *tableProgram, missing []string) {
	names := make(map[string]string)
	for range len(t.chains) + 1 {
		missing = nil
		now := t.renamed(names)
		settled := true
		for i := range t.chains {
			if !t.chains[i].ranged() {
				continue
			}
			name, there := now.chains[i].place(t.chains[i].name, have)
			if !there {
				missing = append(missing, name)
			}
			settled = settled && name == now.chains[i].name
			names[t.chains[i].name] = name
		}
		if settled {
			break
		}
	}
	return t.renamed(names), missing
}

// place is the first name, of the chain's own and those with lines behind it, at which the kernel has ch as it is to be, or else
// the first that is free.
func (ch *chain) place(name string, have contents) (_ string, there bool) {
	free := ""
	for n := name; ; n += "_" {
		i := slices.IndexFunc(have.chains, func(k nft.Chain) bool { return k.Name == n })
		switch {
		case i >= 0 && ch.same(have.chains[i]):
			return n, true
		case i < 0 && free == "":
			free = n
		case i < 0:
			return free, false
		}
	}
}

// renamed is t with other names for some of its chains.
func (t *tableProgram) renamed(names map[string]string) *tableProgram {
	if len(names) == 0 {
		return t
	}
	out := *t
	out.base, out.chains = slices.Clone(t.base), slices.Clone(t.chains)
	for _, list := range [][]chain{out.base, out.chains} {
		for i := range list {
			if name, ok := names[list[i].name]; ok {
				list[i].name = name
			}
			list[i].rules = slices.Clone(list[i].rules)
			for j, r := range list[i].rules {
				if name, ok := names[r.verdict.jump]; ok {
					r.verdict.jump = name
					list[i].rules[j] = newRule(r.parts, r.verdict, r.what)
					list[i].rules[j].source = r.source
				}
			}
		}
	}
	return &out
}
