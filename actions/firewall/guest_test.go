package firewall_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/testhost"
)

// TestPlanIsWhatSetDoes gives nft the commands that a guest's plan shows; the table must be as after Set.
func TestPlanIsWhatSetDoes(t *testing.T) {
	t.Parallel()
	p := guarded(t)
	many := guest(t, p, 3, sourceGuard)
	many.Interface = "exactly15bytes."
	many.MACs = append(many.MACs, firewall.MAC{2, 0, 0, 0, 0, 1}, many.MACs[0])
	many.IPs = append(many.IPs, host(netip.MustParseAddr("192.0.2.7")), host(netip.MustParseAddr("2001:db8::7")), host(many.MACs[0].LinkLocal()), many.IPs[0])
	nobody := guest(t, p, 4, sourceGuard)
	nobody.MACs, nobody.IPs = nil, nil
	byPlan, bySet := testhost.New(t), testhost.New(t)
	install(t, open(t, byPlan), p)
	table := open(t, bySet)
	install(t, table, p)
	for i, g := range []*firewall.Guest{
		guest(t, p, 1, sourceGuard), many, nobody,
		{Interface: "open", Profile: p.Open(), MACs: many.MACs, IPs: many.IPs},
		{Interface: "blocked", Profile: p.Blocked(), MACs: many.MACs, IPs: many.IPs},
	} {
		if !set(t, table, g, i+1) {
			t.Errorf("Set() of %s wrote nothing", g.Interface)
		}
		for _, line := range g.Plan() {
			byPlan.Run(t, "nft", line)
		}
	}
	got, want := listing(t, bySet), listing(t, byPlan)
	if elementsOf(got) != elementsOf(want) || !strings.Contains(got, `"exactly15bytes." . fe80::ff:fe00:1`) {
		t.Errorf("after Set():\n%s\nafter the plan:\n%s", got, want)
	}
	for _, value := range []string{`"open" .`, `"blocked" .`} {
		if strings.Contains(got, value) {
			t.Errorf("values of a guest that nobody compares are kept: %s\n%s", value, got)
		}
	}
	// A process that reads this back finds nothing to do.
	if other := open(t, bySet); set(t, other, many, 2) {
		t.Error("another process writes what is there")
	}
}

// TestAGuestChanges moves one guest through everything it can be; at each step the table holds this and nothing else.
func TestAGuestChanges(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	install(t, table, p)
	g := func(change func(*firewall.Guest)) *firewall.Guest {
		out := guest(t, p, 1, sourceGuard)
		change(out)
		return out
	}
	for i, step := range []*firewall.Guest{
		g(func(*firewall.Guest) {}),
		g(func(g *firewall.Guest) { g.IPs = g.IPs[:1] }),
		g(func(g *firewall.Guest) { g.MACs[0][5] = 0x77 }),
		g(func(g *firewall.Guest) { g.Profile = p.Blocked() }),
		g(func(g *firewall.Guest) { g.MACs = nil }),
		g(func(g *firewall.Guest) { g.Profile = p.Open() }),
		g(func(*firewall.Guest) {}),
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			before := table.Stats().Transactions
			if !set(t, table, step, 5) || table.Stats().Transactions != before+1 {
				t.Errorf("Set() took %d transactions, want 1", table.Stats().Transactions-before)
			}
			sameAsFresh(t, h, p, step)
		})
	}
}

func TestLinkLocal(t *testing.T) {
	t.Parallel()
	// The example of RFC 4291, appendix A, with RFC 2464's: 34-56-78-9A-BC-DE gives 36-56-78-FF-FE-9A-BC-DE.
	mac := firewall.MAC{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}
	if got := mac.LinkLocal().String(); got != "fe80::3656:78ff:fe9a:bcde" {
		t.Errorf("LinkLocal() = %s", got)
	}
	if got := mac.String(); got != "34:56:78:9a:bc:de" {
		t.Errorf("String() = %s", got)
	}
}

// TestNeighbourDiscoveryListing: nft has no words for these fields, and does not take what it lists of them, so what it lists
// is compared with what was looked over once.
func TestNeighbourDiscoveryListing(t *testing.T) {
	t.Parallel()
	all := templates(t, []string{
		"nd", "nd target $ip6 return", "nd target != $ip6 drop", "nd target fe80::/10 accept", "nd target fe80::/16 accept", "nd target 2001:db8::7 drop",
		"nd sll $mac return", "nd sll != $mac drop", "nd tll $mac return", "nd tll 00:16:3e:00:00:07 accept", "nd tll != { 00:16:3e:00:00:07, 00:16:3e:00:00:08 } drop",
		"icmpv6 type nd-neighbor-advert nd target 2001:db8::1-2001:db8::f nd tll $mac counter accept",
		"@ll,176,48 $mac return", "@ll,0,48 != $mac drop", "@th,80,48 $mac return", "@ll,208,32 $ip return", "@th,64,128 $ip6 return",
	})
	nd := all["nd"]
	nd.ToGuest = nd.FromGuest
	all["nd"] = nd
	refs := []firewall.Ref{{Template: "nd"}}
	h := testhost.New(t)
	install(t, open(t, h), compile(t, firewall.Config{Templates: all, Lists: bridged(refs)}))
	golden(t, "nd", table(t, h))
}
