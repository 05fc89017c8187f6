package nat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/nat"
	"vifd/internal/testhost"
)

// TestHistory: whatever guests came, went and changed, and whichever process saw to it, the kernel has what it would have if those
// who are left had been put there at once. Overlaps are judged as all guests together are.
func TestHistory(t *testing.T) {
	t.Parallel()
	h, fresh := testhost.New(t), testhost.New(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	p := compile(t, private)
	table := open(t, h)
	install(t, table, p)
	there := make(map[string]nat.Guest)
	refusals := 0
	for step := range 250 {
		name := []string{"vif1.0", "vif2.0", "vif2.1", "vif3.0", "tap4"}[rnd.IntN(5)]
		switch rnd.IntN(8) {
		case 0:
			table = open(t, h)
			if _, err := table.Ensure(p); err != nil {
				t.Fatal(err)
			}
		case 1:
			install(t, table, p, values(there)...)
		case 2, 3:
			remove(t, table, name, 0)
			delete(there, name)
		default:
			g := randomGuest(t, rnd, name)
			after := map[string]nat.Guest{name: g}
			for other, was := range there {
				if other != name {
					after[other] = was
				}
			}
			want := nat.CheckGuests(values(after))
			_, err := table.Set(&g, 0)
			if errors.Is(err, nat.ErrOverlap) != errors.Is(want, nat.ErrOverlap) || (err == nil) != (want == nil) {
				t.Fatalf("step %d: Set(%v) = %v, CheckGuests() of all = %v", step, g, err, want)
			}
			if err != nil {
				refusals++
				continue
			}
			there = after
		}
		if step%10 != 0 {
			continue
		}
		install(t, table, p, values(there)...) // sets of no use any more go
		fresh.Run(t, "nft", "flush", "ruleset")
		install(t, open(t, fresh), p, values(there)...)
		if diff := cmp.Diff(elementsOf(listing(t, fresh)), elementsOf(listing(t, h))); diff != "" {
			t.Fatalf("step %d: against a fresh installation of %v (-fresh +got):\n%s", step, there, diff)
		}
	}
	if refusals < 10 {
		t.Errorf("%d guests only were refused", refusals)
	}
}

func values(m map[string]nat.Guest) (list []nat.Guest) {
	for _, g := range m {
		list = append(list, g)
	}
	return list
}

// randomGuest has some of few ports, and sometimes a prefix of its own.
func randomGuest(t *testing.T, rnd *rand.Rand, name string) nat.Guest {
	t.Helper()
	g := guest(t, name)
	if rnd.IntN(4) == 0 {
		id, err := nat.Identify(name)
		if err != nil {
			t.Fatal(err)
		}
		g.Prefixes = append(g.Prefixes, netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/29", id.Domid*8)))
	}
	for range rnd.IntN(3) {
		f := nat.Forward{Protocol: []nat.Protocol{nat.TCP, nat.UDP}[rnd.IntN(2)], First: uint16(80 + rnd.IntN(8)), To: uint16(rnd.IntN(3))}
		if rnd.IntN(4) == 0 {
			f.Last = f.First + uint16(rnd.IntN(3))
		}
		if rnd.IntN(3) == 0 {
			f.Host = netip.MustParseAddr([]string{host4, "198.51.100.9", host6}[rnd.IntN(3)])
		}
		if rnd.IntN(3) == 0 && (!f.Host.IsValid() || f.Host.Is4()) {
			f.From = []netip.Prefix{netip.MustParsePrefix([]string{"192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24", "0.0.0.0/0"}[rnd.IntN(4)])}
		}
		if nat.CheckForwards(append(g.Forwards, f)) == nil {
			g.Forwards = append(g.Forwards, f)
		}
	}
	return g
}
