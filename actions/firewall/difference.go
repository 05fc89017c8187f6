package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"

	"vifd/internal/nft"
)

// Difference is what Install would write, as commands of nft, each without the word nft.
type Difference struct {
	Tables []string            // tables, sets, chains and rules, which guests share
	Unused []string            // likewise, what is to go once no guest needs it any more
	Guests map[string][]string // elements by interface, of those interfaces whose are not as they are to be
}

// Difference compares the kernel with p and exactly these guests, and changes nothing. Its errors are those of reading.
func (t *Table) Difference(p *Program, guests []Guest) (Difference, error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	d := Difference{Guests: make(map[string][]string)}
	have, err := t.read()
	if err != nil {
		return d, err
	}
	want := make(state, len(guests))
	for i := range guests {
		want[guests[i].Interface] = guests[i].elements()
	}
	if p, err = p.forState(want); err != nil {
		return d, fmt.Errorf("firewall: %w", err)
	}
	for f, l := range t.layouts {
		now, err := t.contents(l)
		if err != nil {
			return d, fmt.Errorf("firewall: read table %s %s: %w", l.family, TableName, err)
		}
		tables, unused := p.tables[f].difference(l, now)
		d.Tables, d.Unused = append(d.Tables, tables...), append(d.Unused, unused...)
	}
	for iface := range have {
		d.compare(iface, have[iface], want[iface])
	}
	for iface := range want {
		if _, known := have[iface]; !known {
			d.compare(iface, nil, want[iface])
		}
	}
	return d, nil
}

// compare goes as Table.change does: what is too much first, for a map takes no second element of one name.
func (d *Difference) compare(iface string, have, want []element) {
	var lines []string
	for _, e := range have {
		if !slices.Contains(want, e) {
			e.verdict = Verdict{} // to delete an element of a map takes its key alone
			lines = append(lines, fmt.Sprintf("delete element %s %s %s", e.family, TableName, strings.Replace(e.text(iface), " : accept }", " }", 1)))
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			lines = append(lines, fmt.Sprintf("add element %s %s %s", e.family, TableName, e.text(iface)))
		}
	}
	if len(lines) > 0 {
		d.Guests[iface] = lines
	}
}

// difference is what install and drop would add to a batch. t may be nil, where nobody is judged.
func (t *tableProgram) difference(l *layout, have contents) (lines, unused []string) {
	table := l.family.String() + " " + TableName
	there := len(have.chains)+len(have.sets) > 0
	switch {
	case t == nil && there:
		return nil, []string{"delete table " + table}
	case t == nil:
		return nil, nil
	}
	t, _ = t.named(have)
	stale := make(map[string]bool)
	for _, ch := range have.chains {
		stale[ch.Name] = true
	}
	var changed []chain
	for _, ch := range t.all() {
		i := slices.IndexFunc(have.chains, func(k nft.Chain) bool { return k.Name == ch.name })
		if i < 0 || !ch.same(have.chains[i]) {
			changed = append(changed, ch)
		}
		delete(stale, ch.name)
	}
	add, replace, useless := t.sets(l, have.sets)
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if !there {
		say("add table %s", table)
	}
	for _, s := range replace {
		say("delete set %s %s", table, s.Name)
	}
	for _, s := range append(add, replace...) {
		say("add %s", t.declaration(table, s))
	}
	for _, ch := range changed {
		if has(have, ch.name) {
			say("flush chain %s %s", table, ch.name)
		} else {
			say("add chain %s %s%s", table, ch.name, t.hook(ch.name))
		}
	}
	for _, ch := range changed {
		for i := range ch.rules {
			say("add rule %s %s %s", table, ch.name, ch.rules[i].text)
		}
	}
	// Stale chains may jump to each other: emptied first, then deleted.
	for _, word := range []string{"flush", "delete"} {
		for _, ch := range have.chains {
			if stale[ch.Name] {
				unused = append(unused, fmt.Sprintf("%s chain %s %s", word, table, ch.Name))
			}
		}
	}
	for _, s := range useless {
		unused = append(unused, fmt.Sprintf("delete set %s %s", table, s.Name))
	}
	return lines, unused
}

// hook is what a base chain is declared with, in one line.
func (t *tableProgram) hook(name string) string {
	for _, h := range hooks[t.family] {
		if h.name == name {
			return fmt.Sprintf(" { type filter hook %s priority %s; policy accept; }", h.name, h.priority)
		}
	}
	return ""
}

// declaration is a set or map as it is declared, in one line.
func (t *tableProgram) declaration(table string, s *nftables.Set) string {
	if s.IsMap {
		return fmt.Sprintf("map %s %s { type ifname : verdict; counter; }", table, s.Name)
	}
	for _, state := range t.states {
		if state.name != s.Name {
			continue
		}
		if state.timeout > 0 {
			return fmt.Sprintf("set %s %s { typeof %s; size %d; flags dynamic,timeout; timeout %ds; }", table, s.Name, state.typeof, stateSetSize, int(state.timeout.Seconds()))
		}
		return fmt.Sprintf("set %s %s { typeof %s; size %d; flags dynamic; }", table, s.Name, state.typeof, stateSetSize)
	}
	if v, ok := parseValueSet(s.Name); ok {
		return fmt.Sprintf("set %s %s { type ifname . %s; }", table, s.Name, valueTypes[v.param].key.Name)
	}
	return fmt.Sprintf("set %s %s { type ifname; counter; }", table, s.Name)
}
