package nat_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/nat"
	"vifd/internal/nft/nfttest"
	"vifd/internal/testhost"
)

// many is forwards of all shapes.
func many() []nat.Forward {
	return []nat.Forward{
		{Protocol: nat.TCP, First: 8080, To: 80},
		{Protocol: nat.UDP, First: 5000, Last: 5003},
		{Protocol: nat.TCP, First: 443, Host: netip.MustParseAddr(host4)},
		{Protocol: nat.TCP, First: 443, To: 8443, Host: netip.MustParseAddr(host6)},
		{Protocol: nat.TCP, First: 22, From: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32"),
		}},
		{Protocol: nat.TCP, First: 23, Host: netip.MustParseAddr(host4), From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		{Protocol: nat.TCP, First: 24, From: []netip.Prefix{netip.MustParsePrefix("::/0")}},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var elements = regexp.MustCompile(`(?s)\t\telements = \{.*?\}\n`)

// sorted puts elements, which the kernel lists in the order of a hash that differs each time, one a line in order.
func sorted(list string) string {
	return elements.ReplaceAllStringFunc(list, func(s string) string {
		_, s, _ = strings.Cut(strings.TrimSuffix(s, " }\n"), "{ ")
		each := strings.Split(s, ",")
		for i := range each {
			each[i] = "\t\t\t" + strings.TrimSpace(each[i])
		}
		slices.Sort(each)
		return "\t\telements = {\n" + strings.Join(each, ",\n") + " }\n"
	})
}

func listing(t *testing.T, h *testhost.Host) string {
	t.Helper()
	tables := strings.SplitAfter(sorted(h.Run(t, "nft", "list", "ruleset")), "\n}\n") // in the order they were made in
	slices.Sort(tables)
	return strings.Join(tables, "")
}

// TestListing is what nft says of it, and that the program's own text, and a guest's commands, say and do the same.
func TestListing(t *testing.T) {
	t.Parallel()
	h, byHand := testhost.New(t), testhost.New(t)
	table := open(t, h)
	p, err := nat.Compile([]nat.Network{private}, many())
	if err != nil {
		t.Fatal(err)
	}
	install(t, table, p)
	golden(t, "empty.golden", listing(t, h))
	golden(t, "empty.golden", p.String())
	if err := table.Check(p); err != nil {
		t.Error(err)
	}
	g := guest(t, "vif1.0", many()...)
	set(t, table, g, 1)
	golden(t, "guest.golden", listing(t, h))

	file := filepath.Join(t.TempDir(), "nft")
	if err := os.WriteFile(file, []byte(p.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	byHand.Run(t, "nft", "-f", file)
	commands, err := g.Commands()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		byHand.Run(t, "nft", strings.TrimPrefix(command, "nft "))
	}
	golden(t, "guest.golden", listing(t, byHand))

	saved := h.Run(t, "nft", "list", "ruleset")
	if err := os.WriteFile(file, []byte(saved), 0o600); err != nil {
		t.Fatal(err)
	}
	byHand.Run(t, "nft", "flush", "ruleset")
	byHand.Run(t, "nft", "-f", file)
	golden(t, "guest.golden", listing(t, byHand))
}

// TestSecondTimeNothing: what is so already is not written, by another process either.
func TestSecondTimeNothing(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := compile(t, private)
	one, two := guest(t, "vif1.0", many()...), guest(t, "vif2.0")
	table := open(t, h)
	if !install(t, table, p, one) || !set(t, table, two, 2) {
		t.Error("the first time nothing was written")
	}
	since := nfttest.Monitor(t, h)
	for what, table := range map[string]*nat.Table{"the same process": table, "another": open(t, h)} {
		if install(t, table, p, one, two) || set(t, table, one, 1) || set(t, table, two, 2) || remove(t, table, "vif9.0", 9) {
			t.Errorf("%s wrote", what)
		}
		if wrote, err := table.Ensure(p); wrote || err != nil {
			t.Errorf("%s: Ensure() = %v, %v", what, wrote, err)
		}
	}
	if said := since(); said != "" {
		t.Errorf("nft monitor heard\n%s", said)
	}
	g := guest(t, "vif3.0", nat.Forward{Protocol: nat.TCP, First: 9})
	set(t, table, g, 3)
	commands, err := g.Commands()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(strings.Join(commands, "\n")+"\n", "nft add", "add")
	if said := since(); said != want {
		t.Errorf("connecting a guest did\n%s\nwant\n%s", said, want)
	}
}

// TestAnotherProcessRemoves knows a guest's elements by what the kernel has.
func TestAnotherProcessRemoves(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := compile(t, private)
	install(t, open(t, h), p, guest(t, "vif2.0"))
	want := listing(t, h)

	first := open(t, h)
	if _, err := first.Ensure(p); err != nil {
		t.Fatal(err)
	}
	plain := guest(t, "vif1.0", nat.Forward{Protocol: nat.TCP, First: 80})
	set(t, first, plain, 1)
	emulated := plain
	emulated.Interface = "vif1.0-emu"
	set(t, first, emulated, 3)
	both := open(t, h)
	if got := both.Interfaces(); !slices.Equal(got, []string{"vif1.0", "vif1.0-emu", "vif2.0"}) {
		t.Errorf("Interfaces() = %v", got)
	}
	remove(t, both, "vif1.0", 1)
	if list := listing(t, h); !strings.Contains(list, "tcp . 80 : 10.77.0.3 . 80") || strings.Contains(list, `"vif1.0"`) {
		t.Errorf("of two interfaces with the same address one has gone, and there is\n%s", list)
	}
	remove(t, open(t, h), "vif1.0-emu", 3)
	if got := listing(t, h); got != want {
		t.Errorf("there is left\n%s\nwant\n%s", got, want)
	}
}

// TestStaleThings go with the next installation, and nobody else's do.
func TestStaleThings(t *testing.T) {
	t.Parallel()
	h, fresh := testhost.New(t), testhost.New(t)
	p := compile(t, private)
	foreign := "table ip nat {\n\tchain vifd {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t}\n}\n" +
		"table inet vifd {\n\tset guest-ip {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 }\n\t}\n}\n"
	file := filepath.Join(t.TempDir(), "nft")
	if err := os.WriteFile(file, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Run(t, "nft", "-f", file)
	fresh.Run(t, "nft", "-f", file)
	table := open(t, h)
	install(t, table, p, guest(t, "vif1.0", many()...), guest(t, "vif2.0"))
	h.Run(t, "nft", "add chain ip vifd old; add rule ip vifd old ip saddr . oifname @guests accept; add set ip vifd old { type mark; }")
	h.Run(t, "nft", `add element ip vifd uplinks { 10.0.0.9 . "eth9" }; insert rule ip6 vifd output accept`)
	h.Run(t, "nft", "delete chain ip6 vifd postrouting")
	install(t, open(t, h), p, guest(t, "vif2.0"))
	install(t, open(t, fresh), p, guest(t, "vif2.0"))
	if diff := cmp.Diff(listing(t, fresh), listing(t, h)); diff != "" {
		t.Errorf("against a fresh installation (-fresh +got):\n%s", diff)
	}
	// A set of another version's has other keys.
	h.Run(t, "nft", "flush chain ip vifd postrouting; delete set ip vifd guests; add set ip vifd guests { type ipv4_addr; elements = { 10.0.0.1 } }")
	install(t, open(t, h), p, guest(t, "vif2.0"))
	if diff := cmp.Diff(listing(t, fresh), listing(t, h)); diff != "" {
		t.Errorf("against a fresh installation (-fresh +got):\n%s", diff)
	}
	install(t, open(t, h), compile(t))
	if got := h.Run(t, "nft", "list", "ruleset"); got != foreign {
		t.Errorf("in the end there is\n%s", got)
	}
}

// TestOverlapsAreRefused: nobody's port is taken away, and who is refused has nothing.
func TestOverlapsAreRefused(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	web := nat.Forward{Protocol: nat.TCP, First: 80}
	install(t, table, compile(t, private), guest(t, "vif1.0", web, nat.Forward{Protocol: nat.UDP, First: 9, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}))
	before := listing(t, h)
	for name, f := range map[string]nat.Forward{
		"same":           web,
		"in a range":     {Protocol: nat.TCP, First: 70, Last: 90},
		"of one address": {Protocol: nat.TCP, First: 80, Host: netip.MustParseAddr(host4)},
		"from some":      {Protocol: nat.TCP, First: 80, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		"from fewer":     {Protocol: nat.UDP, First: 9, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.128/25")}},
	} {
		g := guest(t, "vif2.0", f)
		if _, err := table.Set(&g, 2); !errors.Is(err, nat.ErrOverlap) {
			t.Errorf("%s: Set() = %v, want ErrOverlap", name, err)
		}
		if err := nat.CheckGuests([]nat.Guest{guest(t, "vif1.0", web, nat.Forward{Protocol: nat.UDP, First: 9, From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}), g}); !errors.Is(err, nat.ErrOverlap) {
			t.Errorf("%s: CheckGuests() = %v, want ErrOverlap", name, err)
		}
	}
	if after := listing(t, h); after != before {
		t.Errorf("a refused forward left\n%s", after)
	}
	set(t, table, guest(t, "vif2.0", nat.Forward{Protocol: nat.UDP, First: 80}, nat.Forward{Protocol: nat.UDP, First: 9, From: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}), 2)
	// A port changes hands where the one who has it goes first.
	remove(t, table, "vif1.0", 1)
	set(t, table, guest(t, "vif2.0", web), 2)
	if list := listing(t, h); !strings.Contains(list, "tcp . 80 : 10.77.0.5 . 80") {
		t.Errorf("there is\n%s", list)
	}
}

// elementsOf is a listing sorted by its lines: sets that came one after the other are listed in that order.
func elementsOf(list string) []string {
	return slices.Sorted(strings.Lines(list))
}
