package matcher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vifd/internal/vif"
	"vifd/rules"
)

// shape is many rules of one kind, and the facts of which rule i is to win.
type shape struct {
	name  string
	terms func(i int) []string // key, pattern, key, pattern …
	facts func(i int) map[string]string
}

var shapes = []shape{
	{"interfaces", func(i int) []string { return []string{"interface", vifName(i)} }, func(i int) map[string]string {
		return map[string]string{"interface": vifName(i)}
	}},
	{"a term that all share", func(i int) []string { return []string{"interface", "vif*", "domain", web(i)} }, func(i int) map[string]string {
		return map[string]string{"interface": "vif7.0", "domain": web(i)}
	}},
	{"a term that all share, last", func(i int) []string { return []string{"domain", web(i), "interface", "vif*"} }, func(i int) map[string]string {
		return map[string]string{"interface": "vif7.0", "domain": web(i)}
	}},
	{"beginnings", func(i int) []string { return []string{"domain", web(i) + "-*"} }, func(i int) map[string]string {
		return map[string]string{"domain": web(i) + "-a"}
	}},
	{"ends", func(i int) []string { return []string{"domain", "*-" + web(i)} }, func(i int) map[string]string {
		return map[string]string{"domain": "a-" + web(i)}
	}},
	{"beginnings that all share", func(i int) []string { return []string{"interface", "vif*." + strconv.Itoa(i)} }, func(i int) map[string]string {
		return map[string]string{"interface": "vif3." + strconv.Itoa(i)}
	}},
	{"ranges", func(i int) []string { return []string{"domid", fmt.Sprintf("%d-%d", 3*i, 3*i+2)} }, func(i int) map[string]string {
		return map[string]string{"domid": strconv.Itoa(3*i + 1)}
	}},
	{"MACs", func(i int) []string { return []string{"mac", macOf(i)} }, func(i int) map[string]string {
		return map[string]string{"mac": macOf(i)}
	}},
	{"UUIDs", func(i int) []string { return []string{"uuid", fmt.Sprintf("0000000a-0000-0000-0000-%012d", i)} }, func(i int) map[string]string {
		return map[string]string{"uuid": fmt.Sprintf("0000000A-0000-0000-0000-%012d", i)}
	}},
	{"networks", func(i int) []string { return []string{"ip", fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)} }, func(i int) map[string]string {
		return map[string]string{"ip": fmt.Sprintf("10.%d.%d.9", i>>8, i&255)}
	}},
	{"one domain", func(i int) []string { return []string{"domain", "web", "vifid", strconv.Itoa(i)} }, func(i int) map[string]string {
		return map[string]string{"domain": "web", "vifid": strconv.Itoa(i)}
	}},
	{"no index", func(i int) []string { return []string{"domain", "*." + strconv.Itoa(i) + ".*"} }, func(i int) map[string]string {
		return map[string]string{"domain": "a." + strconv.Itoa(i) + ".b"}
	}},
}

func vifName(i int) string { return "vif" + strconv.Itoa(i) + ".0" }
func web(i int) string     { return "web-" + strconv.Itoa(i) }
func macOf(i int) string   { return fmt.Sprintf("00:16:3e:%02x:%02x:%02x", i>>16, i>>8&255, i&255) }

// many makes n rules of a shape, and one behind them that matches whatever is left.
func (s *shape) many(t *testing.T, n int) *Matcher {
	t.Helper()
	set := &rules.Set{Rules: make([]rules.Rule, 0, n+1)}
	for i := range n {
		r := rules.Rule{Name: strconv.Itoa(i)}
		for pair := range slices.Chunk(s.terms(i), 2) {
			r.Match.Terms = append(r.Match.Terms, term(t, pair[0], pair[1]))
		}
		r.Match.Not = []rules.Term{term(t, "alias", "none*")}
		set.Rules = append(set.Rules, r)
	}
	set.Rules = append(set.Rules, rules.Rule{Name: "rest"})
	return New(set)
}

