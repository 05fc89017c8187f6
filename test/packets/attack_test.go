package packets

import (
	"slices"
	"strings"
	"testing"
)

// The players of newWorld's first three guests.
func (w *world) cast() *cast {
	return &cast{victim: w.guests[0], friend: w.guests[1], me: w.guests[2]}
}

// Nothing untrue that a guarded guest sends arrives at anybody, nor does the bridge learn from it, as it is and behind tags.
func TestAttacksAreStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	w.introduce(t)
	honest := attack{name: "honest, but for the tag", frames: udp(c.all(), c.me.ip4, broadcast4)}
	for _, a := range append(attacks(c), honest) {
		for _, d := range disguises {
			if a.name == honest.name && d.tags == nil {
				continue
			}
			frames := disguised(a.frames, d.tags)
			for i, arrived := range w.exchange(t, c.me, c.me, frames, c.victim.eth0, w.bridge) {
				if whole(frames, arrived) || len(frames) == 1 && len(arrived) > 0 {
					t.Errorf("%s (%s): arrived at the %s: %s", a.name, d.name, []string{"victim", "host"}[i], described(arrived))
				}
			}
		}
		if wrong := w.deceived(t); wrong != "" {
			t.Errorf("%s: the bridge has learned %s", a.name, wrong)
			w.forget(t)
			w.introduce(t)
		}
	}
}

// The attacks are real: without a guard each of them arrives, so it is the guard that stops them.
func TestAttacksWorkWithoutGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	w.guardBy(t, c.me)
	for _, a := range attacks(c) {
		for _, d := range disguises {
			if a.inert {
				continue
			}
			w.introduce(t)
			frames := disguised(a.frames, d.tags)
			if arrived := w.exchange(t, c.me, c.me, frames, c.victim.eth0)[0]; !whole(frames, arrived) {
				t.Errorf("%s (%s) did not arrive even without a guard: it proves nothing", a.name, d.name)
			}
		}
	}
}

// Each template keeps its promise alone, for rules that do not take all of source-guard.
func TestTemplatesAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.host.Run(t, "ip", "link", "set", bridgeName, "type", "bridge", "mcast_snooping", "0") // a querier would change who is sent multicast
	c := w.cast()
	all := append(attacks(c), beyondAttacks(c)...)
	for _, d := range disguises {
		if d.tags != nil {
			all = append(all, attack{name: d.name, frames: disguised(udp(c.all(), c.me.ip4, broadcast4), d.tags), by: []string{"no-vlan-tags", "no-other-l2", "ethertypes"}})
		}
	}
	for _, name := range bridged(t) {
		w.guardBy(t, c.me, name)
		tried := 0
		for _, a := range all {
			if !slices.Contains(a.by, name) {
				continue
			}
			tried++
			if w.arrives(t, c, a.frames) {
				t.Errorf("%s alone lets pass: %s", name, a.name)
			}
		}
		if tried == 0 && strings.HasPrefix(name, "no-") && !slices.Contains([]string{"no-hidden-headers", "no-other-traffic"}, name) {
			t.Errorf("no attack tries %s", name)
		}
	}
	w.guardBy(t, c.me)
	for _, a := range beyondAttacks(c) {
		if !w.arrives(t, c, a.frames) {
			t.Errorf("%s did not arrive even without a guard: it proves nothing", a.name)
		}
	}
}

// An allowance before source-guard lets pass what it is for, and nothing that comes close to it, nor what source-guard stops.
func TestAllowances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	for name, r := range riders(c) {
		w.guardBy(t, c.me, name, "source-guard")
		for _, s := range append(r.honest, sayings(c)...) {
			if !w.arrives(t, c, s.frames) {
				t.Errorf("%s stops: %s: %s", name, s.name, described(s.frames))
			}
		}
		for _, a := range append(r.near, attacks(c)...) {
			if a.inert || slices.Contains(r.honors, a.name) {
				continue
			}
			if w.arrives(t, c, a.frames) {
				t.Errorf("%s lets pass: %s", name, a.name)
			}
		}
		if name != "allow-vrrp" && name != "allow-carp" {
			continue
		}
		w.guardBy(t, c.me, name, "source-guard", "no-vrrp")
		for _, s := range r.honest {
			if !w.arrives(t, c, s.frames) {
				t.Errorf("%s before no-vrrp stops: %s: %s", name, s.name, described(s.frames))
			}
		}
		for _, a := range r.near {
			if w.arrives(t, c, a.frames) {
				t.Errorf("%s before no-vrrp lets pass: %s", name, a.name)
			}
		}
	}
}

// What an allowance is for it is needed for: without it source-guard stops some of it.
func TestAllowancesAreNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	for name, r := range riders(c) {
		if !slices.ContainsFunc(r.honest, func(s saying) bool { return !w.arrives(t, c, s.frames) }) && !strings.HasPrefix(name, "allow-dhcp") {
			t.Errorf("source-guard stops nothing of what %s is for", name)
		}
	}
}
