package firewall_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/nft/nfttest"
	"vifd/internal/testhost"
)

func newFaulty(t *testing.T, h *testhost.Host) (*nfttest.Faulty, *firewall.Table) {
	t.Helper()
	k := &nfttest.Faulty{Conn: testhost.Dial(t, h, nft.Dial)}
	table, err := firewall.OpenTable(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, table
}

// sameAsFresh compares a host's table with that of one on which nothing but the installation of p and guests has happened.
func sameAsFresh(t *testing.T, h *testhost.Host, p *firewall.Program, guests ...*firewall.Guest) {
	t.Helper()
	fresh := testhost.New(t)
	install(t, open(t, fresh), p, guests...)
	if got, want := table(t, h), table(t, fresh); elementsOf(got) != elementsOf(want) {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

// TestUnknownOutcome: where the kernel's answer was lost, what is there is read back, and the guest is guarded in the end
// whether or not it was before.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	refused := &nft.Error{What: "something", Errno: unix.ENOENT}
	for name, fault := range map[string]nfttest.Faulty{
		"answer lost, in force":     {After: []error{nft.ErrUnknown}},
		"answer lost, not in force": {Before: []error{nft.ErrUnknown}},
		"lost twice":                {After: []error{nft.ErrUnknown, nil}},
		"drift that heals itself":   {Before: []error{refused}},
		"verdict differs":           {Before: []error{&nft.Error{What: "something", Errno: unix.EEXIST}}},
		"chain in use":              {Before: []error{fmt.Errorf("wrapped: %w", &nft.Error{What: "something", Errno: unix.EBUSY})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testhost.New(t)
			k, table := newFaulty(t, h)
			p := guarded(t)
			one, two := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard)
			install(t, table, p, one)
			k.Before, k.After = fault.Before, fault.After
			set(t, table, two, 7)
			sameAsFresh(t, h, p, one, two)
			if n := table.Stats().Repairs; n != 1 {
				t.Errorf("%d repairs are counted, want 1", n)
			}
			if set(t, table, two, 7) {
				t.Error("the second Set() wrote")
			}
		})
	}
}

// TestAFaultIsNoSuccess: whatever fails, the caller is told, nothing is believed that is not so, and the next call that is
// not hindered puts it right.
func TestAFaultIsNoSuccess(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	k, table := newFaulty(t, h)
	p := guarded(t)
	one, two := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard)
	noMemory := &nft.Error{What: "something", Errno: unix.ENOMEM}

	k.Before = []error{noMemory}
	if _, err := table.Install(p, nil, nil); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Install() = %v, want ENOMEM", err)
	}
	if list := listing(t, h); list != "" {
		t.Errorf("a failed installation left\n%s", list)
	}
	install(t, table, p, one)

	k.Before = []error{noMemory}
	if _, err := table.Set(two, 7); !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), two.Interface) {
		t.Errorf("Set() = %v, want ENOMEM and the interface's name", err)
	}
	sameAsFresh(t, h, p, one)

	// The kernel cannot be read when it has to be: an unreadable table is not an empty one.
	k.Before, k.Reading = []error{nft.ErrUnknown}, errors.New("unreadable")
	if _, err := table.Set(two, 7); !errors.Is(err, k.Reading) {
		t.Errorf("Set() = %v, want that the table cannot be read", err)
	}
	for name, call := range map[string]func() error{
		"Install":   func() error { _, err := table.Install(p, nil, nil); return err },
		"Ensure":    func() error { _, err := table.Ensure(p); return err },
		"OpenTable": func() error { _, err := firewall.OpenTable(k); return err },
	} {
		if err := call(); !errors.Is(err, k.Reading) {
			t.Errorf("%s() = %v, want that the table cannot be read", name, err)
		}
	}
	k.Reading = nil
	sameAsFresh(t, h, p, one)
	if !set(t, table, two, 7) {
		t.Error("Set() without hindrance wrote nothing")
	}
	sameAsFresh(t, h, p, one, two)

	k.Before = []error{noMemory}
	if _, err := table.Remove(two.Interface, 7); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Remove() = %v, want ENOMEM", err)
	}
	if !remove(t, table, two.Interface, 7) {
		t.Error("Remove() without hindrance wrote nothing")
	}
	sameAsFresh(t, h, p, one)
}

// TestNoProgram: without one a guest cannot be judged, and that is an error, not an open door.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	if _, err := open(t, h).Set(guest(t, p, 1, sourceGuard), 1); err == nil || !strings.Contains(err.Error(), "no program is installed") {
		t.Errorf("Set() = %v", err)
	}
	if list := listing(t, h); list != "" {
		t.Errorf("Set() left\n%s", list)
	}
}

