package lint

import (
	"fmt"
	"strings"
	"testing"

	"vifd/internal/testhost"
	"vifd/rules"
)

// many is a set of n rules, of whatever kinds users make many of: a rule for each domain, range, network or beginning of a MAC.
func many(n int, form string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: r%d, match: {interface: \"vif*\", %s}, block: true}\n", i, fmt.Sprintf(form, i))
	}
	return b.String()
}

// forms are matches of which no two cover each other.
var forms = map[string]string{
	"domains":    `domain: "web-%d"`,
	"beginnings": `domain: "web-%d.*"`,
	"endings":    `domain: "*.web-%d"`,
	"numbers":    `vifid: %d`,
	"ranges":     `group: "1%[1]d0-1%[1]d9"`,
	"properties": `kind: veth, driver: "d*", env.X: "%d"`,
	"guarded":    `kind: vif, domain: "web-%d", not: {mac: "00:16:3e:ff:*"}`,
}

// TestManyRules: what is compared grows with the rules and not with their square.
func TestManyRules(t *testing.T) {
	const n, each = 2000, 20
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			l := linter{set: loadAlone(t, many(n, form)), dead: map[int]string{}}
			l.neverReached()
			if l.compared > each*n || len(l.found) > 0 {
				t.Errorf("%d pairs were compared for %d rules; %d problems", l.compared, n, len(l.found))
			}
		})
	}
}

// TestOddRules: where nothing tells rules apart but a pattern that no index finds, comparing ends.
func TestOddRules(t *testing.T) {
	l := linter{set: loadAlone(t, many(2500, `domain: "*-%d-*"`)), dead: map[int]string{}}
	l.neverReached()
	if l.compared <= maxCompared || len(l.found) > 0 {
		t.Errorf("%d pairs were compared, %d problems", l.compared, len(l.found))
	}
}

// costly are n globs, each of which takes long to tell from those with another end, and to find in them.
func costly(n int, form, end string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%q", strings.Repeat(form, 60)+string(rune('b'+i%20))+string(rune('b'+i/20))+end))
	}
	return strings.Join(list, ", ")
}

// TestCostlyGlobs: what globs take grows no faster than their number, once it is much: of those behind nothing is said.
func TestCostlyGlobs(t *testing.T) {
	const few, times, margin = 24, 4, 2
	const form = "rules: [{name: r, match: {domain: [%s], not: {domain: [%s]}}, block: true}]"
	for _, glob := range []string{"*a", "*[a-m]", "*[ace-gi-km]"} {
		t.Run(glob, func(t *testing.T) {
			small := loadAlone(t, fmt.Sprintf(form, costly(few, glob, ""), costly(few, glob, "z")))
			large := loadAlone(t, fmt.Sprintf(form, costly(times*few, glob, ""), costly(times*few, glob, "z")))
			testhost.Growth(t, times, margin, func(more bool) {
				set := small
				if more {
					set = large
				}
				if found := Check(set, Options{}); len(found) > 1 {
					t.Errorf("%+v", found)
				}
			})
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, form := range forms {
		b.Run(name, func(b *testing.B) {
			set, _ := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(many(10_000, form))})
			for b.Loop() {
				Check(set, Options{})
			}
		})
	}
}
