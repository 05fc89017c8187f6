package packets

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/firewall.md anew")

const manual = "../../docs/firewall.md"

// composites are the templates that make a whole of others, each a column of the tables.
var composites = []string{"source-guard", "clean-traffic", "clean-traffic-gateway", "isolated", "quarantine"}

// line is a line of a table: what has a name like this and none of the lines before.
type line struct {
	title string
	names *regexp.Regexp
}

func lines(rows ...[2]string) []line {
	out := make([]line, len(rows))
	for i, row := range rows {
		out[i] = line{row[0], regexp.MustCompile(row[1])}
	}
	return out
}

var attackLines = lines(
	[2]string{"a false source MAC", `^MAC of`},
	[2]string{"a source MAC that no station has", `^MAC that`},
	[2]string{"a false source MAC to 01:80:c2:00:00:01, 03, 0e", `^(LLDP|EAPOL|pause) from`},
	[2]string{"BPDUs, also per VLAN", `BPDU`},
	[2]string{"IPv4, ARP, RA, IPX, CDP in LLC or SNAP", `in SNAP|in 802.3|CDP`},
	[2]string{"other EtherTypes: LLDP, MPLS, PPPoE, MACsec, PBB …", `^(ether type|MPLS|PPPoE|EAPOL|LLDP|MACsec|provider|batman|loopback|tag )`},
	[2]string{"gratuitous ARP for another's address, or with a false MAC", `^gratuitous`},
	[2]string{"ARP probe for another's address, or with a false MAC", `^ARP probe`},
	[2]string{"ARP for another's address, or with a false MAC", `^ARP (reply|request|for)`},
	[2]string{"ARP of another shape, or cut off", `^ARP (of|with|cut)|^RARP in ARP`},
	[2]string{"RARP for another", `^RARP`},
	[2]string{"IPv4 from 0.0.0.0 that is no DHCP", `^(IPv4 from 0|DHCP discover|DHCP over)`},
	[2]string{"IPv4 from another's address, also as fragment or cut off", `^IPv4`},
	[2]string{"a DHCP server in fragments", `^DHCP offer in`},
	[2]string{"a DHCP server behind a false IPv4 header", `^DHCP offer with`},
	[2]string{"a DHCP server", `^DHCP offer`},
	[2]string{"IPv6 from :: that is no DAD, RS or MLD", `^(IPv6|neighbour advertisement) from ::`},
	[2]string{"IPv6 from another's address, also as fragment or cut off", `^IPv6`},
	[2]string{"NS, NA behind extension headers and AH, in fragments", `^N[AS] .*(behind|in an atomic|in two atomic|in fragments|in such)`},
	[2]string{"DAD for another's address, or with a false MAC", `^DAD`},
	[2]string{"NA for another's address", `^NA for`},
	[2]string{"NA, NS, RS with a false MAC, options before it, twice, too long", `^(NA|NS|RS) with .*(false|before|two|long|length|half|unknown|link-layer)`},
	[2]string{"NS, RS from another's address", `^(NS|RS)`},
	[2]string{"redirects", `^redirect`},
	[2]string{"RA behind extension headers and AH, in fragments", `^RA .*(behind|in an atomic|in two atomic|in fragments|in such)`},
	[2]string{"RA", `^RA`},
	[2]string{"a DHCPv6 server behind extension headers and AH, in fragments", `^DHCPv6 .*(behind|in an atomic|in two atomic|in fragments|in such)`},
	[2]string{"a DHCPv6 server", `^DHCPv6`},
)

var beyondLines = lines(
	[2]string{"VRRP or CARP with a higher priority", `^VRRP`},
	[2]string{"IGMP and MLD queries, PIM", `query|PIM`},
	[2]string{"DHCP for clients that do not exist", `^DHCP`},
	[2]string{"ping of a broadcast or multicast address", `^ping`},
	[2]string{"TCP that scanners send", `^TCP`},
)

var honestLines = lines(
	[2]string{"ARP: request, reply, gratuitous, probe", `ARP (request|reply|probe)|gratuitous`},
	[2]string{"RARP announcement", `^RARP`},
	[2]string{"DHCP as a client: discover, rebinding, renewal", `^DHCP `},
	[2]string{"IPv4 broadcast, multicast, IGMP", `^IPv4 (broadcast|multicast)|^IGMP`},
	[2]string{"IPv4: TCP, UDP, ping, options, fragments", `^IPv4|^(ping|answer to a ping|TCP|TCP to port 68)$`},
	[2]string{"neighbour discovery: NS, NA, DAD, RS", `^(NS|NA|DAD|RS)`},
	[2]string{"MLD reports", `^MLD`},
	[2]string{"DHCPv6 as a client", `^DHCPv6`},
	[2]string{"IPv6 multicast, ping of all nodes", `^IPv6 multicast|all nodes`},
	[2]string{"IPv6: TCP, UDP, ping, options, fragments", `6`},
)

// pick is the index of the line that a name belongs to.
func pick(t *testing.T, table []line, name string) int {
	t.Helper()
	i := slices.IndexFunc(table, func(l line) bool { return l.names.MatchString(name) })
	if i < 0 {
		t.Fatalf("no line of the table is about %q", name)
	}
	return i
}

