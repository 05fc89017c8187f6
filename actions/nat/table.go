package nat

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// Table is the kernel's tables called vifd of the families ip and ip6. They change together, in one transaction.
type Table struct {
	kernel nft.Kernel
	writes *nft.Writer[element] // locked by whatever reads the kernel, too

	mu      sync.Mutex // guards what follows; never held while the kernel is asked
	program *Program
	book    *book // what the kernel has as far as is known
	owners  map[string]int
}

// OpenTable reads what the tables hold from the kernel and changes nothing.
func OpenTable(kernel nft.Kernel) (*Table, error) {
	t := NewTable(kernel)
	if err := t.Reread(); err != nil {
		return nil, err
	}
	return t, nil
}

// NewTable asks the kernel nothing yet: Reread is to be called before the tables are changed.
func NewTable(kernel nft.Kernel) *Table {
	t := &Table{kernel: kernel, book: attribute(nil), owners: make(map[string]int)}
	t.writes = nft.NewWriter(kernel, t.try, t.repair)
	return t
}

// Reread forgets what the tables were known to hold and asks the kernel: for one that another process has kept waiting, which may have
// changed them meanwhile.
func (t *Table) Reread() error {
	t.writes.Lock()
	defer t.writes.Unlock()
	elems, err := t.read()
	if err != nil {
		return fmt.Errorf("nat: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.book = attribute(elems)
	return nil
}

// read lists the elements of all sets and maps that can be vifd's.
func (t *Table) read() ([]element, error) {
	var list []element
	for fam := range families {
		table := fam.table()
		sets, err := t.kernel.Sets(table)
		if err != nil {
			return nil, fmt.Errorf("read table %s %s: %w", fam, TableName, err)
		}
		for _, s := range sets {
			shape, ours := parseShape(fam, s.Name)
			if !ours {
				continue
			}
			elems, err := t.kernel.Elements(&nftables.Set{Table: table, Name: s.Name})
			if err != nil {
				return nil, fmt.Errorf("read table %s %s: %w", fam, TableName, err)
			}
			for _, have := range elems {
				if e, ok := decode(fam, shape, have); ok {
					list = append(list, e)
				}
			}
		}
	}
	return list, nil
}

// Stats returns the counters.
func (t *Table) Stats() nft.Stats { return t.writes.Stats() }

// Interfaces returns the interfaces of the guests that the tables know, sorted.
func (t *Table) Interfaces() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.book.guests)), func(name string) bool { return name == "" })
}

// Install puts p and exactly these guests in force, in one transaction. owners tells the ifindex of each guest's interface. What is
// so already is not written; wrote tells whether anything was. Without networks and guests the tables are removed.
func (t *Table) Install(p *Program, list []Guest, owners map[string]int) (wrote bool, err error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	want, err := together(list)
	if err != nil {
		return false, fmt.Errorf("nat: %w", err)
	}
	p = p.covering(want.all())
	wrote, err = t.swap(p, want)
	if err != nil {
		return wrote, fmt.Errorf("nat: install %d rules and %d guests: %w", p.Rules(), len(list), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program, t.book, t.owners = p, want, maps.Clone(owners)
	if t.owners == nil {
		t.owners = make(map[string]int)
	}
	return wrote, nil
}

// together makes a book of guests, unless forwards of theirs overlap.
func together(list []Guest) (*book, error) {
	b, c := newBook(), make(changes, len(list))
	for i := range list {
		g := &list[i]
		elems, err := g.elements()
		if err != nil {
			return nil, fmt.Errorf("guest %s: %w", g.Interface, err)
		}
		if _, twice := c[g.Interface]; twice {
			return nil, fmt.Errorf("guest %s is there twice", g.Interface)
		}
		c[g.Interface] = elems
	}
	if _, _, err := b.plan(c); err != nil {
		return nil, err
	}
	b.apply(c)
	return b, nil
}

// CheckGuests reports what is wrong with guests, and which of their forwards overlap; nil means nothing.
func CheckGuests(list []Guest) error {
	_, err := together(list)
	return err
}

// Ensure puts p in force and leaves every guest as it is: for a process that knows of one guest only.
func (t *Table) Ensure(p *Program) (wrote bool, err error) {
	t.writes.Lock()
	defer t.writes.Unlock()
	t.mu.Lock()
	p = p.covering(t.book.all())
	t.mu.Unlock()
	b := nft.NewBatch()
	done, err := t.install(b, p, true)
	if err == nil {
		err = t.commit(b, done.rewrites)
	}
	if err != nil {
		return false, fmt.Errorf("nat: install %d rules: %w", p.Rules(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program = p
	return b.Len() > 0, nil
}

// Check asks the kernel whether it would take p, and changes nothing.
func (t *Table) Check(p *Program) error {
	t.writes.Lock()
	defer t.writes.Unlock()
	b := nft.NewBatch()
	done, err := t.install(b, p, false)
	if err == nil {
		done.left.drop(b)
		err = t.kernel.Check(b)
	}
	if err != nil {
		return fmt.Errorf("nat: check %d rules: %w", p.Rules(), err)
	}
	return nil
}

// swapTries bounds how often an installation whose outcome is unknown, or that somebody came between, is looked at again.
const swapTries = 3

// swap takes the kernel from whatever it has to p and want.
func (t *Table) swap(p *Program, want *book) (wrote bool, err error) {
	for range swapTries {
		var did bool
		did, err = t.swapOnce(p, want)
		wrote = wrote || did
		if err == nil || !nft.Drifted(err) {
			break
		}
	}
	return wrote, err
}

func (t *Table) swapOnce(p *Program, want *book) (wrote bool, err error) {
	have, err := t.read()
	if err != nil {
		return false, err
	}
	b := nft.NewBatch()
	done, err := t.install(b, p, false)
	if err != nil {
		return false, err
	}
	there := make(map[element]bool, len(have))
	var add, del []element
	for i := range have {
		e := have[i]
		if done.gone(e) {
			continue
		}
		there[e] = true
		if want.users[e] == 0 {
			del = append(del, e)
		}
	}
	for e := range want.users {
		if !there[e] {
			add = append(add, e)
		}
	}
	slices.SortFunc(add, element.compare)
	slices.SortFunc(del, element.compare)
	write(b, add, del)
	done.left.drop(b)
	return b.Len() > 0, t.commit(b, done.rewrites)
}

// commit carries b out. It is called with writes locked.
func (t *Table) commit(b *nft.Batch, rewrites bool) error {
	if rewrites {
		t.writes.Settle()
	}
	if err := t.writes.Commit(b); err != nil {
		return explain(err)
	}
	return nil
}

// errNoNAT says that the kernel cannot do what this package is for.
var errNoNAT = errors.New("the kernel lacks NAT for nftables (modules nft_chain_nat, nft_nat, nft_masq, nft_fib_ipv4 and nft_fib_ipv6)")

// explain says what the kernel lacks where it refused a chain or a rule for that.
func explain(err error) error {
	var refusal *nft.Error
	if !errors.As(err, &refusal) {
		return err
	}
	if refusal.Errno == unix.EOPNOTSUPP || refusal.Errno == unix.ENOENT && refusal.Rule != "" {
		return fmt.Errorf("%w: %w", errNoNAT, err)
	}
	return err
}
