package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// lateField is a value of a rule that facts may decide.
type lateField struct {
	key  string
	rest string // of the rule, with %s for the value
	one  string // two values as a file has them
	two  string
	bad  string // what none can be
}

func lateFields() []lateField {
	list := []lateField{
		{"bridge.vlan.untagged", "bridge: {name: b, vlan: {untagged: %s}}", "10", "4094", "4095"},
		{"bridge.vlan.tagged", "bridge: {name: b, vlan: {tagged: %s}}", "20", "30-40", "40-30"},
		{"bridge.vlan.tagged", "bridge: {name: b, vlan: {untagged: 10, tagged: [20, %s]}}", "30-40", "5", "5-15"},
		{"route.address", "route: {uplink: u, address: %s}", "192.0.2.1", "2001:db8::1", "192.0.2.1/24"},
		{"route.address", "route: {uplink: u, address: [192.0.2.1, %s]}", "192.0.2.2", "2001:db8::1", "192.0.2.1"},
		{"route.proxy", "route: {uplink: u, proxy: %s}", "false", "true", "off"},
		{"route.neighbor", "route: {uplink: u, neighbor: %s}", "true", "false", "1"},
		{"route.metric", "route: {uplink: u, metric: %s}", "5", "2147483648", "2147483649"},
		{"route.table", "route: {uplink: u, table: %s}", "main", "100", "255"},
		{"nat.forward.proto", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: %s, port: 53}}", "tcp", "udp", "sctp"},
		{"nat.forward.port", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: %s}}", "80", "8000-8010", "0"},
		{"nat.forward.port", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: [{proto: tcp, port: 22}, {proto: tcp, port: [443, %s]}]}", "80", "8000", "22"},
		{"nat.forward.to", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 80, to: %s}}", "8080", "80", "80-81"},
		{"nat.forward.from", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 80, from: %s}}", "192.0.2.0/24", "2001:db8::7", "192.0.2.1/24"},
		{"nat.forward.from", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 80, from: [192.0.2.0/24, %s]}}", "198.51.100.7", "2001:db8::/32", "192.0.2.7"},
		{"nat.forward.address", "nat: {uplink: u, subnet: 10.0.0.0/8, forward: {proto: tcp, port: 80, address: %s}}", "192.0.2.1", "2001:db8::1", "fe80::1"},
		{"rate.from-guest", "bridge: b, rate: {from-guest: %s}", "100mbit", "10Mb/s@50ms", "fast"},
		{"rate.from-guest", "bridge: b, rate: {from-guest: %s, burst: 32kb}", "100mbit", "1000000", "10Mb/s@50ms"},
		{"rate.to-guest", "bridge: b, rate: {to-guest: %s}", "1000000", "12.5mbps", "0"},
		{"rate.burst", "bridge: b, rate: {to-guest: 1gbit, burst: %s}", "32kb", "65536", "1"},
		{"rate.burst", "bridge: b, rate: {to-guest: 1gbit, burst: %s}, link: {mtu: 9000}", "32kb", "16kb", "4kb"},
		{"link.mtu", "bridge: b, link: {mtu: %s}", "1400", "9000", "67"},
		{"link.mtu", "bridge: b, rate: {to-guest: 1gbit, burst: 4kb}, link: {mtu: %s}", "1400", "2000", "9000"},
		{"link.txqueuelen", "bridge: b, link: {txqueuelen: %s}", "0", "500", "1000001"},
		{"link.group", "bridge: b, link: {group: %s}", "0", "4294967295", "-1"},
	}
	for _, key := range []string{"create", "isolated", "hairpin", "learning", "flood", "mcast-flood", "neigh-suppress", "guard", "root-block", "static-fdb"} {
		list = append(list, lateField{"bridge." + key, "bridge: {name: b, " + key + ": %s}", "true", "false", "yes"})
	}
	list = append(list, lateField{"bridge.static-fdb", "bridge: {name: b, learning: true, static-fdb: %s}", "false", "false", "true"})
	tables := SchemaTables()
	for _, key := range tables.Offloads {
		list = append(list, lateField{"link.offload." + key, "bridge: b, link: {offload: {" + key + ": %s}}", "on", "off", "true"})
	}
	for _, s := range tables.Sysctls {
		list = append(list, lateField{"link.sysctl." + s.Name, "bridge: b, link: {sysctl: {" + s.Name + ": %s}}", fmt.Sprint(s.Lo), fmt.Sprint(s.Hi), fmt.Sprint(s.Hi + 1)})
	}
	return list
}

