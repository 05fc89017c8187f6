package firewall_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/nft/nfttest"
	"vifd/internal/testhost"
)

func set(t *testing.T, table *firewall.Table, g *firewall.Guest, owner int) (wrote bool) {
	t.Helper()
	wrote, err := table.Set(g, owner)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

func remove(t *testing.T, table *firewall.Table, iface string, owner int) (wrote bool) {
	t.Helper()
	wrote, err := table.Remove(iface, owner)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

func listing(t *testing.T, h *testhost.Host) string {
	t.Helper()
	return uncounted(h.Run(t, "nft", "list", "ruleset"))
}

// counters are those of guests' elements in the dispatch maps and the sets of who is judged where.
var counters = regexp.MustCompile(`("[^"]*") counter packets \d+ bytes \d+( :|,| })`)

func uncounted(list string) string { return counters.ReplaceAllString(list, "$1$2") }

// TestGuestsAreElementsAlone connects and disconnects a guest with 1 000 present.
func TestGuestsAreElementsAlone(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	var guests []*firewall.Guest
	for n := range 1_000 {
		guests = append(guests, guest(t, p, n, sourceGuard))
	}
	if !install(t, table, p, guests...) {
		t.Error("the first installation wrote nothing")
	}
	since := nfttest.Monitor(t, h)
	if install(t, table, p, guests...) {
		t.Error("the second installation wrote")
	}
	if said := since(); said != "" {
		t.Errorf("the second installation wrote\n%s", said)
	}
	newcomer := guest(t, p, 2_000, sourceGuard)
	if !set(t, table, newcomer, 7) {
		t.Error("Set() wrote nothing")
	}
	said := since()
	want := map[string]int{"from-guest": 1, "from/source-guard": 1, "to-guest": 1, "guest-mac": 1, "guest-ip": 1, "guest-ip6": 2}
	for line := range strings.Lines(said) {
		name, ok := strings.CutPrefix(line, "add element bridge vifd ")
		if !ok || !strings.Contains(line, `"vif2000.0"`) {
			t.Errorf("connecting a guest did: %s", line)
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		want[name]--
	}
	for name, n := range want {
		if n != 0 {
			t.Errorf("set %s got %d elements too few", name, n)
		}
	}
	if set(t, table, newcomer, 7) {
		t.Error("the second Set() wrote")
	}
	if said := since(); said != "" {
		t.Errorf("the second Set() wrote\n%s", said)
	}
	if !remove(t, table, newcomer.Interface, 7) || remove(t, table, newcomer.Interface, 7) {
		t.Error("Remove() is to write once")
	}
	for line := range strings.Lines(since()) {
		if !strings.HasPrefix(line, "delete element bridge vifd ") {
			t.Errorf("disconnecting a guest did: %s", line)
		}
	}
}

// TestProgramsAreSwappedAtOnce changes the templates under guests.
func TestProgramsAreSwappedAtOnce(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	table := open(t, h)
	h.Run(t, "nft", "add", "table", "bridge", "foreign")
	first := guarded(t)
	one := guest(t, first, 1, sourceGuard)
	install(t, table, first, one)
	before := table.Stats().Transactions

	refs := []firewall.Ref{{Template: "no-mac-spoofing"}, {Template: "no-bpdu"}}
	second := compile(t, firewall.Config{Templates: library(t), Lists: bridged(refs), Claimed: []string{"tap*", "vnet7"}})
	install(t, table, second, guest(t, second, 1, refs))
	if n := table.Stats().Transactions - before; n != 1 {
		t.Errorf("the swap took %d transactions", n)
	}
	list := listing(t, h)
	for _, want := range []string{`"vif1.0" : drop`, "iifname @from/no-mac-spoofing.no-bpdu goto from/no-mac-spoofing.no-bpdu", `iifname "tap*" drop`, `oifname "vnet7" drop`, "table bridge foreign", `"vif1.0" . 10.0.0.1`} {
		if !strings.Contains(list, want) {
			t.Errorf("after the swap nft does not list %s:\n%s", want, list)
		}
	}
	for _, gone := range []string{"source-guard", "no-arp-spoofing", `"vif*"`} {
		if strings.Contains(list, gone) {
			t.Errorf("after the swap nft still lists %s:\n%s", gone, list)
		}
	}
	// A program alone, as a process uses it that knows of one guest: nobody else's chains and elements go.
	if _, err := open(t, h).Ensure(first); err != nil {
		t.Fatal(err)
	}
	if list := listing(t, h); !strings.Contains(list, "chain from/source-guard") || !strings.Contains(list, `"vif1.0" : drop`) {
		t.Errorf("Ensure() left\n%s", list)
	}
	// What no guest has is taken out.
	install(t, table, second)
	if list := listing(t, h); strings.Contains(list, "vif1.0") || strings.Contains(list, "source-guard") {
		t.Errorf("an installation without guests left\n%s", list)
	}
}

func TestNamesHaveOwners(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	install(t, table, p)
	set(t, table, guest(t, p, 1, sourceGuard), 5)
	set(t, table, guest(t, p, 1, sourceGuard), 9) // the name is another device's now
	if remove(t, table, "vif1.0", 5) {
		t.Error("the old device's removal wrote")
	}
	if list := listing(t, h); !strings.Contains(list, `"vif1.0" . 10.0.0.1`) {
		t.Errorf("the old device's removal took the new one's elements:\n%s", list)
	}
	if !remove(t, table, "vif1.0", 9) {
		t.Error("the owner's removal wrote nothing")
	}
}

// TestDriftIsRepaired lets somebody else meddle; the next guest finds it out, and everybody's elements come back.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	for name, meddle := range map[string][]string{
		"flush ruleset":  {"flush", "ruleset"},
		"delete table":   {"delete", "table", "bridge", "vifd"},
		"delete element": {"delete", "element", "bridge", "vifd", "guest-mac", `{ "vif2.0" . 00:16:3e:00:00:02 }`},
		"other verdict":  {"add", "element", "bridge", "vifd", "from-guest", `{ "vif3.0" : accept }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testhost.New(t)
			p := guarded(t)
			table := open(t, h)
			one, two, three := guest(t, p, 1, sourceGuard), guest(t, p, 2, sourceGuard), guest(t, p, 3, sourceGuard)
			install(t, table, p, one, two)
			h.Run(t, "nft", meddle...)
			remove(t, table, two.Interface, 101)
			set(t, table, two, 101)
			set(t, table, three, 102)
			got := listing(t, h)
			fresh := testhost.New(t)
			install(t, open(t, fresh), p, one, two, three)
			if want := listing(t, fresh); elementsOf(got) != elementsOf(want) || sortSets(got) == "" {
				t.Errorf("repaired:\n%s\nwant:\n%s", got, want)
			}
			if table.Stats().Repairs == 0 {
				t.Error("no repair is counted")
			}
		})
	}
}

// elementsOf is a listing without the order of its elements.
func elementsOf(list string) string {
	words := strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" \n\t,{}", r) })
	counts := make(map[string]int)
	for _, w := range words {
		counts[w]++
	}
	return fmt.Sprint(counts)
}

// TestGuestsShareTransactions connects 500 guests from many goroutines.
func TestGuestsShareTransactions(t *testing.T) {
	t.Parallel()
	const guests = 500
	h := testhost.New(t)
	p := guarded(t)
	table := open(t, h)
	install(t, table, p)
	before := table.Stats()
	var crew sync.WaitGroup
	for worker := range 32 {
		crew.Go(func() {
			for n := worker; n < guests; n += 32 {
				if _, err := table.Set(guest(t, p, n, sourceGuard), n+1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	crew.Wait()
	if n := strings.Count(listing(t, h), ": drop"); n != guests {
		t.Errorf("%d guests are connected, want %d", n, guests)
	}
	after := table.Stats()
	if changes := after.Changes - before.Changes; changes != guests {
		t.Errorf("%d changes are counted", changes)
	}
	t.Logf("%d guests in %d transactions", guests, after.Transactions-before.Transactions)
	if table.Interfaces(); len(table.Interfaces()) != guests {
		t.Errorf("the table knows of %d interfaces", len(table.Interfaces()))
	}
	// Another process reads what is there.
	if other := open(t, h); len(other.Interfaces()) != guests || install(t, other, p) != true {
		t.Errorf("another process finds %d interfaces", len(other.Interfaces()))
	}
}

// refusing is a kernel that refuses every transaction about one interface.
type refusing struct {
	*nft.Conn
	mu      sync.Mutex
	hold    chan struct{} // the first transaction waits for it
	refuse  int           // transactions of more than this many messages
	commits int
}

func (k *refusing) Commit(b *nft.Batch) error {
	k.mu.Lock()
	k.commits++
	first := k.commits == 2 // the first is the installation
	k.mu.Unlock()
	if first {
		<-k.hold
	}
	if k.commits > 1 && b.Len() > k.refuse {
		return &nft.Error{What: "the group", Errno: unix.ENOMEM}
	}
	return k.Conn.Commit(b)
}

// TestOneBadGuestKeepsNobodyOut: a group that fails is tried one by one.
func TestOneBadGuestKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	k := &refusing{Conn: testhost.Dial(t, h, nft.Dial), hold: make(chan struct{}), refuse: 8}
	table, err := firewall.OpenTable(k)
	if err != nil {
		t.Fatal(err)
	}
	p := guarded(t)
	install(t, table, p)
	bad := guest(t, p, 99, sourceGuard)
	for range 20 { // too much for the kernel
		bad.MACs = append(bad.MACs, firewall.MAC{2, 0, 0, 0, 0, byte(len(bad.MACs))})
	}
	errs := make(chan error, 5)
	submit := func(g *firewall.Guest, owner int) {
		go func() {
			_, err := table.Set(g, owner)
			if g == bad {
				if !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), bad.Interface) {
					err = fmt.Errorf("the bad guest: %w", err)
				} else {
					err = nil
				}
			}
			errs <- err
		}()
	}
	for n := range 4 {
		submit(guest(t, p, n, sourceGuard), n+1)
	}
	submit(bad, 99)
	close(k.hold)
	for range 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if list := listing(t, h); strings.Count(list, ": drop") != 4 || strings.Contains(list, bad.Interface) {
		t.Errorf("connected are\n%s", list)
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	lib := library(t)
	long := make([]firewall.Ref, 0, 40)
	for range 40 {
		long = append(long, firewall.Ref{Template: "no-mac-spoofing"})
	}
	for name, tt := range map[string]struct {
		refs []firewall.Ref
		want string
	}{
		"unknown template":  {[]firewall.Ref{{Template: "nosuch"}}, `unknown template "nosuch"`},
		"unknown parameter": {[]firewall.Ref{{Template: "no-bpdu", With: map[string][]string{"x": {"1"}}}}, `no parameter "x"`},
		"too long a list":   {long, "fit into a chain's name"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := firewall.Compile(firewall.Config{Templates: lib, Lists: bridged(tt.refs)}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compile() = %v, want it to say %q", err, tt.want)
			}
		})
	}
	if _, err := guarded(t).Profile(firewall.List{Refs: []firewall.Ref{{Template: "no-bpdu"}}}); err == nil {
		t.Error("Profile() of a list that was not compiled = nil")
	}
}

// TestReread: a process that has waited for another sees what that one has done, and takes it back.
func TestReread(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	first := open(t, h)
	install(t, first, p)
	late := open(t, h)
	g := guest(t, p, 7, sourceGuard)
	set(t, first, g, 7)
	if err := late.Reread(); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Ensure(p); err != nil {
		t.Fatal(err)
	}
	if !remove(t, late, g.Interface, 7) || strings.Contains(listing(t, h), g.Interface) {
		t.Errorf("left behind:\n%s", listing(t, h))
	}
}
