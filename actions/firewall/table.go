package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/nftables"

	"vifd/internal/nft"
)

// state is what the tables hold, guest by guest.
type state map[string][]element

// Table is the kernel's tables called vifd: of the bridge family, and where guests are routed of inet and arp as well. They
// change together, in one transaction.
type Table struct {
	kernel  nft.Kernel
	layouts [families]*layout
	writes  *nft.Writer[element] // locked by whatever reads the kernel, too

	mu      sync.Mutex // guards what follows; never held while the kernel is asked
	program *Program
	have    state // what the kernel has as far as is known
	owners  map[string]int
	shared  bool // others change it as well: the program was ensured, and not installed
}

// OpenTable reads what the tables hold from the kernel and changes nothing.
func OpenTable(kernel nft.Kernel) (*Table, error) {
	t := NewTable(kernel)
	return t, t.Reread()
}

// NewTable asks the kernel nothing yet: Reread is to be called before the tables are changed.
func NewTable(kernel nft.Kernel) *Table {
	t := &Table{kernel: kernel, have: make(state), owners: make(map[string]int)}
	t.writes = nft.NewWriter(kernel, t.try, t.repair)
	for f := range families {
		t.layouts[f] = newLayout(f)
	}
	return t
}

// Reread forgets what the tables were known to hold and asks the kernel: for one that another process has kept waiting, which may have
// changed them meanwhile.
func (t *Table) Reread() error {
	t.writes.Lock()
	defer t.writes.Unlock()
	have, err := t.read()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have = have
	return nil
}

// read lists the elements of all maps and sets of guests.
func (t *Table) read() (state, error) {
	have := make(state)
	err := t.each(func(iface string, e element, _ nft.Element) { have[iface] = append(have[iface], e) })
	return have, err
}

// each lists the elements of all maps and sets of guests, as they are understood and as the kernel has them.
func (t *Table) each(do func(iface string, e element, raw nft.Element)) error {
	for _, l := range t.layouts {
		sets, err := t.kernel.Sets(l.table)
		if err != nil {
			return fmt.Errorf("firewall: read table %s %s: %w", l.family, TableName, err)
		}
		for _, s := range sets {
			kind, ours := setKind(l, s.Name)
			if !ours {
				continue
			}
			elems, err := t.kernel.Elements(&nftables.Set{Table: l.table, Name: s.Name})
			if err != nil {
				return fmt.Errorf("firewall: read table %s %s: %w", l.family, TableName, err)
			}
			for _, raw := range elems {
				if iface, e, ok := decode(raw, kind); ok {
					do(iface, e, raw)
				}
			}
		}
	}
	return nil
}

// setKind tells what the elements of a map or set of guests have in common.
func setKind(l *layout, name string) (element, bool) {
	for d := range l.vmaps {
		if l.vmaps[d].Name == name {
			return element{family: l.family, dir: direction(d)}, true
		}
	}
	for d := range directions {
		if strings.HasPrefix(name, directions[d].prefix) {
			return element{family: l.family, dir: direction(d), judge: name}, true
		}
	}
	set, ok := parseValueSet(name)
	return element{family: l.family, set: set}, ok
}

// Stats returns the counters.
func (t *Table) Stats() nft.Stats { return t.writes.Stats() }

// Interfaces returns the interfaces that the tables know, in no order.
func (t *Table) Interfaces() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := make([]string, 0, len(t.have))
	for name := range t.have {
		names = append(names, name)
	}
	return names
}