const lateHead = "rules:\n- {name: r, match: {interface: a}, "

func (f *lateField) load(value string) (*Set, *Report) {
	return Load(Options{Paths: []string{"t.yaml"}, FS: mapFS("t.yaml", lateHead+fmt.Sprintf(f.rest, value)+"}\n")})
}

func (f *lateField) rule(t *testing.T, value string) *Rule {
	t.Helper()
	set, rep := f.load(value)
	if set == nil {
		t.Fatalf("%s", render(t, rep))
	}
	return &set.Rules[0]
}

// sameRule compares what rules say, not where.
func sameRule(want, got *Rule) string {
	return cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true }),
		cmpopts.IgnoreTypes(Pos{}, &late{}), cmpopts.IgnoreFields(Forward{}, "Late"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}))
}

func known(fact, value string) func(string) (string, bool) {
	return func(asked string) (string, bool) {
		if asked == fact {
			return value, true
		}
		return "", false
	}
}

func nothing(string) (string, bool) { return "", false }

// A value that facts decide is what it would be if it were written down, and what is wrong with it is the same as then.
func TestFill(t *testing.T) {
	tested := map[string]bool{}
	for _, f := range lateFields() {
		tested[f.key] = true
		t.Run(strings.ReplaceAll(f.rest, "/", "|"), func(t *testing.T) {
			one, two := f.rule(t, f.one), f.rule(t, f.two)
			late := f.rule(t, `"${env.X:-`+f.one+`}"`)
			open := f.rule(t, `"${env.X}"`)
			if !late.Late(f.key) || !open.Late(f.key) || one.Late(f.key) {
				t.Errorf("late: %t, without default %t, literal %t", late.Late(f.key), open.Late(f.key), one.Late(f.key))
			}
			for _, tc := range []struct {
				what string
				rule *Rule
				fact func(string) (string, bool)
				want *Rule
			}{
				{"default", late, nothing, one},
				{"empty", late, known("env.X", ""), one},
				{"fact", late, known("env.X", f.two), two},
				{"no default", open, known("env.X", f.two), two},
				{"again", open, known("env.X", f.one), one},
			} {
				got, err := tc.rule.Fill(tc.fact)
				if err != nil {
					t.Errorf("%s: %v", tc.what, err)
					continue
				}
				if diff := sameRule(tc.want, got); diff != "" {
					t.Errorf("%s (-written +filled):\n%s", tc.what, diff)
				}
			}
			f.refuses(t, late)
			f.unset(t, open)
		})
	}
	set, _ := Load(Options{FS: os.DirFS("testdata/good"), Paths: []string{"late.yaml"}})
	for i := range set.Rules {
		for _, s := range set.Rules[i].Substitutions() {
			if !tested[s.Key] {
				t.Errorf("%s is not among the fields", s.Key)
			}
		}
	}
}

// refuses has a fact be nonsense: the error is the one of the same thing in a file, at its place, and names the fact.
func (f *lateField) refuses(t *testing.T, late *Rule) {
	t.Helper()
	_, rep := f.load(f.bad)
	_, byDefault := f.load(`"${env.X:-` + f.bad + `}"`)
	if rep.Errors() != 1 || byDefault.Errors() != 1 {
		t.Fatalf("%s: %s, as a default: %s", f.bad, render(t, rep), render(t, byDefault))
	}
	msg, at := rep.First().Msg, byDefault.First().Pos
	if got := strings.TrimPrefix(byDefault.First().Msg, "with its defaults: "); got != msg {
		t.Errorf("default of nonsense: %s, want %s", got, msg)
	}
	if at.Col > f.col() {
		at.Col += len(f.one) - len(f.bad)
	}
	_, err := late.Fill(known("env.X", f.bad))
	if err == nil {
		t.Fatalf("%s is taken", f.bad)
	}
	if want := fmt.Sprintf("%s: %s (env.X is %q)", at, msg, f.bad); err.Error() != want {
		t.Errorf("%s\nwant %s", err, want)
	}
}

// col is the column of the value, in line 2.
func (f *lateField) col() int {
	return strings.Index(lateHead+f.rest, "%s") - strings.IndexByte(lateHead, '\n')
}

