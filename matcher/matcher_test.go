package matcher

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/vif"
	"vifd/rules"
)

const ruleset = `
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [192.0.2.1, "2001:db8::1"]}
  - {domain: web-1, mac: "00:16:3e:00:00:02"}
  - {domain: web-1, vif: 1, mac: "00:16:3e:00:00:03"}
  - {domain: db, mac: "00:16:3e:00:00:04", ip: [192.0.2.4]}
  - {domain: net, mac: "00:16:3e:00:00:05", ip: [203.0.113.16/28, "2001:db8:7::/64", 203.0.113.7/32]}
rules:
  - name: exact
    match: {interface: vif1.0}
    bridge: br-exact
  - name: web
    match: {domain: ["web-*", www], not: {mac: "00:16:3e:ff:*"}}
    bridge: br-web
  - name: low
    match: {interface: "vif*", domid: ["5", "10-19"]}
    ignore: true
  - name: prefix
    match: {ip: 198.51.100.0/24}
    block: true
  - name: env
    match: {env.COLOUR: "r[ae]d", attr.speed: "1?"}
    bridge: {name: "${bridge:-br-env}"}
  - name: unset
    match: {kind: odd}
    bridge: "${bridge}"
  - name: override
    match: {kind: over}
    bridge: br-over
    guest: {mac: "${env.MAC}", ip: ["${env.IP:-192.0.2.99}"]}
  - name: within
    match: {ip: 203.0.113.0/27, kind: "*"}
    bridge: br-within
  - name: around
    match: {ip: 203.0.113.24/29, domain: net}
    block: true
`

// given are facts of a test; it counts what it is asked for.
type given map[string]string

func (g given) Values(key string) []string {
	if v, ok := g[key]; ok {
		return strings.Split(v, "|")
	}
	return nil
}

func load(t *testing.T, text string) *Matcher {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	set, report := rules.Load(rules.Options{Paths: []string{file}})
	if set == nil {
		t.Fatalf("load: %v", report.Problems)
	}
	return New(set)
}

