package takeover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stop gives the uplink back what it had. It refuses while others are ports of the bridge, and where something has come to the bridge
// since that the uplink did not have; force leaves the ports where they are, and lets go of what has come.
func (m *Manager) Stop(ctx context.Context, network string, force bool) error {
	w, end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	found, err := w.load(network)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%s: %w", network, ErrNotStarted)
	}
	if w.rec.Phase == phaseStarted || w.rec.Phase == phaseTrying {
		if err := w.refuseStop(ctx, force); err != nil {
			return fmt.Errorf("give %s back: %w", w.rec.Snapshot.Uplink.Name, err)
		}
	}
	err = w.restore(ctx)
	if errors.Is(err, errGone) && force { // what is left is the bridge's part
		err = errors.Join(w.giveBack(ctx), w.forget())
	}
	if err != nil {
		return fmt.Errorf("give %s back: %w", w.rec.Snapshot.Uplink.Name, err)
	}
	return nil
}

func (w *work) refuseStop(ctx context.Context, force bool) error {
	b, err := w.bridge()
	if err != nil || b == nil || force {
		return err
	}
	ports, err := w.k.links.Ports(ctx, b.Index)
	if err != nil {
		return err
	}
	had := w.rec.Snapshot.Bridge != nil
	var guests []string
	for _, p := range ports {
		if p.Index != w.rec.Snapshot.Uplink.Index {
			guests = append(guests, p.Name)
		}
	}
	if len(guests) > 0 {
		slices.Sort(guests)
		return refuse("%s still has ports, whose guests would lose the network: %s (--force)", b.Name, strings.Join(guests, ", "))
	}
	added, err := w.added(ctx)
	if err != nil || len(added) == 0 || had {
		return err
	}
	return refuse("%s has what %s did not, and it would be lost with the bridge: %s (--force)", b.Name, w.rec.Snapshot.Uplink.Name, strings.Join(added, "; "))
}

// added is what somebody has given the bridge since.
func (w *work) added(ctx context.Context) ([]string, error) {
	s, err := w.sideBridge()
	if err != nil {
		return nil, err
	}
	now, err := w.k.read(ctx, w.rec.Snapshot.Uplink, s.to.Index)
	if err != nil {
		return nil, err
	}
	ids, err := s.moved()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, a := range addressesOf(now.addresses, s.to) {
		if !ids[a.id()] && !a.leased() {
			list = append(list, "address "+a.String())
		}
	}
	routes := idents(s.want.routes)
	for _, r := range now.routes {
		if r.uses(s.to.Index) && !r.kernel() && r.expires == 0 && !routes[r.ident()] {
			list = append(list, "route "+r.describe(s.name))
		}
	}
	return list, nil
}

// Confirm lets stay what Try has done. ErrNothing where there is nothing to confirm.
func (m *Manager) Confirm(ctx context.Context, network string) error {
	w, end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	found, err := w.load(network)
	if err != nil {
		return err
	}
	now, err := bootTime()
	switch {
	case err != nil:
		return err
	case !found || w.rec.Phase != phaseTrying:
		return fmt.Errorf("%s: %w", network, ErrNothing)
	case now >= w.rec.Deadline: // whoever puts it back waits for our lock
		return fmt.Errorf("%s: %w: the time is over", network, ErrNothing)
	}
	w.rec.Phase, w.rec.Deadline, w.rec.Until = phaseStarted, 0, time.Time{}
	return w.save()
}

// Recovered is what Recover found of one network.
type Recovered struct {
	Network string
	Done    string // what was done about it; empty: nothing was to be done
	Watch   bool   // it is being tried, and nobody watches: Watch must be called
	Err     error
}

// Recover puts back what killed processes left half done and what was not confirmed in time, and forgets what is of an earlier
// boot. It is for the start of the host, and of a listener.
func (m *Manager) Recover(ctx context.Context) ([]Recovered, error) {
	w, end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	names, err := m.store.networks()
	if err != nil {
		return nil, err
	}
	var list []Recovered
	for _, name := range names {
		list = append(list, w.recover(ctx, name))
	}
	return list, nil
}

func (w *work) recover(ctx context.Context, name string) Recovered {
	out := Recovered{Network: name}
	found, err := w.load(name)
	if err != nil {
		out.Err = err
		return out
	}
	if !found {
		out.Done = "forgotten: it was of an earlier boot"
		return out
	}
	now, err := bootTime()
	switch {
	case err != nil:
		out.Err = err
	case w.rec.Phase == phaseStarted:
	case w.rec.Phase == phaseTrying && now < w.rec.Deadline:
		unlock, err := w.m.store.tryLock(watchLock(name))
		if out.Watch, out.Err = unlock != nil, err; unlock != nil {
			unlock()
		}
	default:
		out.Done = "put back: it was " + w.rec.Phase
		if w.rec.Phase == phaseTrying {
			out.Done = "put back: it was not confirmed in time"
		}
		out.Err = w.restore(ctx)
	}
	return out
}

func watchLock(network string) string { return network + ".watch" }

// watchEvery is how often Watch looks; retryEvery how often it tries again to put back what could not be.
const (
	watchEvery = 200 * time.Millisecond
	retryEvery = 5 * time.Second
)

// Watch puts a network back that is being tried, at its deadline, or at once when the process that tries it has died in the middle. It
// returns when there is nothing left to watch for: the network was confirmed, stopped or put back. ready is called once it
// watches. Only one process watches a network; others return at once.
func (m *Manager) Watch(ctx context.Context, network string, ready func()) error {
	unlock, err := m.store.tryLock(watchLock(network))
	if err != nil {
		return err
	}
	ready()
	if unlock == nil {
		return nil
	}
	defer unlock()
	first, err := m.store.get(network)
	if err != nil || first == nil {
		return err
	}
	for {
		wait := watchEvery
		done, err := m.watchOnce(ctx, network, first.ID)
		if err != nil {
			m.cfg.Log.Error("putting back failed; it will be tried again", "network", network, "err", err)
			wait = retryEvery
		}
		if done {
			return nil
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// watchOnce has one look; true when there is nothing left to watch for.
func (m *Manager) watchOnce(ctx context.Context, network, id string) (bool, error) {
	r, err := m.store.get(network)
	if err != nil {
		return false, err
	}
	now, err := bootTime()
	switch {
	case err != nil:
		return false, err
	case r == nil || r.ID != id || r.Phase == phaseStarted:
		return true, nil
	case r.Phase == phaseTrying && now < r.Deadline:
		return false, nil
	}
	unlock, err := m.store.tryLock(allLock)
	if unlock == nil || err != nil {
		return false, err // whoever holds it is at work
	}
	k, err := openKernel(&m.cfg)
	if err != nil {
		unlock()
		return false, err
	}
	defer func() { k.close(); unlock() }()
	w := &work{m: m, k: k}
	if found, err := w.load(network); !found || err != nil {
		return err == nil, err
	}
	if w.rec.ID != id || w.rec.Phase == phaseStarted || w.rec.Phase == phaseTrying && now < w.rec.Deadline {
		return false, nil
	}
	err = w.restore(ctx)
	return err == nil, err
}
