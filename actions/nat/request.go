package nat

import (
	"errors"
	"fmt"
	"slices"

	"vifd/internal/nft"
)

// request is one Set or Remove that waits for its transaction.
type request = nft.Request[element]

// Set puts g in force for the interface with the ifindex owner; wrote tells whether anything was changed. A program must have been
// installed. ErrOverlap says that another guest has one of its ports.
func (t *Table) Set(g *Guest, owner int) (wrote bool, err error) {
	elems, err := g.elements()
	if err == nil {
		wrote, err = t.writes.Submit(&request{Iface: g.Interface, Owner: owner, Want: elems})
	}
	if err != nil {
		return false, fmt.Errorf("nat: connect %s: %w", g.Interface, err)
	}
	return wrote, nil
}

// Remove takes everything of iface out, unless the name belongs to another ifindex than owner by now. The guest's connections go on
// until the caller ends them (internal/conntrack).
func (t *Table) Remove(iface string, owner int) (wrote bool, err error) {
	wrote, err = t.writes.Submit(&request{Iface: iface, Owner: owner})
	if err != nil {
		return false, fmt.Errorf("nat: forget %s: %w", iface, err)
	}
	return wrote, nil
}

// try commits the elements of a group, in one transaction.
func (t *Table) try(group []*request) error {
	c, last := make(changes, len(group)), make(map[string]*request, len(group))
	t.mu.Lock()
	p := t.program
	for _, r := range group {
		r.Wrote = false
		have, owner := t.book.guests[r.Iface], t.owners[r.Iface]
		if before, ok := last[r.Iface]; ok {
			have, owner = before.Want, before.Owner
		}
		if r.Want == nil && owner != 0 && owner != r.Owner {
			continue // the name is another device's by now, and so are the elements
		}
		r.Wrote = !slices.Equal(have, r.Want)
		c[r.Iface], last[r.Iface] = r.Want, r
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
	t.book.apply(c)
	for iface, r := range last {
		if r.Want == nil {
			delete(t.owners, iface)
		} else {
			t.owners[iface] = r.Owner
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
		return installed{}, nft.ErrLost
	}
	return t.install(b, grown, true)
}

var errNoProgram = errors.New("no program is installed")

// repair reads the kernel back and puts right whatever is not as it was left.
func (t *Table) repair() error {
	t.mu.Lock()
	p, want := t.program, t.book
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