func TestDecide(t *testing.T) {
	m := load(t, ruleset)
	for _, tt := range []struct {
		name  string
		facts given
		want  string // rule kind bridge [macs] [ips], or an error's words
	}{
		{"first wins", given{"interface": "vif1.0", "domain": "web-1", "vifid": "0"}, "exact bridge br-exact [00:16:3e:00:00:01] [192.0.2.1/32 2001:db8::1/128]"},
		{"by domain", given{"interface": "vif5.0", "domain": "web-1", "vifid": "0"}, "web bridge br-web [00:16:3e:00:00:02] []"},
		{"by domain and vif", given{"interface": "vif5.1", "domain": "web-1", "vifid": "1"}, "web bridge br-web [00:16:3e:00:00:03] []"},
		{"inventory before others", given{"domain": "web-1", "mac": "00:16:3e:00:00:77"}, "web bridge br-web [00:16:3e:00:00:02] []"},
		{"any of a list", given{"domain": "www", "mac": "00:16:3e:00:00:55"}, "web bridge br-web [00:16:3e:00:00:55] []"},
		{"not", given{"domain": "www", "mac": "00:16:3E:FF:00:01", "interface": "vif5.0", "domid": "5"}, "low ignore  [] []"},
		{"not, unknown fact", given{"domain": "www"}, "web bridge br-web [] []"},
		{"number", given{"interface": "vif5.0", "domid": "5"}, "low ignore  [] []"},
		{"range", given{"interface": "vif15.0", "domid": "15"}, "low ignore  [] []"},
		{"out of range", given{"interface": "vif20.0", "domid": "20"}, " ignore  [] []"},
		{"one key of two", given{"interface": "eth0", "domid": "15"}, " ignore  [] []"},
		{"any of several addresses", given{"ip": "203.0.113.1|198.51.100.7"}, "prefix block  [] []"},
		{"domain found by MAC", given{"mac": "00:16:3e:00:00:04"}, " ignore  [] []"},
		{"default of a substitution", given{"env.COLOUR": "red", "attr.speed": "10"}, "env bridge br-env [] []"},
		{"substitution", given{"env.COLOUR": "rad", "attr.speed": "12", "bridge": "br9"}, "env bridge br9 [] []"},
		{"glob class", given{"env.COLOUR": "rod", "attr.speed": "10"}, " ignore  [] []"},
		{"unset fact", given{"kind": "odd"}, "bridge"},
		{"fact too long for a name", given{"kind": "odd", "bridge": "a-name-too-long-for-it"}, "15"},
		{"guest of the rule", given{"kind": "over", "env.MAC": "00:16:3e:00:00:09"}, "override bridge br-over [00:16:3e:00:00:09] [192.0.2.99/32]"},
		{"bad MAC from a fact", given{"kind": "over", "env.MAC": "zz"}, `"zz" is not a unicast MAC`},
		{"multicast MAC from a fact", given{"kind": "over", "env.MAC": "01:00:5e:00:00:01"}, "not a unicast MAC"},
		{"no MAC at all", given{"kind": "over", "env.MAC": "00:00:00:00:00:00"}, "not a unicast MAC"},
		{"bad address from a fact", given{"kind": "over", "env.MAC": "00:16:3e:00:00:09", "env.IP": "224.0.0.1"}, "224.0.0.1 is a multicast address"},
		{"mapped address from a fact", given{"kind": "over", "env.MAC": "00:16:3e:00:00:09", "env.IP": "::ffff:1.2.3.4"}, "mapped into IPv6"},
		{"prefix from a fact", given{"kind": "over", "env.MAC": "00:16:3e:00:00:09", "env.IP": "192.0.2.16/28"}, "override bridge br-over [00:16:3e:00:00:09] [192.0.2.16/28]"},
		{"bad prefix from a fact", given{"kind": "over", "env.MAC": "00:16:3e:00:00:09", "env.IP": "192.0.2.17/28"}, "192.0.2.17/28 has bits set behind its length"},
		{"prefix of the inventory", given{"kind": "tap", "domain": "net"}, "within bridge br-within [00:16:3e:00:00:05] [203.0.113.16/28 2001:db8:7::/64 203.0.113.7/32]"},
		{"prefix around the pattern", given{"domain": "net"}, " ignore  [] []"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := m.Decide(m.Facts(tt.facts))
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || d.Rule == nil {
					t.Errorf("Decide() = %v, want it to say %q and name the rule", err, tt.want)
				}
				return
			}
			if got := fmt.Sprintf("%s %s %s %v %v", d.RuleName(), d.Kind, d.Bridge, d.Guest.MACs, d.Guest.IPs); got != tt.want {
				t.Errorf("Decide() = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAddressesAsFacts: a host's address has no length, a prefix has.
func TestAddressesAsFacts(t *testing.T) {
	m := load(t, ruleset)
	got := strings.Join(m.Facts(given{"domain": "net"}).Values("ip"), " ")
	if want := "203.0.113.16/28 2001:db8:7::/64 203.0.113.7"; got != want {
		t.Errorf("ip = %s, want %s", got, want)
	}
}

func TestExplain(t *testing.T) {
	m := load(t, ruleset)
	steps := m.Explain(m.Facts(given{"interface": "vif20.0", "domid": "20", "domain": "www", "mac": "00:16:3e:ff:00:01", "ip": "198.51.100.1"}))
	var got []string
	for _, s := range steps {
		line := s.Rule.Name + " matches"
		if s.Failed != nil {
			line = fmt.Sprintf("%s: %s negated=%v got=%v", s.Rule.Name, s.Failed.Term.Key, s.Failed.Negated, s.Failed.Got)
		}
		got = append(got, line)
	}
	want := []string{
		"exact: interface negated=false got=[vif20.0]",
		"web: mac negated=true got=[00:16:3e:ff:00:01]",
		"low: domid negated=false got=[20]",
		"prefix matches",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Explain():\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// asked is a source that counts.
type asked struct {
	given
	times map[string]int
}

func (a asked) Values(key string) []string {
	a.times[key]++
	return a.given.Values(key)
}

// TestFactsAreReadLazily: what no rule before the winner asks for is never read, and nothing twice.
func TestFactsAreReadLazily(t *testing.T) {
	m := load(t, ruleset)
	source := asked{given{"interface": "vif1.0"}, map[string]int{}}
	if r := m.Match(m.Facts(source)); r == nil || r.Name != "exact" {
		t.Fatalf("Match() = %v", r)
	}
	if len(source.times) != 1 || source.times["interface"] != 1 {
		t.Errorf("asked for %v, want the interface once", source.times)
	}
	source = asked{given{"interface": "vif7.0", "domid": "7"}, map[string]int{}}
	m.Match(m.Facts(source))
	for key, n := range source.times {
		if n != 1 {
			t.Errorf("asked %d times for %s", n, key)
		}
	}
}

func TestUnmatchedDefault(t *testing.T) {
	m := load(t, "defaults: {unmatched: block}\n")
	d, err := m.Decide(vif.NewFacts(given{"interface": "vif1.0"}))
	if err != nil || d.Rule != nil || d.Kind != rules.Block {
		t.Errorf("Decide() = %+v, %v; want the default, block", d, err)
	}
}

const connections = `
networks:
  lan: {route: {uplink: eth0}}
  private: {nat: {uplink: eth1, subnet: [10.77.0.0/16, "fd77::/48"], dhcp: true}}
  xenbr0: {bridge: {}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [192.0.2.1]}
rules:
  - {name: bridge, match: {env.HOW: bridge}, bridge: "${env.NET:-xenbr0}", link: {alias: "of ${interface}"}}
  - {name: route, match: {env.HOW: route}, route: "${env.NET:-lan}"}
  - {name: own, match: {env.HOW: own}, route: {uplink: "${env.NET:-eth9}", address: 192.0.2.254}}
  - {name: nat, match: {env.HOW: nat}, nat: {network: "${env.NET:-private}"}, link: {alias: "${env.ALIAS:-x}"}}
  - {name: own-nat, match: {env.HOW: own-nat}, nat: {uplink: "${env.NET}", subnet: 10.78.0.0/16}}
  - {name: rest, match: {interface: "*"}, ignore: true}
`

// TestNetworks: whatever a rule calls its network, the decision holds what is declared under that name.
func TestNetworks(t *testing.T) {
	m := load(t, connections)
	for _, tt := range []struct {
		how, net string
		want     string // kind network bridge/route's uplink/nat's uplink subnets dhcp alias, or an error's words
	}{
		{"bridge", "", "bridge xenbr0 xenbr0// [] false of vif1.0"},
		{"bridge", "br7", "bridge br7 br7// [] false of vif1.0"},
		{"bridge", "lan", `rule "bridge": bridge: network "lan" is of kind route`},
		{"bridge", "a-name-too-long-for-it", "15"},
		{"route", "", "route lan /eth0/ [] false "},
		{"route", "private", `rule "route": route: network "private" is of kind nat`},
		{"route", "xenbr1", `rule "route": route: there is no network "xenbr1"`},
		{"own", "", "route  /eth9/ [] false "},
		{"own", "a/b", "holds '/'"},
		{"nat", "", "nat private //eth1 [10.77.0.0/16 fd77::/48] true x"},
		{"nat", "lan", `rule "nat": nat: network "lan" is of kind route`},
		{"own-nat", "eth3", "nat  //eth3 [10.78.0.0/16] false "},
		{"own-nat", "", `fact "env.NET" is not known`},
		{"none", "", "ignore  // [] false "},
	} {
		facts := given{"interface": "vif1.0", "env.HOW": tt.how}
		if tt.net != "" {
			facts["env.NET"] = tt.net
		}
		d, err := m.Decide(m.Facts(facts))
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) || d.Rule == nil {
				t.Errorf("%s %s: %v, want it to say %q and name the rule", tt.how, tt.net, err, tt.want)
			}
			continue
		}
		got := fmt.Sprintf("%s %s %s/%s/%s %v %t %s", d.Kind, d.Network, d.Bridge, d.Route.Uplink, d.NAT.Uplink, d.NAT.Subnet, d.NAT.DHCP, d.Alias)
		if got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.how, tt.net, got, tt.want)
		}
		if guests := len(d.Guest.IPs); (guests == 1) != (d.Kind != rules.Ignore) {
			t.Errorf("%s %s: %d addresses", tt.how, tt.net, guests)
		}
	}
	for _, alias := range []string{strings.Repeat("x", 256), "a\nb"} {
		if _, err := m.Decide(m.Facts(given{"interface": "vif1.0", "env.HOW": "nat", "env.ALIAS": alias})); err == nil || !strings.Contains(err.Error(), "link: alias: an alias ") {
			t.Errorf("alias %q: %v", alias, err)
		}
	}
}