// unset has nobody know the fact.
func (f *lateField) unset(t *testing.T, open *Rule) {
	t.Helper()
	_, err := open.Fill(nothing)
	var unset *UnsetFactError
	if !errors.As(err, &unset) {
		t.Fatalf("nobody knows the fact: %v", err)
	}
	// The substitution stands behind a quote.
	if want := fmt.Sprintf("%s: t.yaml:2:%d: fact \"env.X\" is not known and has no default", f.key, f.col()+1); unset.Fact != "env.X" || err.Error() != want {
		t.Errorf("%s\nwant %s", err, want)
	}
}

// Whatever a fact holds, it is one scalar; and what is said of it is one line.
func TestFillHostile(t *testing.T) {
	for _, f := range lateFields() {
		if strings.HasPrefix(f.key, "link.sysctl.") && f.key != "link.sysctl.ipv6.accept_ra" {
			continue
		}
		rule := f.rule(t, `"${env.X}"`)
		for _, value := range []string{
			"", "~", "null", "{a: b}", "[1, 2]", "a\nb: c", "- 1", "*a", "&a 1", "!!int 5", "'5'", `"5"`, "5 # x", " 5", "5 ", "5\n", "0x10", "1_000", "007", "+5", "1e3",
			".inf", "yes", "on ", "${env.X}", "${domid}", "$${env.X}", "$", "\x00", "\x1b[31m", "fe80::1%\n", "fe80::1%\x1b", "192.0.2.1%x/24", "\xff", "<<",
			strings.Repeat("9", 1000), strings.Repeat("a", 100_000), "\u202e5", "5\u00a0",
		} {
			got, err := rule.Fill(known("env.X", value))
			if err == nil {
				t.Errorf("%s takes %q: %+v", f.key, value, got)
				continue
			}
			if text := err.Error(); !strings.HasPrefix(text, "t.yaml:2:") || !strings.Contains(text, "(env.X is ") || text != printable(text) || len(text) > 1000 {
				t.Errorf("%s of %q: %q", f.key, value, text)
			}
		}
	}
}

// A problem of two values names the facts of both, and of other values none.
func TestFillNamesFacts(t *testing.T) {
	const text = `rules:
- name: r
  match: {interface: a}
  bridge: {name: b, static-fdb: "${env.A}", learning: "${env.B:-true}", guard: "${env.C:-true}", vlan: {untagged: "${env.D:-1}${env.E}", tagged: "${env.F:-2}-${env.G:-20}"}}
  rate: {to-guest: "${env.H:-1mbit}", burst: "${env.I:-2kb}"}
  link: {mtu: "${env.J:-1500}"}
`
	rule := &mustLoad(t, text).Rules[0]
	usual := map[string]string{"env.A": "false", "env.E": ""}
	for _, tc := range []struct{ fact, value, want string }{
		{"env.A", "true", `t.yaml:4:55: static-fdb switches learning off, and learning: true contradicts it (env.A is "true", nobody knows env.B, and its default is "true")`},
		{"env.E", "0", `t.yaml:4:146: vlan 10 is untagged, and cannot be tagged as well (nobody knows env.D, and its default is "1", env.E is "0", nobody knows env.F, and its default is "2", nobody knows env.G, and its default is "20")`},
		{"env.G", "1", `t.yaml:4:146: the range 2-1 is reversed (nobody knows env.F, and its default is "2", env.G is "1")`},
		{"env.I", "1", `t.yaml:5:46: burst is from 2kb to 1gb, found 1 (env.I is "1")`},
		{"env.C", "maybe", `t.yaml:4:80: guard must be true or false, found the text "maybe" (env.C is "maybe")`},
	} {
		_, err := rule.Fill(func(fact string) (string, bool) {
			if fact == tc.fact {
				return tc.value, true
			}
			value, ok := usual[fact]
			return value, ok
		})
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s=%s: %v\nwant %s", tc.fact, tc.value, err, tc.want)
		}
	}
	// Where it is of the rule as a whole, all facts may be to blame.
	_, err := rule.Fill(func(fact string) (string, bool) {
		value, ok := map[string]string{"env.A": "false", "env.E": "", "env.J": "9000"}[fact]
		return value, ok
	})
	if err == nil || !strings.HasPrefix(err.Error(), "t.yaml:5:3: a burst of 2048 bytes is less than a frame at mtu 9000") || !strings.Contains(err.Error(), `env.J is "9000"`) {
		t.Errorf("of the rule: %v", err)
	}
}