func term(t *testing.T, key, pattern string) rules.Term {
	t.Helper()
	p, err := rules.ParsePattern(key, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Term{Key: key, Patterns: []rules.Pattern{p}}
}

// TestShapes: of many rules of each shape the right one wins, and once its facts are known a match allocates nothing.
func TestShapes(t *testing.T) {
	const n = 2_000
	for _, s := range shapes {
		m := s.many(t, n)
		for _, i := range []int{0, 1, 1_234, n - 1, n + 1} {
			source := given(s.facts(i))
			f := vif.NewFacts(source)
			want := strconv.Itoa(i)
			if i > n {
				want = "rest"
			}
			if r := m.Match(f); r.Name != want {
				t.Errorf("%s: rule %s wins, want %s", s.name, r.Name, want)
			}
			if allocs := testing.AllocsPerRun(20, func() { m.Match(f) }); allocs != 0 {
				t.Errorf("%s: %v allocations", s.name, allocs)
			}
		}
	}
}

// TestNoRuleIsTriedInVain pins what makes a match fast, without a clock: an index names the one term that holds, of all that the
// rules of a shape begin with, or go on with.
func TestNoRuleIsTriedInVain(t *testing.T) {
	const n = 2_000
	for _, s := range shapes {
		m := s.many(t, n)
		tried := 0
		for _, g := range m.index.groups {
			if g.indexes == nil {
				continue
			}
			q := queue{lists: m.index.lists}
			g.find(vif.NewFacts(given(s.facts(n-1))), &q)
			for {
				if _, _, ok := q.next(span{}, false); !ok {
					break
				}
				tried++
			}
		}
		if limit := map[bool]int{false: 3, true: n}[s.name == "no index"]; tried < 1 || tried > limit {
			t.Errorf("%s: %d terms are tried", s.name, tried)
		}
	}
}

// TestFactsOfOthersAreNotRead: a fact is read when the first rule that needs it is come to, and not for the sake of an index.
func TestFactsOfOthersAreNotRead(t *testing.T) {
	set := &rules.Set{}
	add := func(name string, terms ...string) {
		r := rules.Rule{Name: name}
		for pair := range slices.Chunk(terms, 2) {
			r.Match.Terms = append(r.Match.Terms, term(t, pair[0], pair[1]))
		}
		set.Rules = append(set.Rules, r)
	}
	for i := range 100 {
		add("front", "interface", vifName(i))
	}
	for i := range 100 {
		add("tap", "interface", "tap"+strconv.Itoa(i), "uuid", "a*")
	}
	for i := range 100 {
		add("middle", "domain", web(i))
		add("late", "interface", vifName(1_000+i), "script", "x")
	}
	add("rest", "bridge", "*")
	m := New(set)
	for _, tt := range []struct {
		facts given
		rule  string
		asked []string
	}{
		{given{"interface": "vif99.0"}, "front", []string{"interface"}},
		{given{"interface": "tap9", "uuid": "abc"}, "tap", []string{"interface", "uuid"}},
		{given{"interface": "vif500.0", "domain": "web-0"}, "middle", []string{"interface", "domain"}},
		{given{"interface": "vif1050.0", "domain": "web-50"}, "middle", []string{"interface", "domain"}},
		{given{"interface": "vif1050.0", "script": "x", "domain": "web-51"}, "late", []string{"interface", "domain", "script"}},
		{given{"interface": "eth0", "bridge": "b"}, "rest", []string{"interface", "domain", "bridge"}},
	} {
		facts := map[string][]string{}
		for key := range tt.facts {
			facts[key] = tt.facts.Values(key)
		}
		source := &recorded{facts: facts}
		if r := m.Match(vif.NewFacts(source)); r.Name != tt.rule || !slices.Equal(source.asked, tt.asked) {
			t.Errorf("%v: rule %s wins, asked for %q; want %s, %q", tt.facts, r.Name, source.asked, tt.rule, tt.asked)
		}
	}
}

// TestManyListsAtOnce: a queue that has outgrown its first room goes on as before. Every beginning of the domain is a list of its own.
func TestManyListsAtOnce(t *testing.T) {
	const n = 5 * inline
	set := &rules.Set{}
	long := strings.Repeat("x", n)
	for i := range 3 * n { // the longest first, so that the queue is not filled in its order
		r := rules.Rule{Name: strconv.Itoa(i)}
		r.Match.Terms = []rules.Term{term(t, "domain", long[:n-i%n]+"*"), term(t, "kind", "k"+strconv.Itoa(i))}
		set.Rules = append(set.Rules, r)
	}
	m := New(set)
	for _, i := range []int{0, inline, n, 3*n - 1, 3 * n} {
		facts := map[string][]string{"domain": {long}, "kind": {"k" + strconv.Itoa(i)}}
		if got := agree(t, m, facts); got != i && (i < 3*n || got >= 0) {
			t.Errorf("rule %d wins, want %d", got, i)
		}
	}
	if got := agree(t, m, map[string][]string{"domain": {long[:inline+8]}, "kind": {"k" + strconv.Itoa(n-1)}}); got != n-1 {
		t.Errorf("rule %d wins, want %d", got, n-1)
	}
}

// TestMatchersAreShared: one matcher serves many at once.
func TestMatchersAreShared(t *testing.T) {
	const n = 300
	s := shapes[1]
	m := s.many(t, n)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range n {
				if r := m.Match(vif.NewFacts(given(s.facts(i)))); r.Name != strconv.Itoa(i) {
					t.Errorf("rule %s wins, want %d", r.Name, i)
				}
			}
		})
	}
	all.Wait()
}

// TestFirstOfTwoThatHold: rules whose terms have all been found to hold before either is come to still win in their order.
func TestFirstOfTwoThatHold(t *testing.T) {
	set := &rules.Set{}
	for i, terms := range [][]string{{"domain", "a", "type", "z"}, {"script", "b", "type", "z"}, {"domain", "a"}, {"script", "b"}} {
		r := rules.Rule{Name: strconv.Itoa(i)}
		for pair := range slices.Chunk(terms, 2) {
			r.Match.Terms = append(r.Match.Terms, term(t, pair[0], pair[1]))
		}
		set.Rules = append(set.Rules, r)
	}
	if got := agree(t, New(set), map[string][]string{"domain": {"a"}, "script": {"b"}}); got != 2 {
		t.Errorf("rule %d wins, want 2", got)
	}
}

// TestRulesThatNeverWinTakeNoRoom: what stands behind a rule that matches whenever they would is not kept.
func TestRulesThatNeverWinTakeNoRoom(t *testing.T) {
	set := &rules.Set{Rules: []rules.Rule{{Name: "web", Match: rules.Match{Terms: []rules.Term{term(t, "domain", "web-*")}}}}}
	one := len(New(set).index.items)
	for i := range 100 {
		r := rules.Rule{Name: strconv.Itoa(i)}
		r.Match.Terms = []rules.Term{term(t, "domain", "web-*"), term(t, "vifid", strconv.Itoa(i))}
		set.Rules = append(set.Rules, r, set.Rules[0])
	}
	if got := len(New(set).index.items); got != one {
		t.Errorf("%d items, want %d", got, one)
	}
}
