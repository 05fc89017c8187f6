package lint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// facts are a vif's, as vif.Source has them.
type facts map[string][]string

func (f facts) Values(key string) []string { return f[key] }

// values are those of which random matches and vifs are made: few, so that they meet.
var values = map[string]struct{ patterns, facts []string }{
	"interface": {[]string{"vif*", "vif1.*", "vif1.0", "vif2.0", "*", "tap*", "vif?.0", "vif[12].*", "*.0", "vif*.1", "*-emu"}, []string{"vif1.0", "vif1.0-emu", "vif1.1", "vif2.0", "vif3.0", "tap1"}},
	"domid":     {[]string{"1", "2", "1-2", "2-9", "0-32000", "3"}, []string{"1", "2", "3", "9", "10"}},
	"vifid":     {[]string{"0", "1", "0-1", "1-7"}, nil},
	"domain":    {[]string{"web-*", "web-1", "db-1", "*", "*-1", "?*"}, []string{"web-1", "web-2", "db-1"}},
	"ip":        {[]string{"192.0.2.0/24", "192.0.2.0/28", "192.0.2.7", "10.0.0.0/8", "10.1.*", "192.0.2.*", "*"}, []string{"192.0.2.7", "192.0.2.99", "10.0.0.1", "10.1.0.1", "192.0.2.0/28", "10.1.0.0/16"}},
	"mac":       {[]string{`"00:16:3e:*"`, `"00:16:3e:00:00:01"`, `"*:01"`}, []string{"00:16:3e:00:00:01", "00:16:3E:00:00:02", "52:54:00:00:00:01"}},
}

func randomRules(r *rand.Rand) string {
	terms := func(most int) string {
		var list []string
		for _, key := range []string{"interface", "domid", "vifid", "domain", "ip", "mac"} {
			if r.IntN(5) >= most {
				continue
			}
			var patterns []string
			for range 1 + r.IntN(2) {
				p := values[key].patterns[r.IntN(len(values[key].patterns))]
				if p[0] != '"' {
					p = `"` + p + `"`
				}
				patterns = append(patterns, p)
			}
			list = append(list, fmt.Sprintf("%s: [%s]", key, strings.Join(patterns, ", ")))
		}
		return strings.Join(list, ", ")
	}
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 2 + r.IntN(8) {
		match := terms(2)
		if match == "" {
			match = `interface: "vif*"`
		}
		if not := terms(1); not != "" {
			match += ", not: {" + not + "}"
		}
		fmt.Fprintf(&b, "  - {name: r%d, match: {%s}, block: true}\n", i, match)
	}
	return b.String()
}

// randomFacts are of a vif whose name tells its domid, as a host's do; some facts have two values, or nobody knows them.
func randomFacts(r *rand.Rand) facts {
	f := facts{}
	for _, key := range []string{"interface", "domain", "ip", "mac"} {
		of := values[key].facts
		if key != "interface" && r.IntN(4) == 0 {
			continue
		}
		f[key] = []string{of[r.IntN(len(of))]}
		if (key == "ip" || key == "mac") && r.IntN(3) == 0 {
			f[key] = append(f[key], of[r.IntN(len(of))])
		}
	}
	if name, ok := vif.ParseXenName(f["interface"][0]); ok {
		f["domid"], f["vifid"] = []string{fmt.Sprint(name.Domid)}, []string{fmt.Sprint(name.Vifid)}
	}
	return f
}

// TestDeadRulesNeverWin: what is said never to decide does not, for any vif, by the word of who decides (package matcher). And what is
// said at all is shown to be something: of the rules that no vif reaches, many are named.
func TestDeadRulesNeverWin(t *testing.T) {
	named, silent := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		set := loadAlone(t, randomRules(r))
		dead := map[rules.Pos]string{}
		l := linter{set: set, dead: map[int]string{}}
		for _, find := range []func(*linter){(*linter).neverHolds, (*linter).neverReached} {
			find(&l)
		}
		for i, why := range l.dead {
			dead[set.Rules[i].Pos] = why
		}
		m := matcher.New(set)
		won := map[rules.Pos]bool{}
		for range 300 {
			f := randomFacts(r)
			winner := m.Match(vif.NewFacts(f))
			if winner == nil {
				continue
			}
			won[winner.Pos] = true
			if why := dead[winner.Pos]; why != "" {
				t.Fatalf("seed %d: rule %s is said never to decide, since %s, and decides about %v", seed, winner.Name, why, f)
			}
		}
		for i := range set.Rules {
			switch pos := set.Rules[i].Pos; {
			case dead[pos] != "":
				named++
			case !won[pos]:
				silent++
			}
		}
	}
	if named < 100 || silent > 4*named {
		t.Errorf("%d rules are named, %d others never won", named, silent)
	}
}
