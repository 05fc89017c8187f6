package firewall_test

import (
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/nft/nfttest"
	"vifd/internal/testhost"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// TestPrefixesHaveSetsOfTheirOwn: the first guest with a prefix of some length brings the set and the lookups for it, in the
// transaction that connects it; a guest with addresses alone is still nothing but elements; a new installation takes away
// what nobody needs any more.
func TestPrefixesHaveSetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	plain, first, second := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard), guest(t, p, 3, sourceGuard)
	install(t, table, p, plain)
	first.IPs = append(first.IPs, prefixes("192.0.2.16/28", "2001:db8:1::/64")...)
	second.IPs = append(second.IPs, prefixes("192.0.2.32/28", "198.51.100.0/24")...)
	before := table.Stats().Transactions
	for i, g := range []*firewall.Guest{first, second} {
		if !set(t, table, g, i+2) || set(t, table, g, i+2) {
			t.Errorf("Set() of %s is to write once", g.Interface)
		}
	}
	if n := table.Stats().Transactions - before; n != 2 {
		t.Errorf("two guests took %d transactions", n)
	}
	list := listing(t, h)
	for _, want := range []string{
		`"vif2.0" . 192.0.2.16`, `"vif3.0" . 192.0.2.32`, `"vif3.0" . 198.51.100.0`, `"vif2.0" . 2001:db8:1::`,
		"iifname . ip saddr @guest-ip return", "iifname . ip saddr & 255.255.255.240 @guest-ip-28 return", "iifname . ip saddr & 255.255.255.0 @guest-ip-24 return",
		"iifname . ip6 saddr != @guest-ip6 iifname . ip6 saddr & ffff:ffff:ffff:ffff:: != @guest-ip6-64 drop",
		"iifname . arp saddr ip & 255.255.255.240 @guest-ip-28 return",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("nft does not list %s:\n%s", want, list)
		}
	}
	sameAsFresh(t, h, p, plain, first, second)
	// Another process reads back the same, and has nothing to write.
	if other := open(t, h); install(t, other, p, plain, first, second) {
		t.Error("another process writes what is there")
	}
	since := nfttest.Monitor(t, h)
	if !set(t, table, guest(t, p, 4, sourceGuard), 9) {
		t.Error("Set() wrote nothing")
	}
	for line := range strings.Lines(since()) {
		if !strings.HasPrefix(line, "add element ") {
			t.Errorf("connecting a guest without prefixes did: %s", line)
		}
	}
	install(t, table, p, plain)
	if list := listing(t, h); strings.Contains(list, "guest-ip-") || strings.Contains(list, "guest-ip6-") || strings.Contains(list, "& 255.") {
		t.Errorf("what prefixes needed is left:\n%s", list)
	}
	sameAsFresh(t, h, p, plain)
}

// TestStatesAreReplacedWithTheirRules: a set that packets fill cannot change its key or timeout while rules refer to it.
func TestStatesAreReplacedWithTheirRules(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	refs := []firewall.Ref{{Template: "t"}}
	var p *firewall.Program
	for _, statement := range []string{
		"update @x { $interface limit rate over 5/second } drop", "update @x { $interface timeout 1h limit rate over 5/second } drop",
		"update @x { $interface . ip saddr limit rate over 5/second } drop", "update @y { $interface counter }", "log prefix \"x\" drop", "drop",
	} {
		p = compile(t, firewall.Config{Templates: templates(t, []string{"t", statement}), Lists: bridged(refs)})
		g := guest(t, p, 1, refs)
		if !install(t, table, p, g) || install(t, table, p, g) {
			t.Errorf("%s: Install() is to write once", statement)
		}
		sameAsFresh(t, h, p, g)
	}
	if list := listing(t, h); strings.Contains(list, "state/") || strings.Contains(list, "log-limit") {
		t.Errorf("sets that nobody fills are left:\n%s", list)
	}
}