// TestInstallTakesOutWhatIsNotItsOwn meddles with a table and installs the same again: what somebody else put there goes,
// whatever it says, and what lies beside it stays.
func TestInstallTakesOutWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"unknown guest":    `add element bridge vifd from-guest { "vif9.0" : accept }; add element bridge vifd guest-mac { "vif9.0" . 02:00:00:00:00:09 }`,
		"foreign value":    `add element bridge vifd guest-ip { "vif1.0" . 192.0.2.66 }; add element bridge vifd guest-ip6 { "vif1.0" . 2001:db8::66 }`,
		"let through":      `delete element bridge vifd from-guest { "vif1.0" }; add element bridge vifd from-guest { "vif1.0" : accept }`,
		"return":           `delete element bridge vifd from-guest { "vif2.0" }; add element bridge vifd from-guest { "vif2.0" : return }`,
		"continue":         `delete element bridge vifd to-guest { "vif2.0" }; add element bridge vifd to-guest { "vif2.0" : continue }`,
		"judged by nobody": `delete element bridge vifd from/source-guard { "vif1.0" }`,
		"judged, too":      `add element bridge vifd from/source-guard { "vif2.0" }`,
		"jump":             `delete element bridge vifd from-guest { "vif1.0" }; add element bridge vifd from-guest { "vif1.0" : jump from/source-guard }`,
		"unknown chain":    `add chain bridge vifd extra; add rule bridge vifd extra accept; add element bridge vifd from-guest { "vif9.0" : goto extra }`,
		"chains in a ring": `add chain bridge vifd x; add chain bridge vifd y; add rule bridge vifd x jump y; add rule bridge vifd extra accept`,
		"rule in front":    `insert rule bridge vifd prerouting accept`,
		"rule in a chain":  `insert rule bridge vifd from/no-mac-spoofing accept`,
		"rules gone":       `flush chain bridge vifd from/no-mac-spoofing`,
		"flushed":          `flush ruleset`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testhost.New(t)
			p := guarded(t)
			one, two := guest(t, p, 1, sourceGuard), &firewall.Guest{Interface: "vif2.0", Profile: p.Blocked()}
			table := open(t, h)
			install(t, table, p, one, two)
			if name == "chains in a ring" {
				script = strings.Replace(script, "bridge vifd extra accept", "bridge vifd y accept", 1)
			}
			for line := range strings.SplitSeq(script, "; ") {
				h.Run(t, "nft", line)
			}
			if name != "flushed" {
				h.Run(t, "nft", "add", "table", "bridge", "foreign")
			}
			if !install(t, table, p, one, two) {
				t.Error("Install() wrote nothing")
			}
			if list := listing(t, h); name != "flushed" && !strings.Contains(list, "table bridge foreign") {
				t.Errorf("Install() took somebody else's table:\n%s", list)
			}
			sameAsFresh(t, h, p, one, two)
			if install(t, table, p, one, two) {
				t.Error("the second Install() wrote")
			}
		})
	}
}

// meddled is a kernel in which another process changes something right before a transaction.
type meddled struct {
	*nft.Conn
	meddle []func() // before the next commits
}

func (k *meddled) Commit(b *nft.Batch) error {
	if len(k.meddle) > 0 {
		k.meddle[0]()
		k.meddle = k.meddle[1:]
	}
	return k.Conn.Commit(b)
}

// TestInstallWhileAnotherWorks: a process that works alone may take away what an installation has read and is about to take away. That
// ends nothing; only one that does so again and again does.
func TestInstallWhileAnotherWorks(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	var guests []*firewall.Guest
	for n := range 5 {
		guests = append(guests, guest(t, p, n+1, sourceGuard))
	}
	alone := open(t, h)
	leave := func(n int) func() { return func() { remove(t, alone, guests[n].Interface, 100+n) } }
	k := &meddled{Conn: testhost.Dial(t, h, nft.Dial)}
	listener, err := firewall.OpenTable(k)
	if err != nil {
		t.Fatal(err)
	}
	for changes, works := range map[int]bool{1: true, 2: true, 3: false} {
		install(t, alone, p, guests...)
		k.meddle = nil
		for n := range changes {
			k.meddle = append(k.meddle, leave(1+n))
		}
		_, err := listener.Install(p, []firewall.Guest{*guests[0]}, map[string]int{guests[0].Interface: 100})
		switch {
		case len(k.meddle) > 0:
			t.Errorf("%d changes: %d are to come", changes, len(k.meddle))
		case !works && !errors.Is(err, unix.ENOENT), works && err != nil:
			t.Errorf("%d changes: Install() = %v", changes, err)
		case works:
			sameAsFresh(t, h, p, guests[0])
		}
	}
}

// TestRepairLeavesOthersAlone: of two processes that work without a listener, the one that finds its guest changed by the other does not put
// back what the other has done for other guests.
func TestRepairLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	one, two, three := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard), guest(t, p, 3, sourceGuard)
	install(t, open(t, h), p, one, two)
	var processes [2]*firewall.Table
	for i := range processes {
		processes[i] = open(t, h)
		if _, err := processes[i].Ensure(p); err != nil {
			t.Fatal(err)
		}
	}
	moved := *two
	moved.IPs = three.IPs
	set(t, processes[1], &moved, 9)
	remove(t, processes[1], one.Interface, 100)
	again := *one
	again.IPs = nil
	set(t, processes[0], &again, 7)
	sameAsFresh(t, h, p, &again, &moved)
	if n := processes[0].Stats().Repairs; n != 1 {
		t.Errorf("%d repairs are counted, want 1", n)
	}
}
