package firewall_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

// corpus is testdata/statements.txt, each statement as a template of its own for both directions.
type corpus struct {
	names     []string
	written   map[string]string // by name, as the author wrote it
	templates map[string]firewall.Template
}

func readCorpus(t *testing.T) *corpus {
	t.Helper()
	data, err := os.ReadFile("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := &corpus{written: make(map[string]string), templates: make(map[string]firewall.Template)}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s, err := stmt.Parse(line)
		if err != nil {
			t.Fatalf("statements.txt:%d: %v", i+1, err)
		}
		name := fmt.Sprintf("s%04d", i+1)
		where := []firewall.Statement{{Stmt: s, Where: fmt.Sprintf("statements.txt:%d", i+1)}}
		c.names = append(c.names, name)
		c.written[name] = line
		c.templates[name] = firewall.Template{Name: name, FromGuest: where, ToGuest: where}
	}
	if len(c.names) < 900 {
		t.Fatalf("the corpus has %d statements only", len(c.names))
	}
	return c
}

// program compiles the statements of these names.
func (c *corpus) program(t *testing.T, names []string, routed bool) *firewall.Program {
	t.Helper()
	var lists []firewall.List
	for _, name := range names {
		lists = append(lists, firewall.List{Refs: []firewall.Ref{{Template: name}}, Routed: routed})
	}
	return compile(t, firewall.Config{Templates: c.templates, Lists: lists})
}

// lacking asks this kernel which statements it cannot carry out, and checks that nft is told the same, and that vifd says
// what the kernel lacks.
func (c *corpus) lacking(t *testing.T, names []string, routed bool) map[string]bool {
	t.Helper()
	h := testhost.New(t)
	err := open(t, h).Check(c.program(t, names, routed))
	lacks := make(map[string]bool)
	for _, e := range flatten(err) {
		var refusal *nft.Error
		if !errors.As(e, &refusal) {
			t.Fatalf("Check() = %v", e)
		}
		_, name, _ := strings.Cut(refusal.What, "template ")
		name, _, _ = strings.Cut(name, ",")
		var lack *firewall.Lack
		if !errors.As(e, &lack) || lack.Option == "" {
			t.Errorf("%s: the refusal does not say what is missing: %v", c.written[name], e)
			continue
		}
		if lacks[name] {
			continue
		}
		lacks[name] = true
		script := fmt.Sprintf("table %s x {\n%schain c {\ntype filter hook prerouting priority 0\n%s\n}\n}\n", lack.Family, declarations(refusal.Rule), refusal.Rule)
		cmd := h.Command("nft", "-c", "-f", "-")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Could not process rule") {
			t.Errorf("%s: the kernel refuses vifd's rule, and not nft's: %s", c.written[name], out)
		}
	}
	return lacks
}

// declarations are those of the sets that a rule fills.
func declarations(rule string) string {
	_, rest, ok := strings.Cut(rule, " @")
	name, key, _ := strings.Cut(rest, " { ")
	if !ok || key == "" {
		return ""
	}
	key, _, _ = strings.Cut(key, " ct count")
	key, _, _ = strings.Cut(key, " limit")
	return fmt.Sprintf("set %s {\ntypeof %s\nsize 9\nflags dynamic\n}\n", name, key)
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// TestStatementsListAsWritten is the oracle for the compiler: what vifd puts into the kernel and what nft puts there when it
// is given the author's words must list alike, in every family. Each statement of the corpus has a chain of its own, in both
// directions. nft is given vifd's text instead where the author's holds what nft has no words for: parameters, the fields of
// neighbour discovery, sets that a statement declares, and a log's default limit.
func TestStatementsListAsWritten(t *testing.T) {
	t.Parallel()
	c := readCorpus(t)
	for _, routed := range []bool{false, true} {
		t.Run(fmt.Sprintf("routed %v", routed), func(t *testing.T) {
			t.Parallel()
			lacks := c.lacking(t, c.names, routed)
			var names []string
			for _, name := range c.names {
				if !lacks[name] {
					names = append(names, name)
				}
			}
			p := c.program(t, names, routed)
			ours, theirs := testhost.New(t), testhost.New(t)
			install(t, open(t, ours), p)
			loadText(t, theirs, c.asWritten(p.String()))
			got, want := chainsOf(t, ours), chainsOf(t, theirs)
			statements := make(map[string]bool)
			for name, text := range want {
				if got[name] != text {
					t.Errorf("chain %s (%s)\n vifd's lists as %s\n nft's as %s", name, c.written[name[strings.LastIndex(name, "/")+1:]], got[name], text)
				}
				statements[name[strings.LastIndex(name, "/")+1:]] = true
			}
			if len(got) != len(want) {
				t.Errorf("vifd made %d chains, nft %d", len(got), len(want))
			}
			t.Logf("%d statements, %d chains compared, %d that this kernel lacks", len(statements), len(want), len(lacks))
		})
	}
}

// asWritten puts the author's words in the place of vifd's wherever nft understands them.
func (c *corpus) asWritten(program string) string {
	var out strings.Builder
	var chain string
	var rules []string
	for line := range strings.Lines(program) {
		name, isChain := strings.CutPrefix(line, "chain ")
		switch {
		case isChain:
			_, chain, _ = strings.Cut(strings.TrimSuffix(name, " {\n"), "/")
			rules = nil
		case line == "}\n" && chain != "":
			written := c.written[chain]
			if len(rules) == 1 && written != "" && !strings.Contains(written, "$") && !strings.Contains(written, "nd ") && !strings.Contains(written, "update") && !strings.Contains(rules[0], "@log-limit") &&
				!strings.Contains(written, "reject") {
				rules = []string{"\t" + written + "\n"}
			}
			out.WriteString(strings.Join(rules, ""))
			chain = ""
		case chain != "":
			rules = append(rules, line)
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// chainsOf is what nft lists of each chain of vifd's tables.
func chainsOf(t *testing.T, h *testhost.Host) map[string]string {
	t.Helper()
	chains := make(map[string]string)
	var name, table string
	for line := range strings.Lines(normalise(sortSets(h.Run(t, "nft", "list", "ruleset")))) {
		if rest, ok := strings.CutPrefix(line, "table "); ok {
			table = strings.TrimSuffix(rest, " {\n")
		}
		if rest, ok := strings.CutPrefix(line, "\tchain "); ok {
			name = table + " " + strings.TrimSuffix(rest, " {\n")
		}
		if name != "" {
			chains[name] += line
		}
		if line == "\t}\n" {
			name = ""
		}
	}
	return chains
}

// normalise takes out what vifd writes on purpose where nft tests the link header: a protocol, which must be seen behind a
// VLAN tag as well; and what it asks of a bridge's frames before it asks for their connection.
func normalise(list string) string {
	return strings.NewReplacer("meta protocol arp arp", "arp", "meta protocol arp iifname", "iifname", "meta protocol arp oifname", "oifname",
		"meta protocol ip6 icmpv6", "icmpv6", "meta protocol ip6 frag", "frag", "meta protocol ip icmp", "icmp",
		"meta protocol { ip, ip6 } ct state", "ct state", "ct state established,related,new ct count", "ct count",
		"ct state established,related,new add @", "add @", "ct state established,related,new update @", "update @").Replace(list)
}
