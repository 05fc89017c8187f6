package firewall

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// Kernel is what a Table needs of *nft.Conn.
type Kernel interface {
	// Commit carries out all of a batch or nothing; nft.ErrUnknown says that nobody knows which.
	Commit(b *nft.Batch) error
	// Chains lists a table's chains; a table that is not there has none.
	Chains(t *nftables.Table) ([]nft.Chain, error)
	// Elements lists a set's elements; one that is not there has none.
	Elements(s *nftables.Set) ([]nft.Element, error)
}

var _ Kernel = (*nft.Conn)(nil)

// state is what a table holds, guest by guest.
type state map[string][]element

// Table is the kernel's table `bridge vifd`.
type Table struct {
	kernel Kernel
	layout *layout
	writes sync.Mutex // held through every transaction and everything that reads the kernel
	ended  time.Time  // when the last group of requests was carried out; guarded by writes

	mu      sync.Mutex // guards what follows; never held while the kernel is asked
	program *Program
	have    state // what the kernel has as far as is known
	owners  map[string]int
	queue   []*request
	stats   Stats
}

// Stats counts since the Table was opened.
type Stats struct {
	Transactions uint64 // committed, the installations of programs among them
	Changes      uint64 // Set and Remove calls that they carried out
	Repairs      uint64 // times that the kernel held something else than was put there
}

// request is one Set or Remove that waits for its transaction.
type request struct {
	iface string
	owner int
	want  []element // nil: take everything of iface out
	wrote bool
	err   error
	done  bool
}

// OpenTable reads what the table holds from the kernel and changes nothing.
func OpenTable(kernel Kernel) (*Table, error) {
	l, err := newLayout()
	if err != nil {
		return nil, fmt.Errorf("firewall: lay out table %s: %w", TableName, err)
	}
	t := &Table{kernel: kernel, layout: l, owners: make(map[string]int)}
	t.have, err = t.read()
	return t, err
}