// A rule that waits for nothing is itself, at no cost; one that does can be filled by several at once, and stays as it was.
func TestFillShares(t *testing.T) {
	plain := &mustLoad(t, "rules: [{name: r, match: {interface: a}, bridge: \"${bridge:-b}\", link: {mtu: 1400, alias: \"${domain}\"}, hooks: {up: [/bin/true, \"${domid}\"]}}]\n").Rules[0]
	if n := testing.AllocsPerRun(10, func() {
		if got, err := plain.Fill(nil); got != plain || err != nil {
			t.Errorf("another rule, %v", err)
		}
	}); n > 0 || len(plain.Substitutions()) > 0 {
		t.Errorf("%v allocations, substitutions %v", n, plain.Substitutions())
	}
	long := "rules: [{name: r, match: {interface: a}, firewall: [" + strings.Repeat("source-guard, ", stride) + "established], bridge: {name: b, vlan: {untagged: \"${env.X}\"}}}]\n"
	rule := &mustLoad(t, long).Rules[0]
	want := *rule
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				got, err := rule.Fill(known("env.X", fmt.Sprint(i+1)))
				if err != nil || got.Action.Bridge.VLAN.Untagged != uint16(i+1) || len(got.Firewall) != stride+1 || got.Name != "r" {
					t.Errorf("%d: %+v, %v", i+1, got, err)
				}
				if _, err := rule.Fill(known("env.X", "x")); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("t.yaml:1:%d: ", strings.Index(long, `"${env`)+1)) {
					t.Errorf("nonsense: %v", err)
				}
			}
		})
	}
	all.Wait()
	if diff := sameRule(&want, rule); diff != "" {
		t.Errorf("the load's rule has changed (-before +after):\n%s", diff)
	}
	filled, err := rule.Fill(known("env.X", "5"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := filled.Fill(known("env.X", "6")); err != nil || again.Action.Bridge.VLAN.Untagged != 6 || !filled.Late("bridge.vlan") {
		t.Errorf("filled again: %+v, %v", again, err)
	}
}

func BenchmarkFill(b *testing.B) {
	for name, mtu := range map[string]string{"written": "1400", "fact": `"${xen.mtu:-1400}"`} {
		set, _ := Load(Options{FS: mapFS("t.yaml", "rules: [{name: r, match: {interface: a}, bridge: {name: b, vlan: {untagged: 10}}, rate: {from-guest: 1gbit}, link: {mtu: "+mtu+"}}]\n"), Paths: []string{"t.yaml"}})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.Rules[0].Fill(known("xen.mtu", "9000")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzFill puts any text into every place of a rule: it is taken as a value that whoever uses the rule can rely on, or refused in one line.
func FuzzFill(f *testing.F) {
	for _, field := range lateFields() {
		f.Add(field.one)
		f.Add(field.bad)
	}
	f.Add("")
	f.Add("{a: 5}")
	f.Add("fe80::1%\n")
	set, _ := Load(Options{FS: os.DirFS("testdata/good"), Paths: []string{"late.yaml"}})
	f.Fuzz(func(t *testing.T, value string) {
		for i := range set.Rules {
			r := &set.Rules[i]
			facts := map[string]string{}
			for _, s := range r.Substitutions() {
				for _, fact := range s.Text.Facts() {
					facts[fact] = ""
				}
			}
			// The others have a value where they need one, so that it is this one that is looked at.
			usual := map[string]string{"env.ISOLATED": "true", "env.RATE": "1gbit", "env.GRO": "on", "env.HOST": "192.0.2.9"}
			for fact := range facts {
				filled, err := r.Fill(func(asked string) (string, bool) {
					if asked == fact {
						return value, true
					}
					other, ok := usual[asked]
					return other, ok
				})
				switch {
				case err == nil:
					checkAction(t, &Set{Rules: []Rule{*filled}, Networks: set.Networks}, filled)
				case err.Error() != printable(err.Error()) || !strings.Contains(err.Error(), "late.yaml:"):
					t.Errorf("%s=%q: %q", fact, value, err)
				}
			}
		}
	})
}
