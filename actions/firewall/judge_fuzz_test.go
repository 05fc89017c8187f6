package firewall_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/stmt"
)

// FuzzJudge takes any lines for a template, and any bytes for a frame: what can be compiled judges, for guests of all sorts and in both
// directions, by one of the three verdicts, and twice the same.
func FuzzJudge(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := newCast()
	g := newForge(rng, knownFields(f, func(*stmt.Field) bool { return true }), 0, c)
	for _, data := range g.frames[:60] {
		var lines []string
		for range 1 + rng.IntN(3) {
			lines = append(lines, g.statement(options{reject: true, log: true, tracks: true, any: true}, nil))
		}
		f.Add(strings.Join(lines, "\n"), data, uint8(rng.IntN(8)))
	}
	params := g.params()
	f.Fuzz(func(t *testing.T, text string, data []byte, how uint8) {
		routed, toGuest := how&1 != 0, how&2 != 0
		s := source{name: "fuzzed", params: params}
		for line := range strings.Lines(text) {
			if _, err := stmt.Parse(strings.TrimSpace(line)); err == nil {
				s.lines = append(s.lines, strings.TrimSpace(line))
			}
		}
		all, err := templatesOf([]source{s})
		if err != nil {
			t.Fatal(err)
		}
		list := firewall.List{Refs: []firewall.Ref{{Template: s.name}}, Routed: routed}
		p, err := firewall.Compile(firewall.Config{Templates: all, Lists: []firewall.List{list}})
		if err != nil {
			return // an unknown parameter, or another that does not fit
		}
		guest, err := c.identity(p, list, rand.New(rand.NewPCG(uint64(how), 0)))
		if err != nil {
			t.Fatal(err)
		}
		in := firewall.Traffic{ToGuest: toGuest, Frame: data, Other: farPort, Bridge: bridgeIf}
		if how&4 != 0 {
			in.Hosts = c.hosts
		}
		j := p.Judge(guest, in)
		switch j.Verdict {
		case stmt.Accept, stmt.Drop, stmt.Rejected:
		default:
			t.Errorf("the verdict is %v", j.Verdict)
		}
		if again := p.Judge(guest, in); !reflect.DeepEqual(j, again) {
			t.Errorf("judged once %+v, and once %+v", j, again)
		}
		if j.Unseen != "" && (j.Verdict != stmt.Drop || len(j.Steps) > 0) {
			t.Errorf("nobody sees it (%s), and yet %v", j.Unseen, j)
		}
		if d := j.Decider(); d != nil && d.Source.Verdict != j.Verdict && j.Verdict != stmt.Drop { // a reject that nobody can send is a drop
			t.Errorf("%q decides, and the verdict is %v", d.Rule, j.Verdict)
		}
	})
}