// Install puts p and exactly these guests in force, in one transaction: no frame is judged by half of it. owners tells the
// ifindex of each guest's interface. What is so already is not written; wrote tells whether anything was.
func (t *Table) Install(p *Program, guests []Guest, owners map[string]int) (wrote bool, err error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	want := make(state, len(guests))
	for i := range guests {
		want[guests[i].Interface] = guests[i].elements()
	}
	if p, err = p.forState(want); err != nil {
		return false, fmt.Errorf("firewall: %w", err)
	}
	if wrote, err = t.bring(p, want); err != nil {
		return wrote, fmt.Errorf("firewall: install %d rules and %d guests: %w", p.Rules(), len(guests), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program, t.have, t.owners, t.shared = p, want, make(map[string]int, len(owners)), false
	for iface, owner := range owners {
		t.owners[iface] = owner
	}
	return wrote, nil
}

// installTries bounds how often an installation whose outcome is unknown, or that somebody came between, is looked at again.
const installTries = 3

// bring takes the kernel from whatever it has to p and want. What is there is read first, and a process that works without the listener may
// change it before the transaction is carried out, which then fails as a whole: it is read back, and the rest done.
func (t *Table) bring(p *Program, want state) (wrote bool, err error) {
	for range installTries {
		var have state
		if have, err = t.read(); err == nil {
			var did bool
			did, err = t.swap(p, have, want)
			wrote = wrote || did
		}
		if err == nil || !nft.Drifted(err) {
			break
		}
	}
	return wrote, err
}

// forState is p for exactly the prefixes that guests have.
func (p *Program) forState(guests state) (*Program, error) {
	bare, err := p.bare()
	if err != nil {
		return nil, err
	}
	plens := make(lengths)
	for _, elems := range guests {
		plens.add(elems)
	}
	return bare.covering(plens)
}

func (l lengths) add(elems []element) {
	for i := range elems {
		if set := elems[i].set; set.plen > 0 && !slices.Contains(l[set.param], set.plen) {
			l[set.param] = append(l[set.param], set.plen)
		}
	}
}

// Ensure puts p in force and leaves every guest as it is: for a process that knows of one guest only. Chains and sets that p
// does not have stay, for others' guests may be judged by them.
func (t *Table) Ensure(p *Program) (wrote bool, err error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	t.mu.Lock()
	have := t.have
	t.mu.Unlock()
	return t.ensure(p, have)
}

// ensure is Ensure where the kernel has these guests.
func (t *Table) ensure(p *Program, have state) (wrote bool, err error) {
	if p, err = p.forState(have); err != nil {
		return false, fmt.Errorf("firewall: %w", err)
	}
	named, err := t.prepare(p)
	if err != nil {
		return false, err
	}
	b := nft.NewBatch()
	left, err := t.install(b, named, true)
	if err != nil {
		return false, err
	}
	if err := t.commit(b, left.rewrites); err != nil {
		return false, fmt.Errorf("firewall: install %d rules: %w", p.Rules(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program, t.shared = p, true
	return b.Len() > 0, nil
}

// Check asks the kernel whether it would take p, and changes nothing. Each of its refusals names the statement.
func (t *Table) Check(p *Program) error {
	t.writes.Lock()
	defer t.writes.Unlock()
	b := nft.NewBatch()
	if _, err := t.install(b, p, false); err != nil {
		return err
	}
	if b.Len() == 0 {
		return nil
	}
	return explain(t.kernel.Check(b))
}

// install adds to b what makes the kernel's tables those of p, but for guests' elements. With keep, what p does not have stays.
func (t *Table) install(b *nft.Batch, p *Program, keep bool) (leftover, error) {
	var left leftover
	for f, l := range t.layouts {
		have, err := t.contents(l)
		if err != nil {
			return left, fmt.Errorf("firewall: read table %s %s: %w", l.family, TableName, err)
		}
		if p.tables[f] == nil {
			if len(have.chains)+len(have.sets) > 0 {
				left.tables = append(left.tables, l.table)
			}
			continue
		}
		more := p.tables[f].install(b, l, have, keep)
		left.chains, left.sets = append(left.chains, more.chains...), append(left.sets, more.sets...)
		left.rewrites = left.rewrites || more.rewrites
	}
	return left, nil
}

// swap takes the kernel from have to p and want.
func (t *Table) swap(p *Program, have, want state) (wrote bool, err error) {
	named, err := t.prepare(p)
	if err != nil {
		return false, err
	}
	b := nft.NewBatch()
	left, err := t.install(b, named, false)
	if err != nil {
		return false, err
	}
	for iface := range have {
		if _, ok := want[iface]; !ok {
			t.change(b, iface, have[iface], nil)
		}
	}
	for iface := range want {
		t.change(b, iface, have[iface], want[iface])
	}
	left.drop(b)
	return b.Len() > 0, t.commit(b, left.rewrites)
}

// commit carries b out, which may give chains that are there other rules. It is called with writes locked.
func (t *Table) commit(b *nft.Batch, rewrites bool) error {
	if rewrites {
		t.writes.Settle()
	}
	if err := t.writes.Commit(b); err != nil {
		return explain(err)
	}
	return nil
}

// change adds to b what takes the guest of iface from have to want; false where there is nothing to do.
func (t *Table) change(b *nft.Batch, iface string, have, want []element) bool {
	before := b.Len()
	for _, e := range have {
		if !slices.Contains(want, e) {
			b.DelElements(e.home(t.layouts[e.family]), []nftables.SetElement{e.encode(iface)}, "element "+e.text(iface))
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			b.AddElements(e.home(t.layouts[e.family]), []nftables.SetElement{e.encode(iface)}, "element "+e.text(iface))
		}
	}
	return b.Len() > before
}

// repair reads the kernel back and puts right whatever is not as it was left. Of a table that is shared nobody knows that but for the program:
// what other guests are guarded by is their processes' to say, and is taken as it is.
func (t *Table) repair() error {
	have, err := t.read()
	if err != nil {
		return err
	}
	t.mu.Lock()
	p, want, shared := t.program, t.have, t.shared
	if shared {
		t.have = have
	}
	t.mu.Unlock()
	switch {
	case p == nil:
		return errors.New("no program is installed")
	case shared:
		_, err = t.ensure(p, have)
	default:
		_, err = t.swap(p, have, want)
	}
	return err
}
