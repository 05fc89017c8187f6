package firewall_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/testhost"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) { testhost.Main(m) }

// library is the shipped templates as the compiler takes them.
func library(t *testing.T) map[string]firewall.Template {
	t.Helper()
	set, report := rules.Load(rules.Options{Library: rulesd.FS})
	if set == nil {
		t.Fatalf("load the library: %v", report.Problems)
	}
	out := make(map[string]firewall.Template)
	for name, tm := range set.Templates {
		ft := firewall.Template{Name: name}
		for _, s := range tm.FromGuest {
			ft.FromGuest = append(ft.FromGuest, firewall.Statement{Stmt: s.Stmt, Where: s.Pos.String()})
		}
		for _, s := range tm.ToGuest {
			ft.ToGuest = append(ft.ToGuest, firewall.Statement{Stmt: s.Stmt, Where: s.Pos.String()})
		}
		out[name] = ft
	}
	return out
}

func compile(t *testing.T, cfg firewall.Config) *firewall.Program {
	t.Helper()
	p, err := firewall.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bridged are lists of templates of rules with the action bridge.
func bridged(lists ...[]firewall.Ref) []firewall.List {
	out := make([]firewall.List, len(lists))
	for i, refs := range lists {
		out[i].Refs = refs
	}
	return out
}

// host is the prefix of one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

var sourceGuard = []firewall.Ref{{Template: "source-guard"}}

func guarded(t *testing.T) *firewall.Program {
	t.Helper()
	return compile(t, firewall.Config{Templates: library(t), Lists: bridged(sourceGuard), Claimed: []string{"vif*"}})
}

// open opens the table of a host.
func open(t *testing.T, h *testhost.Host) *firewall.Table {
	t.Helper()
	table, err := firewall.OpenTable(testhost.Dial(t, h, nft.Dial))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// guest is number n, judged by refs.
func guest(t *testing.T, p *firewall.Program, n int, refs []firewall.Ref) *firewall.Guest {
	t.Helper()
	profile, err := p.Profile(firewall.List{Refs: refs})
	if err != nil {
		t.Fatal(err)
	}
	return &firewall.Guest{
		Interface: fmt.Sprintf("vif%d.0", n), Profile: profile,
		MACs: []firewall.MAC{{0, 0x16, 0x3e, 0, byte(n >> 8), byte(n)}},
		IPs:  []netip.Prefix{host(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})), host(netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(n >> 8), 15: byte(n)}))},
	}
}

func install(t *testing.T, table *firewall.Table, p *firewall.Program, guests ...*firewall.Guest) (wrote bool) {
	t.Helper()
	owners := make(map[string]int)
	var list []firewall.Guest
	for i, g := range guests {
		owners[g.Interface] = 100 + i
		list = append(list, *g)
	}
	wrote, err := table.Install(p, list, owners)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

// TestListing shows what an administrator sees of source-guard and one guest.
func TestListing(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := guarded(t)
	install(t, open(t, h), p, guest(t, p, 1, sourceGuard))
	golden(t, "source-guard", h.Run(t, "nft", "list", "table", "bridge", "vifd"))
}

// sets is an anonymous set's values, which nft lists in the order of its hash.
var sets = regexp.MustCompile(`\{ ([^{}\n]*) \}`)

func sortSets(list string) string {
	return sets.ReplaceAllStringFunc(list, func(s string) string {
		values := strings.Split(strings.Trim(s, "{} "), ", ")
		for i := range values {
			for j := i; j > 0 && values[j] < values[j-1]; j-- {
				values[j], values[j-1] = values[j-1], values[j]
			}
		}
		return "{ " + strings.Join(values, ", ") + " }"
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = sortSets(got)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
