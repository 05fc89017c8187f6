package firewall_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sort"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/packet"
	"vifd/internal/stmt"
)

// source is a template as text, so that a failure can be shown, and made smaller.
type source struct {
	name   string
	params map[string]firewall.Param
	lines  []string // of both directions
}

func (s *source) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "template %s\n", s.name)
	for name, p := range s.params {
		fmt.Fprintf(&b, "  param %s: %s = %q\n", name, stmt.TypeText(p.Types), p.Default)
	}
	for _, line := range s.lines {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	return b.String()
}

func (s *source) template() (firewall.Template, error) {
	t := firewall.Template{Name: s.name, Params: s.params}
	for i, line := range s.lines {
		parsed, err := stmt.Parse(line)
		if err != nil {
			return t, fmt.Errorf("%q: %w", line, err)
		}
		t.FromGuest = append(t.FromGuest, firewall.Statement{Stmt: parsed, Where: fmt.Sprintf("%s:%d", s.name, i+1)})
	}
	t.ToGuest = t.FromGuest
	return t, nil
}

// library is templates by their names.
func templatesOf(sources []source) (map[string]firewall.Template, error) {
	all := make(map[string]firewall.Template, len(sources))
	for _, s := range sources {
		t, err := s.template()
		if err != nil {
			return nil, err
		}
		all[s.name] = t
	}
	return all, nil
}

