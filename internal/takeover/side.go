package takeover

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// side is where everything is to be: with one of the two links, and no longer with the other.
type side struct {
	k       *kernel
	snap    *Snapshot
	to      Link
	from    Link // Index 0: it does not exist
	want    view // what is to be on to, and what goes with it
	restore bool // to the uplink, where it was
	all     bool // what is neither link's may be missing as well: somebody died, or failed, while turning a list
}

// toBridge is how the host is to be with the bridge.
func toBridge(k *kernel, s *Snapshot, v view, bridge Link) side {
	up := s.Uplink
	var want view
	for _, a := range addressesOf(v.addresses, up) {
		want.addresses = append(want.addresses, a.on(bridge, up.Name))
	}
	for _, r := range v.routes {
		want.routes = append(want.routes, r.on(up.Index, bridge.Index))
	}
	for _, r := range v.rules {
		want.rules = append(want.rules, r.on(up.Name, bridge.Name))
	}
	for _, n := range v.neighbours {
		if n.link() == up.Index {
			n = n.on(bridge.Index)
		}
		want.neighbours = append(want.neighbours, n)
	}
	return side{k: k, snap: s, to: bridge, from: up, want: want}
}

// toUplink is how the host was.
func toUplink(k *kernel, s *Snapshot, v view, bridge Link) side {
	v.addresses = addressesOf(v.addresses, s.Uplink)
	return side{k: k, snap: s, to: s.Uplink, from: bridge, want: v, restore: true}
}

// moved are the addresses that go from one link to the other, by their id; not those that the bridge had before.
func (s side) moved() (map[string]bool, error) {
	ids := make(map[string]bool)
	for _, a := range s.want.addresses {
		ids[a.id()] = true
	}
	if !s.restore || s.snap.Bridge == nil {
		return ids, nil
	}
	v, err := s.snap.view()
	for _, a := range v.addresses {
		if a.link() == s.snap.Bridge.Index {
			delete(ids, a.id())
		}
	}
	return ids, err
}

// addAddresses gives the link its addresses, each as long as it still lasts.
func (s side) addAddresses(ctx context.Context) error {
	all, err := s.k.addresses(ctx)
	if err != nil {
		return err
	}
	now, err := bootTime()
	if err != nil {
		return err
	}
	for _, family := range families() {
		remove, add := order(family, s.present(all, family), s.wanted(family))
		for _, a := range remove {
			if err := s.k.removeAddress(a, s.to); err != nil {
				return err
			}
		}
		for _, a := range add {
			a, lasts := a.after(now - s.snap.Taken)
			i := slices.IndexFunc(all, func(h address) bool { return h.link() == s.from.Index && h.id() == a.id() })
			if i >= 0 && a.leased() { // it may have been renewed
				a, lasts = address{a.with(unix.IFA_CACHEINFO, all[i].get(unix.IFA_CACHEINFO))}, true
			}
			if !lasts {
				continue
			}
			if err := s.k.addAddress(a, s.to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s side) wanted(family byte) []address {
	return slices.DeleteFunc(slices.Clone(s.want.addresses), func(a address) bool { return a.family() != family })
}

// present are those of the wanted addresses that the link has.
func (s side) present(all []address, family byte) []address {
	ids := make(map[string]bool)
	for _, a := range s.want.addresses {
		ids[a.id()] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(a address) bool {
		return a.link() != s.to.Index || a.family() != family || !ids[a.id()]
	})
}

// dropAddresses takes the addresses from the link where they were.
func (s side) dropAddresses(ctx context.Context) error {
	old, err := s.old(ctx)
	if err != nil {
		return err
	}
	slices.Reverse(old) // a primary address would take its secondary ones along
	for _, a := range old {
		if err := s.k.removeAddress(a, s.from); err != nil {
			return err
		}
	}
	return nil
}

// old are the addresses that are still where they were.
func (s side) old(ctx context.Context) ([]address, error) {
	all, err := s.k.addresses(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := s.moved()
	return slices.DeleteFunc(all, func(a address) bool { return a.link() != s.from.Index || !ids[a.id()] }), err
}

// addAddress adds an address so that it is usable at once: it has been this host's a moment ago, with this MAC on this wire, so that there is no
// looking for a duplicate, during which it could not be used. Then it is made one that is looked for as before.
func (k *kernel) addAddress(a address, on Link) error {
	what := fmt.Sprintf("ip addr add %v dev %s", a, on.Name)
	flags := a.flags() & addressesFlags
	message := func(flags uint32) []byte {
		return a.with(unix.IFA_FLAGS, u32(flags)).withHeader(func(h []byte) { h[2] = 0 }).bytes()
	}
	if a.family() == unix.AF_INET {
		return k.send(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, message(flags), what)
	}
	err := k.send(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, message(flags|unix.IFA_F_NODAD), what+" nodad")
	if err != nil || flags&unix.IFA_F_NODAD != 0 {
		return err
	}
	return k.send(unix.RTM_NEWADDR, unix.NLM_F_REPLACE, message(flags), fmt.Sprintf("ip addr replace %v dev %s", a, on.Name))
}

func (k *kernel) removeAddress(a address, on Link) error {
	o := object{header: a.header}
	for _, kind := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		if v := a.get(kind); v != nil {
			o = o.with(kind, v)
		}
	}
	err := k.send(unix.RTM_DELADDR, 0, o.bytes(), fmt.Sprintf("ip addr del %v dev %s", a, on.Name))
	if errors.Is(err, rtnl.ErrAddress) {
		return nil // it has ended meanwhile, or went with another
	}
	return err
}
