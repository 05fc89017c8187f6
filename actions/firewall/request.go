package firewall

import (
	"fmt"

	"vifd/internal/nft"
)

// request is one Set or Remove that waits for its transaction.
type request = nft.Request[element]

// Set puts g in force for the interface with the ifindex owner; wrote tells whether anything had to be written. The Profile
// must be of the Program that is installed.
func (t *Table) Set(g *Guest, owner int) (wrote bool, err error) {
	wrote, err = t.writes.Submit(&request{Iface: g.Interface, Owner: owner, Want: g.elements()})
	if err != nil {
		return false, fmt.Errorf("firewall: guard %s: %w", g.Interface, err)
	}
	return wrote, nil
}

// Remove takes everything of iface out, unless the name belongs to another ifindex than owner by now.
func (t *Table) Remove(iface string, owner int) (wrote bool, err error) {
	wrote, err = t.writes.Submit(&request{Iface: iface, Owner: owner})
	if err != nil {
		return false, fmt.Errorf("firewall: forget %s: %w", iface, err)
	}
	return wrote, nil
}

// try commits the elements of a group, in one transaction.
func (t *Table) try(group []*request) error {
	b := nft.NewBatch()
	now := make(map[string]*request, len(group)) // the last request of the group for each interface
	t.mu.Lock()
	for _, r := range group {
		r.Wrote = false
		have, owner := t.have[r.Iface], t.owners[r.Iface]
		if last, ok := now[r.Iface]; ok {
			have, owner = last.Want, last.Owner
		}
		if r.Want == nil && owner != 0 && owner != r.Owner {
			continue // the name is another device's by now, and so are the elements
		}
		r.Wrote = t.change(b, r.Iface, have, r.Want)
		now[r.Iface] = r
	}
	p := t.program
	t.mu.Unlock()
	p, rewrites, err := t.cover(b, p, group)
	if err != nil {
		return err
	}
	if err := t.commit(b, rewrites); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program = p
	for iface, r := range now {
		if r.Want == nil {
			delete(t.have, iface)
			delete(t.owners, iface)
		} else {
			t.have[iface], t.owners[iface] = r.Want, r.Owner
		}
	}
	return nil
}

// cover puts before b what it takes to judge guests with prefixes of lengths that nobody had until now, and returns the
// program that does, and whether chains that are there get other rules by it. It is rare, and the one time that a guest's coming reads the
// kernel.
func (t *Table) cover(b *nft.Batch, p *Program, group []*request) (covering *Program, rewrites bool, err error) {
	plens := make(lengths)
	for _, r := range group {
		plens.add(r.Want)
	}
	if p == nil || len(plens) == 0 {
		return p, false, nil
	}
	grown, err := p.covering(plens)
	if err != nil || grown == p {
		return p, false, err
	}
	if err := t.intact(p); err != nil {
		return p, false, err
	}
	named, err := t.prepare(grown)
	if err != nil {
		return p, false, err
	}
	first := nft.NewBatch()
	left, err := t.install(first, named, true)
	if err != nil {
		return p, false, err
	}
	b.Prepend(first)
	return grown, left.rewrites, nil
}

// intact returns nft.ErrLost where the kernel does not hold p: what is missing of it would be made anew, and nobody would know that the
// elements of all guests have gone, too.
func (t *Table) intact(p *Program) error {
	named, err := t.prepare(p)
	if err != nil {
		return err
	}
	lost := nft.NewBatch()
	if _, err := t.install(lost, named, true); err != nil {
		return err
	}
	if lost.Len() > 0 {
		return nft.ErrLost
	}
	return nil
}