// TestTables runs all attacks and all honest traffic against each composite, and writes down what passes.
func TestTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	// A querier would change who is sent multicast.
	w.host.Run(t, "ip", "link", "set", bridgeName, "type", "bridge", "mcast_snooping", "0")
	c := w.cast()
	stopped := w.attackTable(t, c, attackLines, attacks(c), true)
	beyond := w.attackTable(t, c, beyondLines, beyondAttacks(c), false)
	honest := w.honestTable(t, c)
	manualLock.Lock()
	defer manualLock.Unlock()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	got := between(t, text, "attacks", stopped)
	got = between(t, got, "beyond", beyond)
	compareManual(t, text, between(t, got, "honest", honest))
}

// manualLock keeps tests that write the manual from each other's way.
var manualLock sync.Mutex

// compareManual compares the manual with what it should say, or has it say so.
func compareManual(t *testing.T, have, want []byte) {
	t.Helper()
	switch {
	case bytes.Equal(have, want):
	case *update:
		if err := os.WriteFile(manual, want, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s (-it +as it is; -update writes):\n%s", manual, cmp.Diff(string(have), string(want)))
	}
}

// between puts a table between its marks.
func between(t *testing.T, text []byte, mark, table string) []byte {
	t.Helper()
	begin, end := []byte("<!-- "+mark+" -->\n"), []byte("<!-- end of "+mark+" -->\n")
	i, j := bytes.Index(text, begin), bytes.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("%s has no place for the table %q", manual, mark)
	}
	return slices.Concat(text[:i+len(begin)], []byte(table), text[j:])
}

// arrives tells whether all of frames arrive at the victim, after everybody has said where they are.
func (w *world) arrives(t *testing.T, c *cast, frames [][]byte) bool {
	t.Helper()
	w.introduce(t)
	return whole(frames, w.exchange(t, c.me, c.friend, frames, c.victim.eth0)[0])
}

// count is what passes of what was tried.
type count struct{ passed, tried int }

func (n count) String() string {
	switch n.passed {
	case 0:
		return "stopped"
	case n.tried:
		return "passes"
	}
	return fmt.Sprintf("%d of %d pass", n.passed, n.tried)
}

func (w *world) attackTable(t *testing.T, c *cast, table []line, all []attack, tagged bool) string {
	t.Helper()
	forms := disguises
	if !tagged {
		forms = forms[:1]
	}
	rows := make([][]attack, len(table))
	for _, a := range all {
		i := pick(t, table, a.name)
		rows[i] = append(rows[i], a)
	}
	cells := make([][]string, len(table))
	for i := range cells {
		if len(rows[i]) == 0 {
			t.Fatalf("no attack is %q", table[i].title)
		}
		cells[i] = []string{table[i].title, fmt.Sprint(len(rows[i]) * len(forms))}
	}
	column := func(forms int, templates ...string) {
		w.guardBy(t, c.me, templates...)
		w.introduce(t)
		for i, attacks := range rows {
			var n count
			for _, a := range attacks {
				for _, d := range disguises[:forms] {
					n.tried++
					frames := disguised(a.frames, d.tags)
					if whole(frames, w.exchange(t, c.me, c.friend, frames, c.victim.eth0)[0]) {
						n.passed++
						w.introduce(t) // it may have been another's MAC that came
					}
				}
			}
			cells[i] = append(cells[i], n.String())
		}
	}
	column(1)
	w.aloneColumn(t, c, rows, cells)
	for _, name := range composites {
		column(len(forms), name)
	}
	for i, attacks := range rows {
		if attacks[0].inert {
			cells[i][2], cells[i][3] = "stopped by the bridge", ""
		}
	}
	return markdown(append([]string{"attack", "forms", "no guard", "stopped untagged by one template"}, composites...), cells)
}

// aloneColumn adds which templates stop all of a line's attacks alone.
func (w *world) aloneColumn(t *testing.T, c *cast, rows [][]attack, cells [][]string) {
	t.Helper()
	stops := make([][]string, len(rows))
	for _, name := range bridged(t) {
		if slices.Contains(composites, name) || !strings.HasPrefix(name, "no-") && name != "ethertypes" && name != "tcp-sanity" || name == "no-other-traffic" {
			continue
		}
		w.guardBy(t, c.me, name)
		for i, attacks := range rows {
			if !slices.ContainsFunc(attacks, func(a attack) bool { return w.arrives(t, c, a.frames) }) {
				stops[i] = append(stops[i], name)
			}
		}
	}
	for i := range cells {
		cells[i] = append(cells[i], strings.Join(stops[i], ", "))
	}
}

func (w *world) honestTable(t *testing.T, c *cast) string {
	t.Helper()
	cells := make([][]string, len(honestLines))
	for i := range cells {
		cells[i] = []string{honestLines[i].title}
	}
	for _, name := range composites {
		w.guardBy(t, c.me, name)
		counts := make([]count, len(honestLines))
		for _, s := range sayings(c) {
			n := &counts[pick(t, honestLines, s.name)]
			n.tried++
			if w.arrives(t, c, s.frames) {
				n.passed++
			}
		}
		for i := range cells {
			if counts[i].tried == 0 {
				t.Fatalf("nothing honest is %q", honestLines[i].title)
			}
			cells[i] = append(cells[i], counts[i].String())
		}
	}
	return markdown(append([]string{"honest traffic"}, composites...), cells)
}

func markdown(head []string, rows [][]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}
