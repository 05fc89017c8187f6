package firewall_test

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/packet"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

// guestPort is the guest's interface in random rule sets.
const guestPort = "vif1.0"

// TestGeneratedRuleSetsListAsWritten is TestStatementsListAsWritten for rule sets that nobody has thought of: what vifd puts into the kernel
// and what nft puts there, given vifd's text or, of a rule set of one statement, the author's words, must list alike. Half of
// them are for bridged guests, half for routed ones.
func TestGeneratedRuleSetsListAsWritten(t *testing.T) {
	t.Parallel()
	const sets = 1000
	seed := forgeSeed(t)
	for _, routed := range []bool{false, true} {
		t.Run(fmt.Sprintf("routed %v", routed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(len(t.Name()))))
			family, accept, o := packet.Bridge, bridgeFields, options{log: true}
			if routed {
				family, accept, o = packet.Inet, func(f *stmt.Field) bool { return true }, options{log: true, reject: true, tracks: true}
			}
			g := newForge(rng, knownFields(t, accept), family, newCast())
			sources, tops := g.forged(sets/2, o)
			listAlike(t, sources, tops, routed)
		})
	}
}

// forgeSeed is what all that is random in a test comes from: always the same, but in a soak, which looks for what nobody has seen yet.
// VIFD_SEED=… shows a failure again.
func forgeSeed(t *testing.T) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("VIFD_SEED"), 10, 64)
	switch {
	case err == nil:
	case os.Getenv("VIFD_SOAK") != "":
		seed = uint64(time.Now().UnixNano())
	default:
		seed = 1
	}
	t.Logf("VIFD_SEED=%d", seed)
	return seed
}

func listAlike(t *testing.T, sources []source, tops []string, routed bool) {
	t.Helper()
	written := make(map[string]string)
	text := make(map[string]string)
	for _, s := range sources {
		text[s.name] = s.String()
		if len(s.lines) == 1 && nftTakes(s.lines[0]) {
			written[s.name] = s.lines[0]
		}
	}
	p := forgedProgram(t, sources, tops, routed)
	ours, theirs, authors := testhost.New(t), testhost.New(t), testhost.New(t)
	table := open(t, ours)
	if _, err := table.Install(p, nil, nil); err != nil {
		for _, e := range flatten(err) {
			var refusal *nft.Error
			if errors.As(e, &refusal) {
				t.Errorf("the kernel refuses %q: %v", refusal.Rule, e)
			}
		}
		t.Fatal(err)
	}
	loadForged(t, theirs, p.String())
	loadForged(t, authors, (&corpus{written: written}).asWritten(p.String()))
	got := decimal(chainsOf(t, ours))
	for who, h := range map[string]*testhost.Host{"vifd's text": theirs, "the author's words": authors} {
		want := decimal(chainsOf(t, h))
		for name, list := range want {
			if got[name] != list {
				ours, nfts := onlyIn(got[name], list), onlyIn(list, got[name])
				t.Errorf("chain %s: vifd's lists as\n%s nft's, of %s, as\n%s%s", name, ours, who, nfts, text[strings.Split(name, "/")[1]])
			}
		}
		if len(got) != len(want) {
			t.Errorf("vifd made %d chains, nft %d", len(got), len(want))
		}
	}
	if wrote, err := table.Install(p, nil, nil); wrote || err != nil {
		t.Errorf("installing the same again: wrote %v, %v", wrote, err)
	}
	again, err := firewall.OpenTable(testhost.Dial(t, ours, nft.Dial))
	if err != nil {
		t.Fatal(err)
	}
	if wrote, err := again.Install(forgedProgram(t, sources, tops, routed), nil, nil); wrote || err != nil {
		t.Errorf("installing the same after a restart: wrote %v, %v", wrote, err)
	}
	t.Logf("%d rule sets, %d chains, %d rules", len(tops), len(got), p.Rules())
}

// decimal takes out a difference in the lists: nft writes raw payload in a set of vifd's in decimal, and in its own, where it
// keeps what the set was made of, in hexadecimal.
func decimal(chains map[string]string) map[string]string {
	for name, list := range chains {
		chains[name] = sortSets(hexadecimal.ReplaceAllStringFunc(list, func(s string) string {
			n, _ := new(big.Int).SetString(s, 0)
			return n.String()
		}))
	}
	return chains
}

var hexadecimal = regexp.MustCompile(`\b0x[0-9a-f]+\b`)

// nftTakes reports whether nft has words for everything in a line: not for an include or a condition, and of a concatenation
// it takes no value without braces.
func nftTakes(line string) bool {
	s, _ := stmt.Parse(line) // it has been parsed before
	for _, it := range s.Items {
		switch it := it.(type) {
		case stmt.Match:
			if len(it.Fields) > 1 && !it.Value.Set {
				return false
			}
		case stmt.Update:
			return false // nobody has declared its set
		}
	}
	return s.Include == nil && s.When == nil && !strings.Contains(line, " / ") // of one flag it does not see the mask's end
}

// onlyIn are the lines of a that are not in b.
func onlyIn(a, b string) string {
	var out strings.Builder
	for line := range strings.Lines(a) {
		if !strings.Contains(b, line) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// loadForged is loadText, but says only which lines nft does not take.
func loadForged(t *testing.T, h *testhost.Host, program string) {
	t.Helper()
	for _, text := range scripts(program, 150) {
		loadLines(t, h, strings.Split(strings.TrimSuffix(text, "\n"), "\n"))
	}
}

// loadLines gives nft lines, and again without those that it does not take.
func loadLines(t *testing.T, h *testhost.Host, lines []string) {
	t.Helper()
	for range 20 {
		script := h.Command("nft", "-f", "-")
		script.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		out, err := script.CombinedOutput()
		if err == nil {
			return
		}
		refused := refusals.FindAllStringSubmatch(string(out), -1)
		if len(refused) == 0 {
			t.Fatalf("nft: %v\n%s", err, out)
		}
		for _, r := range refused {
			n, _ := strconv.Atoi(r[1])
			if line := strings.TrimSpace(lines[n-1]); line != "" {
				t.Errorf("nft does not take: %s\n%s", line, r[2])
			}
			lines[n-1] = ""
		}
	}
	t.Fatal("nft takes none of it")
}

// refusals are nft's, each with its line and why.
var refusals = regexp.MustCompile(`/dev/stdin:(\d+):[0-9-]+: (Error: .*)`)

func forgedProgram(t *testing.T, sources []source, tops []string, routed bool) *firewall.Program {
	t.Helper()
	all, err := templatesOf(sources)
	if err != nil {
		t.Fatal(err)
	}
	var lists []firewall.List
	for _, names := range tops {
		lists = append(lists, forgedList(names, routed))
	}
	p, err := firewall.Compile(firewall.Config{Templates: all, Lists: lists})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// forgedList is a list of templates, written with spaces between them.
func forgedList(names string, routed bool) firewall.List {
	list := firewall.List{Routed: routed}
	for name := range strings.FieldsSeq(names) {
		list.Refs = append(list.Refs, firewall.Ref{Template: name})
	}
	return list
}
