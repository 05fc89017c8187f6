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
	"vifd/internal/stmt"
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

var sourceGuard = []firewall.Ref{{Template: "source-guard"}}

func guarded(t *testing.T) *firewall.Program {
	t.Helper()
	return compile(t, firewall.Config{Templates: library(t), Lists: [][]firewall.Ref{sourceGuard}, Claimed: []string{"vif*"}})
}

// open opens the table of a host.
func open(t *testing.T, h *testhost.Host) *firewall.Table {
	t.Helper()
	var conn *nft.Conn
	h.Do(t, func() (err error) {
		conn, err = nft.Dial()
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	table, err := firewall.OpenTable(conn)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// guest is number n, judged by refs.
func guest(t *testing.T, p *firewall.Program, n int, refs []firewall.Ref) *firewall.Guest {
	t.Helper()
	profile, err := p.Profile(refs)
	if err != nil {
		t.Fatal(err)
	}
	return &firewall.Guest{
		Interface: fmt.Sprintf("vif%d.0", n), Profile: profile,
		MACs: []firewall.MAC{{0, 0x16, 0x3e, 0, byte(n >> 8), byte(n)}},
		IPs:  []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(n >> 8), 15: byte(n)})},
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

// TestStatementsListAsWritten is the oracle for the compiler: what vifd puts into the kernel and what nft puts there when it
// is given the same words must list alike. Each statement of the corpus has a chain of its own, in both directions.
func TestStatementsListAsWritten(t *testing.T) {
	t.Parallel()
	corpus, err := os.ReadFile("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	templates := make(map[string]firewall.Template)
	var lists [][]firewall.Ref
	for i, line := range strings.Split(strings.TrimSpace(string(corpus)), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := stmt.Parse(line)
		if err != nil {
			t.Fatalf("statements.txt:%d: %v", i+1, err)
		}
		name := fmt.Sprintf("s%03d", i+1)
		where := []firewall.Statement{{Stmt: s, Where: fmt.Sprintf("statements.txt:%d", i+1)}}
		templates[name] = firewall.Template{Name: name, FromGuest: where, ToGuest: where}
		lists = append(lists, []firewall.Ref{{Template: name}})
	}
	if len(lists) < 120 {
		t.Fatalf("the corpus has %d statements only", len(lists))
	}
	p := compile(t, firewall.Config{Templates: templates, Lists: lists})
	ours, theirs := testhost.New(t), testhost.New(t)
	install(t, open(t, ours), p)

	loadText(t, theirs, p)
	list := func(h *testhost.Host) map[string]string {
		chains := make(map[string]string)
		var name string
		for line := range strings.Lines(normalise(sortSets(h.Run(t, "nft", "list", "table", "bridge", "vifd")))) {
			if rest, ok := strings.CutPrefix(line, "\tchain "); ok {
				name = strings.TrimSuffix(rest, " {\n")
			}
			chains[name] += line
		}
		return chains
	}
	want, got := list(theirs), list(ours)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("chain %s\n vifd's lists as %s\n nft's as %s", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("vifd made %d chains, nft %d", len(got), len(want))
	}
}

// normalise takes out what vifd writes on purpose where nft tests the link header: ARP's protocol, which must be seen behind
// a VLAN tag as well.
func normalise(list string) string {
	return strings.NewReplacer("meta protocol arp arp", "arp", "meta protocol arp iifname", "iifname", "meta protocol arp oifname", "oifname",
		"meta protocol ip6 icmpv6", "icmpv6", "meta protocol ip6 frag", "frag", "meta protocol ip icmp", "icmp").Replace(list)
}
