package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Forwarding keeps what a host's routed vifs share: forwarding itself, in each family; proxy_ndp of their uplinks; and the addresses that are
// answered for there. What is off is turned on for the first vif that needs it, and turned off after the last; what was on already is nobody's
// to turn off. A host has one, and hands every vif's State to it; what it changed is written down by save before it is changed,
// so that whoever starts after a kill puts the same back.
//
// A value that is no longer what was set here when its turn comes is left: somebody else has decided since. That somebody may as well have
// found forwarding on and relied on it; he cannot be told from one who did not.
//
// It is safe for concurrent use, within one process.
type Forwarding struct {
	mu    sync.Mutex
	save  func(ForwardingState) error
	saved ForwardingState
	users map[int]State // by ifindex
	needs map[string]int
	holds map[Proxied]int
}

// ForwardingState is what a Forwarding has changed, oldest first. It outlives the process, not the kernel.
type ForwardingState struct {
	Changed []Changed `json:"changed,omitempty"`
}

// Changed is one setting of the host that was changed.
type Changed struct {
	Setting
	Need string    `json:"need"`           // who needs it: see needsOf
	Also []Setting `json:"also,omitempty"` // what the kernel changes along with it, where Old is not what it would put there itself
}

// NewForwarding continues from what was saved, the zero ForwardingState where nothing was, for the vifs whose States are on record; all of
// them, or what one needs is taken from it. save writes down, and may be called with locks held.
func NewForwarding(saved ForwardingState, save func(ForwardingState) error, users ...State) *Forwarding {
	f := &Forwarding{
		save: save, saved: ForwardingState{Changed: slices.Clone(saved.Changed)},
		users: make(map[int]State), needs: make(map[string]int), holds: make(map[Proxied]int),
	}
	for _, u := range users {
		f.register(u)
	}
	return f
}

const (
	needIPv4 = "ipv4"
	needIPv6 = "ipv6"
)

// needNDP is the need for answers by neighbour discovery at an uplink.
func needNDP(uplink string) string { return "ndp " + uplink }

func needsOf(u State) []string {
	var list []string
	if u.Forwarding.IPv4 {
		list = append(list, needIPv4)
	}
	if u.Forwarding.IPv6 {
		list = append(list, needIPv6)
	}
	if u.Uplink.Name != "" && slices.ContainsFunc(u.Proxied, func(p Proxied) bool { return p.Uplink == u.Uplink.Ifindex && p.Addr.Is6() }) {
		list = append(list, needNDP(u.Uplink.Name))
	}
	return list
}

func (f *Forwarding) register(u State) {
	f.forget(u.Ifindex)
	f.users[u.Ifindex] = u
	for _, n := range needsOf(u) {
		f.needs[n]++
	}
	for _, p := range u.Proxied {
		f.holds[p]++
	}
}

func (f *Forwarding) forget(ifindex int) {
	u := f.users[ifindex]
	for _, n := range needsOf(u) {
		f.needs[n]--
	}
	for _, p := range u.Proxied {
		if f.holds[p]--; f.holds[p] == 0 {
			delete(f.holds, p)
		}
	}
	delete(f.users, ifindex)
}

// Missing lists what has yet to be set for a vif.
func (f *Forwarding) Missing(ctx context.Context, conn Reader, sysctls Sysctls, user State) ([]Setting, error) {
	wants, err := missing(ctx, conn, sysctls, user)
	if err != nil {
		return nil, err
	}
	var list []Setting
	for _, w := range wants {
		list = append(list, w.Setting)
	}
	return list, nil
}

// Use notes that a vif needs what its State says, and sets what is missing. It returns what it has set.
func (f *Forwarding) Use(ctx context.Context, conn Reader, sysctls Sysctls, user State) ([]Setting, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.register(user)
	wants, err := missing(ctx, conn, sysctls, user)
	if err != nil || len(wants) == 0 {
		return nil, err
	}
	next := ForwardingState{Changed: slices.Clone(f.saved.Changed)}
	for _, w := range wants {
		// One that is on record and yet missing has been turned off by somebody. What was before us stays what it was.
		if !slices.ContainsFunc(next.Changed, func(c Changed) bool { return slices.Equal(c.Name, w.Name) }) {
			next.Changed = append(next.Changed, w.Changed)
		}
	}
	if err := f.store(next); err != nil {
		return nil, err
	}
	var done []Setting
	for _, w := range wants {
		if _, err := sysctls.Set(w.Name, w.New, stillNamed(conn, w.link)); err != nil {
			return done, err
		}
		done = append(done, w.Setting)
	}
	return done, nil
}

