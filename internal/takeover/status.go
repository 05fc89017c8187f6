package takeover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vifd/internal/rtnl"
)

// States of a network.
const (
	StateDown    = "down"    // not started
	StateStarted = "started" // to stay
	StateTrying  = "trying"  // to be put back at Until
	StateBroken  = "broken"  // not as it was left; Error says why
)

// Owners of what a host has.
const (
	OwnerVifd   = "vifd"   // vifd made it, and takes it away again
	OwnerHost   = "host"   // the host had it before; Was is the link on which
	OwnerKernel = "kernel" // comes and goes with a link or an address
	OwnerOther  = "other"  // came since, or is none of vifd's business
)

// Status is what is whose.
type Status struct {
	Network   string    `json:"network"`
	Bridge    string    `json:"bridge"`
	Uplink    string    `json:"uplink"`
	State     string    `json:"state"`
	Until     time.Time `json:"until,omitzero"`
	Since     time.Time `json:"since,omitzero"`
	Error     string    `json:"error,omitempty"`
	Links     []Owned   `json:"links"`
	Addresses []Owned   `json:"addresses"`
	Routes    []Owned   `json:"routes"`
	Rules     []Owned   `json:"rules"`
}

// Owned is one thing: a link's name, or what completes ip's command for an address, a route or a rule.
type Owned struct {
	What  string `json:"what"`
	Link  string `json:"link,omitempty"`
	Owner string `json:"owner"`
	Was   string `json:"was,omitempty"` // the link where the host had it
}

// Status reads a network's state, and whose is what of it. It changes nothing.
func (m *Manager) Status(ctx context.Context, n Network) (Status, error) {
	st := Status{Network: n.Name, Bridge: n.Name, Uplink: n.Uplink, State: StateDown, Links: []Owned{}, Addresses: []Owned{}, Routes: []Owned{}, Rules: []Owned{}}
	rec, err := m.store.get(n.Name)
	if err != nil {
		return st, err
	}
	k, err := openKernel(&m.cfg)
	if err != nil {
		return st, err
	}
	defer k.close()
	w := &work{m: m, k: k, rec: rec}
	if rec != nil && m.store.void(rec) {
		w.rec = nil
	}
	if w.rec != nil {
		if w.before, err = w.rec.Snapshot.view(); err != nil {
			return st, err
		}
		st.Uplink, st.Since = w.rec.Snapshot.Uplink.Name, w.rec.Snapshot.Time
		if err := w.state(ctx, &st); err != nil {
			return st, err
		}
	}
	return st, w.own(ctx, &st)
}

// state says how it is with a network that there is a record of.
func (w *work) state(ctx context.Context, st *Status) error {
	switch w.rec.Phase {
	case phaseStarted:
		st.State = StateStarted
	case phaseTrying:
		st.State, st.Until = StateTrying, w.rec.Until
	default:
		st.State, st.Error = StateBroken, w.rec.Error
		if st.Error == "" {
			st.Error = w.rec.Phase + " under way, or its process has died: vifd network recover"
		}
		return nil
	}
	diffs, err := w.broken(ctx)
	if len(diffs) > 0 {
		st.State, st.Error = StateBroken, strings.Join(diffs, "; ")
	}
	return err
}

// own lists what is whose, of both links.
func (w *work) own(ctx context.Context, st *Status) error {
	var links []Link
	for _, name := range []string{st.Bridge, st.Uplink} {
		l, err := w.k.links.LinkByName(name)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
			continue
		case err != nil:
			return err
		}
		owner := OwnerHost
		if w.ours(&l) {
			owner = OwnerVifd
		}
		links = append(links, linkOf(&l))
		st.Links = append(st.Links, Owned{What: name, Link: name, Owner: owner})
	}
	if len(links) == 0 {
		return nil
	}
	first, second := links[0], Link{Name: st.Uplink}
	if len(links) > 1 {
		second = links[1]
	}
	now, err := w.k.read(ctx, first, second.Index)
	if err != nil {
		return err
	}
	s := side{k: w.k, to: first, from: second}
	moved := make(map[string]bool)
	if w.rec != nil {
		s = toBridge(w.k, w.rec.Snapshot, w.before, first)
		if moved, err = s.moved(); err != nil {
			return err
		}
	}
	for _, a := range now.addresses {
		l := first
		if a.link() == second.Index {
			l = second
		}
		o := Owned{What: a.String(), Link: l.Name, Owner: OwnerOther}
		switch {
		case a.kernelMade(l.mac()):
			o.Owner = OwnerKernel
		case moved[a.id()]:
			o.Owner, o.Was = OwnerHost, st.Uplink
		case l.Name == st.Uplink:
			o.Owner = OwnerHost
		}
		st.Addresses = append(st.Addresses, o)
	}
	wanted := idents(s.want.routes)
	for _, r := range now.routes {
		o := Owned{What: r.describe(s.name), Owner: OwnerOther}
		switch {
		case r.kernel():
			o.Owner = OwnerKernel
		case wanted[r.ident()] && r.uses(first.Index):
			o.Owner, o.Was = OwnerHost, st.Uplink
		case !r.uses(first.Index) || w.rec == nil:
			o.Owner = OwnerHost
		}
		st.Routes = append(st.Routes, o)
	}
	rules := idents(s.want.rules)
	for _, r := range now.rules {
		switch {
		case r.names(st.Bridge) && rules[r.ident()]:
			st.Rules = append(st.Rules, Owned{What: r.String(), Link: st.Bridge, Owner: OwnerHost, Was: st.Uplink})
		case r.names(st.Bridge) || r.names(st.Uplink):
			st.Rules = append(st.Rules, Owned{What: r.String(), Owner: OwnerHost})
		}
	}
	return nil
}

// String is one line for a thing.
func (o Owned) String() string {
	if o.Was != "" {
		return fmt.Sprintf("%s (of %s)", o.Owner, o.Was)
	}
	return o.Owner
}