// knownFields are all fields that statements have: what the parser says there is, and what the corpus has of raw payload and
// questions to the routing tables, of which there is no end.
func knownFields(t testing.TB, accept func(f *stmt.Field) bool) []*stmt.Field {
	t.Helper()
	byName := make(map[string]*stmt.Field)
	for _, head := range wordsBetween(t, "nosuch 1", "expected a field (", ")") {
		if head == "fib" || stmt.FieldByName(head) != nil {
			continue
		}
		for _, rest := range wordsBetween(t, head, "needs one of ", "\x00") {
			if f := stmt.FieldByName(head + " " + rest); f != nil {
				byName[f.Name] = f
			}
		}
	}
	if len(byName) < 90 {
		t.Fatalf("the parser tells of %d fields only", len(byName))
	}
	data, err := os.ReadFile("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		s, err := stmt.Parse(strings.TrimSpace(line))
		if err != nil {
			continue // a comment
		}
		for _, it := range s.Items {
			if m, ok := it.(stmt.Match); ok {
				for _, f := range m.Fields {
					byName[f.Name] = f
				}
			}
		}
	}
	var list []*stmt.Field
	for _, f := range byName {
		if accept(f) {
			list = append(list, f)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// wordsBetween is the list that the parser's complaint about a line holds between two marks.
func wordsBetween(t testing.TB, line, before, after string) []string {
	t.Helper()
	_, err := stmt.Parse(line)
	if err == nil {
		t.Fatalf("%q is no mistake", line)
	}
	_, rest, ok := strings.Cut(err.Error(), before)
	if !ok {
		t.Fatalf("%q: %v", line, err)
	}
	list, _, _ := strings.Cut(rest, after)
	return strings.Split(list, ", ")
}

// bridgeFields are those that this kernel has in the bridge family.
func bridgeFields(f *stmt.Field) bool {
	return f.Base != stmt.Ct && f.Base != stmt.Fib && (f.Base != stmt.Meta || f.Meta != stmt.MetaIbrname && f.Meta != stmt.MetaObrname)
}

// newForge makes frames and takes them for the values of what it makes.
func newForge(rng *rand.Rand, fields []*stmt.Field, family packet.Family, c *cast) *forge {
	g := &forge{rng: rng, fields: fields, family: family, own: guestPort}
	for len(g.frames) < 200 {
		g.frames = append(g.frames, c.frame(rng, c.mac[:], c.far))
	}
	return g
}

// options are what a forged statement may hold besides matches of the forge's fields.
type options struct {
	reject, log, tracks bool
	any                 bool // also what nft would not keep as it is
}

// params are those that every forged template declares, and as what a statement uses them.
func (g *forge) params() map[string]firewall.Param {
	types := func(t ...stmt.Type) []stmt.Type { return t }
	return map[string]firewall.Param{
		"net": {Types: types(stmt.TypePrefix), Default: pick(g.rng, []string{"192.0.2.0/24"}, []string{"198.51.100.5", "2001:db8::/32"}, []string{"fe80::/10", "::"},
			[]string{"192.0.2.0/25", "192.0.2.200", "10.0.0.0/8"})},
		"port":  {Types: types(stmt.TypePortRange), Default: pick(g.rng, []string{"53"}, []string{"22", "80-443"}, []string{"0-1023"}, []string{"67", "68", "547"})},
		"proto": {Types: types(stmt.TypeProto), Default: pick(g.rng, []string{"tcp"}, []string{"udp", "icmp"}, []string{"1-17"})},
		"flag":  {Types: types(stmt.TypeBool), Default: []string{pick(g.rng, "true", "false")}},
		"kind":  {Types: types(stmt.TypeEnum), Default: []string{pick(g.rng, "strict", "loose")}},
		"rate":  {Types: types(stmt.TypeRate), Default: []string{"1000000/second burst 100000 packets"}},
	}
}

func (g *forge) words() map[string]string {
	return map[string]string{"net": "$net", "port": "$port", "proto": "$proto"}
}

// statement is one that can be parsed.
func (g *forge) statement(o options, inner []string) string {
	for {
		line := g.attempt(o, inner)
		if s, err := stmt.Parse(line); err == nil && (o.any || kept(&s)) {
			return line
		}
	}
}

func (g *forge) attempt(o options, inner []string) string {
	g.frame = pick(g.rng, g.frames...)
	var words []string
	if chance(g.rng, 8) {
		words = append(words, pick(g.rng, "if $flag", "if not $flag", "if $kind == strict", "if $kind != strict"))
	}
	if len(inner) > 0 && chance(g.rng, 15) {
		words = append(words, "include "+pick(g.rng, inner...))
		if chance(g.rng, 60) {
			words = append(words, "with", pick(g.rng, "port = { 1-1024, 5353 }", "net = $net, flag = true", "kind = strict, proto = udp", "net = 192.0.2.7, port = $port"))
		}
		return strings.Join(words, " ")
	}
	for range pick(g.rng, 0, 1, 1, 1, 1, 2, 2, 3) {
		words = append(words, g.comparison(g.words()))
	}
	for range pick(g.rng, 0, 0, 0, 1, 2) {
		words = append(words, g.action(o))
	}
	if chance(g.rng, 10) {
		words = append(words, g.comparison(g.words()))
	}
	verdicts := []string{"drop", "drop", "drop", "drop", "drop", "accept", "accept", "return", "continue", "", "counter", "mark set " + g.mark()}
	if o.reject {
		verdicts = append(verdicts, "reject", "reject with tcp reset", "reject with icmp host-unreachable", "reject with icmpv6 no-route", "reject with icmpx admin-prohibited")
	}
	if v := pick(g.rng, verdicts...); v != "" {
		words = append(words, v)
	}
	if chance(g.rng, 5) {
		words = append(words, pick(g.rng, `comment "a, b; c"`, "comment why"))
	}
	return strings.Join(words, " ")
}

func (g *forge) mark() string { return pick(g.rng, "0", "1", "2", "3", "0x10000", "0x10001") }

func (g *forge) action(o options) string {
	keys := []string{"ip saddr", "ether saddr . ip daddr", "$interface", "$interface . ip6 saddr", "th dport", "arp saddr ip", "icmp type", "meta l4proto . ip saddr . th sport"}
	list := []string{
		"counter", "counter packets 0 bytes 0", "mark set " + g.mark(), "mark set " + g.mark(), "meta priority set " + pick(g.rng, "1:2", "0:1", "none", "ffff:1"),
		"limit rate 1000000/second burst 100000 packets", "limit rate $rate", "limit rate over 1000000/second burst 100000 packets", "limit rate 4000 mbytes/second",
	}
	// What a set keeps, and of what, is the same wherever it is named.
	each := []string{"counter", "limit rate 1000000/second burst 50000 packets", "limit rate over 1000000/hour burst 60000 packets"}
	k, e := g.rng.IntN(len(keys)), g.rng.IntN(len(each))
	list = append(list, fmt.Sprintf("%s @k%d-%d { %s %s%s }", pick(g.rng, "update", "add"), k, e, keys[k], pick(g.rng, "", "timeout 2h ", "timeout 90s "), each[e]))
	if o.log {
		list = append(list, "log", `log prefix "a b: "`, "log level debug", "log group 7", `log prefix "x" group 3 snaplen 64 queue-threshold 2`, "log level notice flags tcp sequence",
			"log flags all", "log flags ip options")
	}
	if o.tracks {
		list = append(list, "ct mark set "+g.mark(), "ct count over 1000000", "ct count 1000000", "add @conns { $interface ct count over 100000 }")
	}
	return pick(g.rng, list...)
}

// forged are templates: a few that others include, then n for lists of rules.
func (g *forge) forged(n int, o options) (sources []source, tops []string) {
	var inner []string
	for i := range 2 {
		s := source{name: fmt.Sprintf("inner%d", i), params: g.params()}
		for range 1 + g.rng.IntN(3) {
			s.lines = append(s.lines, g.statement(o, inner))
		}
		inner = append(inner, s.name)
		sources = append(sources, s)
	}
	for i := range n {
		s := source{name: fmt.Sprintf("t%04d", i), params: g.params()}
		for range pick(g.rng, 1, 1, 2, 3, 5) {
			s.lines = append(s.lines, g.statement(o, inner))
		}
		sources, tops = append(sources, s), append(tops, s.name)
	}
	return sources, tops
}