// Release notes that a vif needs nothing any more, and puts back what no other needs. It may be repeated, and is for vifs it does not know,
// too: after a kill there may be something to put back that nobody needs.
func (f *Forwarding) Release(sysctls Sysctls, ifindex int) ([]Setting, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(ifindex)
	var done []Setting
	var errs []error
	kept := slices.Clone(f.saved.Changed)
	for i := len(kept) - 1; i >= 0; i-- { // the last first: accept_ra while IPv6 is forwarded is another thing than while it is not
		if f.needs[kept[i].Need] > 0 {
			continue
		}
		set, err := restore(sysctls, kept[i])
		done = append(done, set...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		kept = slices.Delete(kept, i, i+1)
	}
	if len(kept) != len(f.saved.Changed) {
		errs = append(errs, f.store(ForwardingState{Changed: kept}))
	}
	return done, errors.Join(errs...)
}

func (f *Forwarding) store(next ForwardingState) error {
	if err := f.save(next); err != nil {
		return fmt.Errorf("write down what of the host's settings is changed: %w", err)
	}
	f.saved = next
	return nil
}

// restore puts a setting back if it still is what was set, and what the kernel has changed along with it, also where a kill came in
// between. Of a value that is neither the old nor the new one somebody else has decided.
func restore(sysctls Sysctls, c Changed) ([]Setting, error) {
	now, err := sysctls.Get(c.Name)
	switch {
	case errors.Is(err, sysctl.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case now != c.New && now != c.Old:
		return nil, nil
	}
	var done []Setting
	for _, s := range append([]Setting{c.Setting}, c.Also...) {
		now, err := sysctls.Get(s.Name)
		if err == nil && now != s.Old {
			if _, err = sysctls.Set(s.Name, s.Old, nil); err == nil {
				done = append(done, Setting{Name: s.Name, Old: now, New: s.Old})
			}
		}
		if err != nil && !errors.Is(err, sysctl.ErrNotFound) { // a link may have gone
			return done, err
		}
	}
	return done, nil
}

// stillNamed is for settings of one link: that it is still the one that is named. Nil for those of no link.
func stillNamed(conn Reader, link Link) func() error {
	if link.Ifindex == 0 {
		return nil
	}
	return func() error {
		l, err := conn.LinkByIndex(link.Ifindex)
		if errors.Is(err, rtnl.ErrNotFound) || err == nil && l.Name != link.Name {
			return fmt.Errorf("%w as %s (ifindex %d)", ErrNoUplink, link.Name, link.Ifindex)
		}
		return err
	}
}

// unanswer ends what is answered for at uplinks for one vif, and no other vif needs. It holds the lock meanwhile: a vif that
// comes to need an entry either is known here by now, or will find the entry gone.
func (f *Forwarding) unanswer(conn Conn, user int, list []Proxied, name Link) (steps []Step, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, p := range list {
		if f.heldByOther(user, p) {
			continue
		}
		n, err := conn.Proxy(p.Uplink, p.Addr)
		if err == nil && n.Protocol == rtnl.Protocol {
			if err = conn.DeleteProxy(p.Uplink, p.Addr); err == nil {
				steps = append(steps, Step{op: opUnanswer, dev: linkName(name, p.Uplink), index: p.Uplink, addr: p.Addr})
			}
		}
		if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return steps, errors.Join(errs...)
}

func (f *Forwarding) heldByOther(user int, p Proxied) bool {
	n := f.holds[p]
	if slices.Contains(f.users[user].Proxied, p) {
		n--
	}
	return n > 0
}

// held reports whether another vif needs an entry at its uplink.
func (f *Forwarding) held(user int, p Proxied) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heldByOther(user, p)
}
