package matcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vifd/internal/vif"
	"vifd/rules"
)

// TestIndexIsTheLinearScan holds the index against Explain, which goes from rule to rule: on random rules and facts it finds the same
// rule, and reads the same facts in the same order.
func TestIndexIsTheLinearScan(t *testing.T) {
	const cases = 10_000
	var late, lost, indexed int
	for seed := range uint64(cases) {
		r := rand.New(rand.NewPCG(seed, 6))
		w := world{pick: r.IntN, most: 1 + r.IntN(60)}
		m := w.rules()
		for range 4 {
			switch n := agree(t, m, w.facts()); {
			case n < 0:
				lost++
			case n >= 5:
				late++
			}
		}
		for i := range m.index.groups {
			if m.index.groups[i].indexes != nil {
				indexed++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	// Where one of these were rare, little would have been compared.
	if late < cases/4 || lost < cases/4 || indexed < cases/4 {
		t.Errorf("%d times a late rule won, %d times none; %d indexes", late, lost, indexed)
	}
}

// FuzzMatch is the same, with rules and facts that the fuzzer chooses.
func FuzzMatch(f *testing.F) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 6))
		text := make([]byte, 300)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w := world{most: 60, pick: func(n int) int {
			if len(text) == 0 {
				return 0
			}
			c := int(text[0])
			text = text[1:]
			return c % n
		}}
		m := w.rules()
		for range 4 {
			agree(t, m, w.facts())
		}
	})
}

// agree matches by the index and by going from rule to rule, and returns the winner's number, or -1.
func agree(t *testing.T, m *Matcher, facts map[string][]string) int {
	t.Helper()
	byIndex, byScan := &recorded{facts: facts}, &recorded{facts: facts}
	got := m.Match(vif.NewFacts(byIndex))
	steps := m.Explain(vif.NewFacts(byScan))
	var want *rules.Rule
	n := -1
	for i, s := range steps {
		if s.Rule != &m.set.Rules[i] {
			t.Fatalf("step %d is of rule %s", i, s.Rule.Name)
		}
		if s.Failed == nil {
			want, n = s.Rule, i
		}
	}
	if want == nil && len(steps) != len(m.set.Rules) {
		t.Fatalf("no rule won, and %d of %d were tried", len(steps), len(m.set.Rules))
	}
	if got != want {
		t.Errorf("facts %q:\n%s\nMatch() = %s, Explain() says %s", facts, describe(m.set.Rules), named(got), named(want))
	}
	if !slices.Equal(byIndex.asked, byScan.asked) {
		t.Errorf("facts %q:\n%s\nMatch() asked for %q, Explain() for %q", facts, describe(m.set.Rules), byIndex.asked, byScan.asked)
	}
	return n
}

// recorded is a source that notes what it is asked for.
type recorded struct {
	facts map[string][]string
	asked []string
}

func (r *recorded) Values(key string) []string {
	r.asked = append(r.asked, key)
	return r.facts[key]
}

func named(r *rules.Rule) string {
	if r == nil {
		return "none"
	}
	return r.Name
}

func describe(list []rules.Rule) string {
	var b strings.Builder
	terms := func(of []rules.Term, word string) {
		for i := range of {
			fmt.Fprintf(&b, " %s%s:", word, of[i].Key)
			for j := range of[i].Patterns {
				fmt.Fprintf(&b, " %q", of[i].Patterns[j].String())
			}
		}
	}
	for i := range list {
		b.WriteString(list[i].Name)
		terms(list[i].Match.Terms, "")
		terms(list[i].Match.Not, "not ")
		b.WriteByte('\n')
	}
	return b.String()
}

// world makes rules and facts out of few words, so that much matches, and much nearly.
type world struct {
	pick func(n int) int
	most int      // rules
	keys []string // that rules ask for: with few of them groups grow large
}

func (w *world) rules() *Matcher {
	var set rules.Set
	for range 1 + w.pick(4) {
		w.keys = append(w.keys, w.word(keys))
	}
	for i := range 1 + w.pick(w.most) {
		r := rules.Rule{Name: "r" + strconv.Itoa(i)}
		for range []int{0, 1, 2, 2, 3, 3, 3, 3}[w.pick(8)] {
			r.Match.Terms = append(r.Match.Terms, w.term())
		}
		if w.pick(4) == 0 {
			r.Match.Not = append(r.Match.Not, w.term())
		}
		set.Rules = append(set.Rules, r)
	}
	return New(&set)
}

