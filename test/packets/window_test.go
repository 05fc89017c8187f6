package packets

import "testing"

// A port that somebody else has already put into the bridge and set up, but about which nobody has decided yet, passes
// nothing; from Set on it passes what it may, and from Remove on nothing again.
func TestNothingPassesBeforeTheGuard(t *testing.T) {
	t.Parallel()
	const flood = 5 // times everything honest
	w := newWorld(t, 3)
	known := w.cast()
	late := w.plug(t, 9)
	c := &cast{me: late, friend: known.friend, victim: known.victim}
	back := &cast{me: known.victim, friend: known.friend, victim: late}

	// The end of each flood is a broadcast of the friend's, which arrives at the host, whoever else is shut off.
	shut := func(when string) {
		t.Helper()
		for range flood {
			for _, s := range sayings(c) {
				if got := w.exchange(t, c.me, c.friend, s.frames, c.victim.eth0, w.bridge); len(got[0])+len(got[1]) > 0 {
					t.Errorf("%s: %s from %s passes: %s", when, s.name, late.vif, described(append(got[0], got[1]...)))
				}
			}
			for _, s := range sayings(back) {
				w.exchange(t, back.me, c.friend, s.frames, w.bridge)
			}
		}
		if port := w.learned(t)[late.mac.String()]; port != "" {
			t.Errorf("%s: the bridge has learned %s at %s", when, late.mac, port)
		}
		if wrong := w.deceived(t); wrong != "" {
			t.Errorf("%s: the bridge has learned %s", when, wrong)
		}
	}
	open := func(when string) {
		t.Helper()
		w.introduce(t)
		for _, s := range sayings(c) {
			if got := w.exchange(t, c.me, c.me, s.frames, c.victim.eth0, w.bridge)[0]; !whole(s.frames, got) {
				t.Errorf("%s: %s from %s does not pass", when, s.name, late.vif)
			}
		}
		// The first look at the guest's side: had anything passed while it was shut, it would be in the way here.
		for _, s := range sayings(back) {
			if got := w.exchange(t, back.me, back.me, s.frames, late.eth0, w.bridge)[0]; !same(s.frames, got) {
				t.Errorf("%s: of %s to %s there arrived %q", when, s.name, late.vif, described(got))
			}
		}
	}
	shut("before anybody has decided")
	w.guard(t, late)
	open("guarded")
	for _, again := range []string{"once", "twice"} {
		if _, err := w.table.Remove(late.vif, late.ifindex); err != nil {
			t.Fatal(err)
		}
		w.forget(t)
		w.introduce(t)
		shut("removed " + again)
		w.guard(t, late)
		open("guarded again")
	}
}