// TestCountersCountBothWays: what a guest sends and what is sent to it.
func TestCountersCountBothWays(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	install(t, table, p, guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard))
	h.Run(t, "ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
	h.Run(t, "ip", "link", "set", "br0", "up")
	one, two := h.Guest(t, "vif1.0", "00:16:3e:00:00:01"), h.Guest(t, "vif2.0", "00:16:3e:00:00:02")
	for _, vif := range []string{"vif1.0", "vif2.0"} {
		h.Run(t, "ip", "link", "set", vif, "master", "br0", "up")
	}
	h.WaitUp(t, "vif1.0", "vif2.0")
	from, to := one.Packet(t, testhost.GuestIf), two.Packet(t, testhost.GuestIf)
	before, err := table.Counters()
	if err != nil {
		t.Fatal(err)
	}
	frame := append([]byte{0, 0x16, 0x3e, 0, 0, 2, 0, 0x16, 0x3e, 0, 0, 1, 0x08, 0x06}, make([]byte, 46)...)
	spoofed := append([]byte{0, 0x16, 0x3e, 0, 0, 2, 0, 0x16, 0x3e, 0, 0, 9, 0x08, 0x06}, make([]byte, 46)...)
	for range 3 {
		from.Send(t, spoofed)
	}
	copy(frame[14:], []byte{0, 1, 8, 0, 6, 4, 0, 1, 0, 0x16, 0x3e, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2})
	from.Send(t, frame)
	to.Expect(t, "the honest frame", func(got []byte) bool { return string(got) == string(frame) })
	after, err := table.Counters()
	if err != nil {
		t.Fatal(err)
	}
	sent := after["vif1.0"].FromGuest.Packets - before["vif1.0"].FromGuest.Packets
	got := after["vif2.0"].ToGuest.Packets - before["vif2.0"].ToGuest.Packets
	if sent < 4 || got < 1 { // guests and bridge say things of their own accord, too
		t.Errorf("vif1.0 has sent %d frames, want 4 or more; vif2.0 got %d, want one or more", sent, got)
	}
}

// TestRangesAreThereBeforeTheirRules: a chain that compares with ranges gets its sets in a transaction of its own, before
// anything leads to it; the other chains change with what leads to them.
func TestRangesAreThereBeforeTheirRules(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	refs := []firewall.Ref{{Template: "t"}}
	editions := []string{"ip saddr { 10.0.0.0/8, 192.0.2.1-192.0.2.9 } accept", "udp dport { 1-9, 53 } drop", "ip saddr . tcp dport { 10.0.0.0/8 . 22 } accept", "drop"}
	var p *firewall.Program
	for round := range 2 {
		for i, statement := range editions {
			p = compile(t, firewall.Config{Templates: templates(t, []string{"t", "include inner"}, []string{"inner", statement, "drop"}), Lists: bridged(refs)})
			g := guest(t, p, 1, refs)
			since := nfttest.Monitor(t, h)
			install(t, table, p, g)
			said := since()
			prepared := strings.Index(said, statement)
			led := strings.Index(said, "jump from/inner")
			if i != len(editions)-1 && (prepared < 0 || led < prepared) {
				t.Errorf("round %d, %s: what leads there comes before it, or not at all:\n%s", round, statement, said)
			}
			if install(t, table, p, g) {
				t.Errorf("%s: the second installation wrote", statement)
			}
			if other := open(t, h); install(t, other, p, g) {
				t.Errorf("%s: another process writes what is there", statement)
			}
			list := listing(t, h)
			if strings.Count(list, "chain from/inner") != 1 || !strings.Contains(list, statement) {
				t.Errorf("%s: nft lists\n%s", statement, list)
			}
		}
	}
	// One that was killed in between leaves a chain that nothing leads to; the next installation takes it away.
	h.Run(t, "nft", "add chain bridge vifd from/inner_; add rule bridge vifd from/inner_ drop")
	g := guest(t, p, 1, refs)
	if !install(t, table, p, g) || strings.Contains(listing(t, h), "from/inner_") {
		t.Errorf("what was prepared and not used is left:\n%s", listing(t, h))
	}
}

// TestANewPrefixRestoresWhatIsLost: where somebody has flushed the tables, a guest whose prefix brings a set of its own must not have them
// made anew for itself alone, and all others unguarded.
func TestANewPrefixRestoresWhatIsLost(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	plain, first := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard)
	install(t, table, p, plain)
	first.IPs = append(first.IPs, prefixes("192.0.2.16/28")...)
	h.Run(t, "nft", "flush", "ruleset")
	set(t, table, first, 2)
	if list := listing(t, h); !strings.Contains(list, `"vif1.0" . 00:16:3e`) || !strings.Contains(list, `"vif2.0" . 192.0.2.16`) {
		t.Errorf("a guest is missing:\n%s", list)
	}
	sameAsFresh(t, h, p, plain, first)
}
