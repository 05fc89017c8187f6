package nat

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/nft"
)

// request is one Set or Remove that waits for its transaction.
type request struct {
	iface string
	owner int
	want  []element // nil: take everything of iface out
	wrote bool
	err   error
}

// Set puts g in force for the interface with the ifindex owner; wrote tells whether anything was changed. A program must have been
// installed. ErrOverlap says that another guest has one of its ports.
func (t *Table) Set(g *Guest, owner int) (wrote bool, err error) {
	elems, err := g.elements()
	if err != nil {
		return false, fmt.Errorf("nat: connect %s: %w", g.Interface, err)
	}
	r := &request{iface: g.Interface, owner: owner, want: elems}
	if err := t.submit(r); err != nil {
		return false, fmt.Errorf("nat: connect %s: %w", g.Interface, err)
	}
	return r.wrote, nil
}

// Remove takes everything of iface out, unless the name belongs to another ifindex than owner by now. The guest's connections go on
// until the caller ends them (internal/conntrack).
func (t *Table) Remove(iface string, owner int) (wrote bool, err error) {
	r := &request{iface: iface, owner: owner}
	if err := t.submit(r); err != nil {
		return false, fmt.Errorf("nat: forget %s: %w", iface, err)
	}
	return r.wrote, nil
}

// submit has r carried out, together with what waits beside it.
func (t *Table) submit(r *request) error {
	t.queue.Submit(&t.writes, r, t.carryOut)
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
	err := t.attempt(group)
	for _, r := range group {
		if err != nil && len(group) > 1 {
			r.err = t.attempt([]*request{r})
		} else {
			r.err = err
		}
	}
}

// attempt commits a group; what the kernel turns out to hold differently is put right first.
func (t *Table) attempt(group []*request) error {
	err := t.try(group)
	if err != nil && drifted(err) {
		if err = t.repair(); err == nil {
			err = t.try(group)
		}
	}
	return err
}

// drifted reports whether err can come from the kernel holding something else than is known.
func drifted(err error) bool {
	return errors.Is(err, errLost) || errors.Is(err, nft.ErrUnknown) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY)
}

func (t *Table) try(group []*request) error {
	c, last := make(changes, len(group)), make(map[string]*request, len(group))
	t.mu.Lock()
	p := t.program
	for _, r := range group {
		r.wrote = false
		have, owner := t.book.guests[r.iface], t.owners[r.iface]
		if before, ok := last[r.iface]; ok {
			have, owner = before.want, before.owner
		}
		if r.want == nil && owner != 0 && owner != r.owner {
			continue // the name is another device's by now, and so are the elements
		}
		r.wrote = !slices.Equal(have, r.want)
		c[r.iface], last[r.iface] = r.want, r
	}
	add, del, err := t.book.plan(c)
	t.mu.Unlock()
	if err != nil {
		return err
	}
	if p == nil && len(add) > 0 {
		return errNoProgram
	}
	b := nft.NewBatch()
	var done installed
	if p != nil {
		if grown := p.covering(add); grown != p {
			if done, err = t.grow(b, p, grown); err != nil {
				return err
			}
			p = grown
		}
	}
	write(b, add, del)
	if err := t.commit(b, done.rewrites); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program = p
	t.stats.Changes += uint64(len(group))
	t.book.apply(c)
	for iface, r := range last {
		if r.want == nil {
			delete(t.owners, iface)
		} else {
			t.owners[iface] = r.owner
		}
	}
	return nil
}

// grow adds to b what grown has and p has not. It is rare, and the one time that a guest's coming reads the kernel. What is missing of
// p there would be made as well, and nobody would know that its elements have gone, too: so that is looked for first.
func (t *Table) grow(b *nft.Batch, p, grown *Program) (installed, error) {
	lost := nft.NewBatch()
	if _, err := t.install(lost, p, true); err != nil {
		return installed{}, err
	}
	if lost.Len() > 0 {
		return installed{}, errLost
	}
	return t.install(b, grown, true)
}

// errLost says that somebody else has changed the tables.
var errLost = errors.New("the tables are not as they were left")

var errNoProgram = errors.New("no program is installed")

// repair reads the kernel back and puts right whatever is not as it was left.
func (t *Table) repair() error {
	t.mu.Lock()
	p, want := t.program, t.book
	t.stats.Repairs++
	t.mu.Unlock()
	if p == nil {
		return t.reread()
	}
	_, err := t.swap(p, want)
	return err
}

// reread takes what the kernel has for what is to be: a process that has installed nothing knows no better.
func (t *Table) reread() error {
	elems, err := t.read()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.book = attribute(elems)
	return nil
}
