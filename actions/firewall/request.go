package firewall

import (
	"errors"
	"fmt"
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
	err := t.try(group)
	if err != nil && drifted(err) {
		if err = t.repair(); err == nil {
			err = t.try(group)
		}
	}
	for _, r := range group {
		if err != nil && len(group) > 1 {
			r.err = t.try([]*request{r})
		} else {
			r.err = err
		}
	}
}

// intact returns errLost where the kernel does not hold p: what is missing of it would be made anew, and nobody would know that the elements
// of all guests have gone, too.
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
		return errLost
	}
	return nil
}

// errLost says that somebody else has changed the tables.
var errLost = errors.New("the tables are not as they were left")

// drifted reports whether err can come from the kernel holding something else than is known.
func drifted(err error) bool {
	return errors.Is(err, errLost) || errors.Is(err, nft.ErrUnknown) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY)
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
	p := t.program
	t.mu.Unlock()
	p, err := t.cover(b, p, group)
	if err != nil {
		return err
	}
	if err := t.commit(b); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.program = p
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

// cover puts before b what it takes to judge guests with prefixes of lengths that nobody had until now, and returns the
// program that does. It is rare, and the one time that a guest's coming reads the kernel.
func (t *Table) cover(b *nft.Batch, p *Program, group []*request) (*Program, error) {
	plens := make(lengths)
	for _, r := range group {
		plens.add(r.want)
	}
	if p == nil || len(plens) == 0 {
		return p, nil
	}
	grown, err := p.covering(plens)
	if err != nil || grown == p {
		return p, err
	}
	if err := t.intact(p); err != nil {
		return p, err
	}
	named, err := t.prepare(grown)
	if err != nil {
		return p, err
	}
	first := nft.NewBatch()
	if _, err := t.install(first, named, true); err != nil {
		return p, err
	}
	b.Prepend(first)
	return grown, nil
}