// read lists the elements of all maps and sets.
func (t *Table) read() (state, error) {
	have := make(state)
	collect := func(s *nftables.Set, kind element, size int) error {
		elems, err := t.kernel.Elements(s)
		if err != nil {
			return fmt.Errorf("firewall: read table %s: %w", TableName, err)
		}
		for _, e := range elems {
			if iface, e, ok := decode(e, kind, size); ok {
				have[iface] = append(have[iface], e)
			}
		}
		return nil
	}
	for d := range t.layout.vmaps {
		if err := collect(t.layout.vmaps[d], element{dir: direction(d)}, 0); err != nil {
			return nil, err
		}
	}
	for _, s := range guestSets {
		if err := collect(t.layout.sets[s.param], element{param: s.param}, valueSizes[s.param]); err != nil {
			return nil, err
		}
	}
	return have, nil
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Interfaces returns the interfaces that the table knows, in no order.
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
	have, err := t.read()
	if err != nil {
		return false, err
	}
	want := make(state, len(guests))
	for i := range guests {
		want[guests[i].Interface] = guests[i].elements()
	}
	wrote, err = t.swap(p, have, want)
	if err != nil {
		return wrote, fmt.Errorf("firewall: install %d rules and %d guests: %w", p.Rules(), len(guests), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program, t.have, t.owners = p, want, make(map[string]int, len(owners))
	for iface, owner := range owners {
		t.owners[iface] = owner
	}
	return wrote, nil
}

// Ensure puts p in force and leaves every guest as it is: for a process that knows of one guest only. Chains that p does
// not have stay, for others' guests may be judged by them.
func (t *Table) Ensure(p *Program) (wrote bool, err error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	chains, err := t.kernel.Chains(t.layout.table)
	if err != nil {
		return false, err
	}
	b := nft.NewBatch()
	p.install(b, t.layout, chains)
	if err := t.commit(b); err != nil {
		return false, fmt.Errorf("firewall: install %d rules: %w", p.Rules(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program = p
	return b.Len() > 0, nil
}

// swap takes the kernel from have to p and want.
func (t *Table) swap(p *Program, have, want state) (wrote bool, err error) {
	chains, err := t.kernel.Chains(t.layout.table)
	if err != nil {
		return false, err
	}
	b := nft.NewBatch()
	stale := p.install(b, t.layout, chains)
	for iface := range have {
		if _, ok := want[iface]; !ok {
			t.change(b, iface, have[iface], nil)
		}
	}
	for iface := range want {
		t.change(b, iface, have[iface], want[iface])
	}
	// Stale chains may jump to each other: emptied first, then deleted.
	for _, ch := range stale {
		b.FlushChain(ch)
	}
	for _, ch := range stale {
		b.DelChain(ch)
	}
	return b.Len() > 0, t.commit(b)
}

func (t *Table) commit(b *nft.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if err := t.kernel.Commit(b); err != nil {
		return err
	}
	t.mu.Lock()
	t.stats.Transactions++
	t.mu.Unlock()
	return nil
}

// change adds to b what takes the guest of iface from have to want; false where there is nothing to do.
func (t *Table) change(b *nft.Batch, iface string, have, want []element) bool {
	before := b.Len()
	for _, e := range have {
		if !slices.Contains(want, e) {
			b.DelElements(e.set(t.layout), []nftables.SetElement{e.encode(iface)}, "element "+e.text(iface))
		}
	}
	for _, e := range want {
		if !slices.Contains(have, e) {
			b.AddElements(e.set(t.layout), []nftables.SetElement{e.encode(iface)}, "element "+e.text(iface))
		}
	}
	return b.Len() > before
}

// Set puts g in force for the interface with the ifindex owner; wrote tells whether anything had to be written. The Profile
// must be of the Program that is installed.
func (t *Table) Set(g *Guest, owner int) (wrote bool, err error) {
	r := &request{iface: g.Interface, owner: owner, want: g.elements()}
	if err := t.submit(r); err != nil {
		return false, fmt.Errorf("firewall: guard %s: %w", g.Interface, err)
	}
	return r.wrote, nil
}

// Remove takes everything of iface out, unless the name belongs to another ifindex than owner by now.
func (t *Table) Remove(iface string, owner int) (wrote bool, err error) {
	r := &request{iface: iface, owner: owner}
	if err := t.submit(r); err != nil {
		return false, fmt.Errorf("firewall: forget %s: %w", iface, err)
	}
	return r.wrote, nil
}

// submit queues r and sees to it that it is carried out. Whoever finds nobody at work carries out what has gathered, his
// own request among it; the others find theirs done.
func (t *Table) submit(r *request) error {
	t.mu.Lock()
	t.queue = append(t.queue, r)
	t.mu.Unlock()

	t.writes.Lock()
	defer t.writes.Unlock()
	if !r.done {
		if time.Since(t.ended) < stormGap {
			time.Sleep(gathering)
		}
		t.mu.Lock()
		group := t.queue
		t.queue = nil
		t.mu.Unlock()
		t.carryOut(group)
		t.ended = time.Now()
	}
	return r.err
}

// A request that comes so soon after the last transaction is one of many: it waits a little for the others, so that a
// thousand vifs at once do not cost the kernel a thousand transactions. One that comes alone does not wait.
const (
	stormGap  = 4 * time.Millisecond
	gathering = 2 * time.Millisecond
)

// carryOut commits a group of requests in one transaction. Where that fails, each is tried alone, so that one bad guest
// does not keep the others out. It is called with writes held.
func (t *Table) carryOut(group []*request) {
	err := t.try(group)
	if err != nil && drifted(err) {
		if err = t.repair(); err == nil {
			err = t.try(group)
		}
	}
	for _, r := range group {
		r.done = true
		if err != nil && len(group) > 1 {
			r.err = t.try([]*request{r})
		} else {
			r.err = err
		}
	}
}

// drifted reports whether err can come from the kernel holding something else than is known.
func drifted(err error) bool {
	return errors.Is(err, nft.ErrUnknown) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY)
}

func (t *Table) try(group []*request) error {
	b := nft.NewBatch()
	now := make(map[string]*request, len(group)) // the last request of the group for each interface
	t.mu.Lock()
	for _, r := range group {
		have, owner := t.have[r.iface], t.owners[r.iface]
		if last, ok := now[r.iface]; ok {
			have, owner = last.want, last.owner
		}
		if r.want == nil && owner != 0 && owner != r.owner {
			continue // the name is another device's by now, and so are the elements
		}
		r.wrote = t.change(b, r.iface, have, r.want)
		now[r.iface] = r
	}
	t.mu.Unlock()
	if err := t.commit(b); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Changes += uint64(len(group))
	for iface, r := range now {
		if r.want == nil {
			delete(t.have, iface)
			delete(t.owners, iface)
		} else {
			t.have[iface], t.owners[iface] = r.want, r.owner
		}
	}
	return nil
}

// repair reads the kernel back and puts right whatever is not as it was left.
func (t *Table) repair() error {
	have, err := t.read()
	if err != nil {
		return err
	}
	t.mu.Lock()
	p, want := t.program, t.have
	t.stats.Repairs++
	t.mu.Unlock()
	if p == nil {
		return errors.New("no program is installed")
	}
	_, err = t.swap(p, have, want)
	return err
}