func (w *world) term() rules.Term {
	t := rules.Term{Key: w.word(w.keys)}
	for n := 1 + max(0, w.pick(8)-5); len(t.Patterns) < n; {
		text := w.pattern(t.Key)
		if p, err := rules.ParsePattern(t.Key, text); err == nil {
			t.Patterns = append(t.Patterns, p)
			continue
		}
		p, err := rules.ParsePattern(t.Key, certain[t.Key])
		if err != nil {
			panic(err)
		}
		t.Patterns = append(t.Patterns, p)
	}
	return t
}

// keys has a fact of each kind.
var keys = []string{"interface", "domid", "mac", "ip", "uuid", "domain", "env.A"}

// certain are patterns that parse.
var certain = map[string]string{
	"interface": "vif*", "domid": "7", "mac": "00:16:3e:*", "ip": "192.0.2.0/24", "uuid": "*f", "domain": "a", "env.A": "*b*",
}

func (w *world) word(words []string) string { return words[w.pick(len(words))] }

// text is letters that mean something in a glob, are folded, or are no character.
func (w *world) text(alphabet []string) string {
	var b strings.Builder
	for range w.pick(6) {
		b.WriteString(w.word(alphabet))
	}
	return b.String()
}

var (
	globs     = []string{"a", "b", "a", "B", "ä", "*", "*", "?", "[ab]", "[!a]", `\*`, "."}
	letters   = []string{"a", "b", "a", "B", "ä", "*", "A", "\xc3", "\xa4", "."}
	addresses = []string{"192.0.2.1", "192.0.2.2", "192.0.2.129", "198.51.100.7", "2001:db8::1", "2001:db8:0:1::", "::"}
	lengths   = []string{"", "/32", "/31", "/25", "/24", "/8", "/0", "/128", "/64", "/48"}
)

func (w *world) pattern(key string) string {
	switch key {
	case "interface":
		return w.word([]string{"vif", "tap", "v", "", "*"}) + w.word([]string{"*", "1", "2", "?", "[0-2]", ""}) + w.word([]string{".0", ".1", "*", "", ".*", "*.1"})
	case "domid":
		lo := w.pick(12)
		if w.pick(2) == 0 {
			return strconv.Itoa(lo)
		}
		return fmt.Sprintf("%d-%d", lo, lo+w.pick(6))
	case "mac":
		return w.word([]string{"00:16:3e:", "00:16:3E:", "00:*", "*"}) + w.word([]string{"00:00:01", "00:00:02", "*", "ff:*", "*:01", "?0:00:01"})
	case "ip":
		if w.pick(3) == 0 {
			return w.word([]string{"192.0.2.*", "192.*", "*", "*.1", "2001:db8:*", "*::1", "*/25", "19?.*"})
		}
		return w.word(addresses) + w.word(lengths)
	}
	return w.text(globs)
}

func (w *world) value(key string) string {
	switch key {
	case "interface":
		return w.word([]string{"vif", "tap", "v"}) + w.word([]string{"1", "2", "10", ""}) + w.word([]string{".0", ".1", ""})
	case "domid":
		return w.word([]string{"", "", "", "0", "+"}) + strconv.Itoa(w.pick(18))
	case "mac":
		return w.word([]string{"00:16:3e:", "00:16:3E:", "02:00:00:"}) + w.word([]string{"00:00:01", "00:00:02", "FF:00:01"})
	case "ip":
		return w.word([]string{"", "", "", "", "::ffff:", "x"}) + w.word(addresses) + w.word([]string{"", "", "%eth0", "/32", "/25", "/24", "/128", "/64"})
	}
	return w.text(letters)
}

func (w *world) facts() map[string][]string {
	facts := map[string][]string{}
	for _, key := range keys {
		if w.pick(8) == 0 {
			continue
		}
		facts[key] = nil
		for range 1 + max(0, w.pick(5)-2) {
			facts[key] = append(facts[key], w.value(key))
		}
	}
	return facts
}
