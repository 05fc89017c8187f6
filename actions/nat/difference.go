package nat

import (
	"fmt"
	"slices"

	"vifd/internal/nft"
)

// Difference is what Ensure, Set and Remove would write, as commands of nft, each without the word nft.
type Difference struct {
	Tables []string            // tables, sets, chains and rules, which guests share
	Guests map[string][]string // elements by interface, of those interfaces whose are not as they are to be
}

// Difference compares the kernel with p and exactly these guests, and changes nothing. Elements that can be nobody's stay, as they do with
// Ensure. Its errors are those of reading, and a guest's that Set would refuse as well.
func (t *Table) Difference(p *Program, list []Guest) (Difference, error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	d := Difference{Guests: make(map[string][]string)}
	elems, err := t.read()
	if err != nil {
		return d, fmt.Errorf("nat: %w", err)
	}
	have := attribute(elems)
	want, all := make(map[string][]element, len(list)), make(map[element]bool)
	for i := range list {
		mine, err := list[i].elements()
		if err != nil {
			return d, fmt.Errorf("nat: guest %s: %w", list[i].Interface, err)
		}
		want[list[i].Interface] = mine
		for _, e := range mine {
			all[e] = true
		}
	}
	p = p.covering(have.all())
	for _, mine := range want {
		p = p.covering(mine)
	}
	for fam := range families {
		lines, err := t.tableDifference(p, fam)
		if err != nil {
			return d, fmt.Errorf("nat: %w", err)
		}
		d.Tables = append(d.Tables, lines...)
	}
	for iface, had := range have.guests {
		for _, e := range had {
			if iface != "" && !all[e] {
				d.Guests[iface] = append(d.Guests[iface], e.command("delete"))
			}
		}
	}
	for iface, mine := range want {
		for _, e := range mine {
			if have.users[e] == 0 {
				d.Guests[iface] = append(d.Guests[iface], e.command("add"))
			}
		}
	}
	return d, nil
}

func (e element) command(word string) string {
	return fmt.Sprintf("%s element %s %s %s", word, e.in().family, TableName, e.text())
}

// tableDifference is what install would add to a batch that keeps what the program does not have.
func (t *Table) tableDifference(p *Program, fam family) ([]string, error) {
	program, table := p.tables[fam], fam.String()+" "+TableName
	if program == nil {
		return nil, nil
	}
	chains, err := t.kernel.Chains(fam.table())
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	sets, err := t.kernel.Sets(fam.table())
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if len(chains)+len(sets) == 0 {
		say("add table %s", table)
	}
	for _, s := range program.shapes {
		if slices.ContainsFunc(sets, func(k nft.Set) bool { return k.Name == s.name(fam) }) {
			continue
		}
		if set := s.set(fam); set.IsMap {
			say("add map %s %s { type %s : %s; }", table, set.Name, set.KeyType.Name, set.DataType.Name)
		} else {
			say("add set %s %s { type %s; }", table, set.Name, set.KeyType.Name)
		}
	}
	for _, ch := range program.chains {
		i := slices.IndexFunc(chains, func(k nft.Chain) bool { return k.Name == ch.chain.Name })
		switch {
		case i < 0:
			say("add chain %s %s { %s }", table, ch.chain.Name, ch.text)
		case ch.same(chains[i]):
			continue
		default:
			say("flush chain %s %s", table, ch.chain.Name)
		}
		for _, r := range ch.rules {
			say("add rule %s %s %s", table, ch.chain.Name, r.text)
		}
	}
	return lines, nil
}
