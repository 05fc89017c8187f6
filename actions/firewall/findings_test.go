package firewall_test

import (
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

// What follows the random rule sets and frames have found; each is here so that it is looked for in every run.

// TestTextSaysAllThatARuleAsks: a program's text is what the kernel gets, in words that nft takes.
func TestTextSaysAllThatARuleAsks(t *testing.T) {
	t.Parallel()
	params := map[string]firewall.Param{"net": {Types: []stmt.Type{stmt.TypePrefix}, Default: []string{"192.0.2.0/24"}}}
	for line, want := range map[string]string{
		"ip saddr . tcp dport 192.0.2.1 . 22 drop":     "ip saddr . tcp dport { 192.0.2.1 . 22 } drop",
		"meta l4proto icmp-udp drop":                   "meta l4proto 1-17 drop",
		"nd target 2001:db8::1 drop":                   "@th,64,128 0x20010db8000000000000000000000001 drop",
		"nd target != fe80::/16 drop":                  "@th,64,16 != 0xfe80 drop",
		"nd target fe80::/10 drop":                     "@th,64,128 & 0xffc00000000000000000000000000000 == 0xfe800000000000000000000000000000 drop",
		"nd sll 00:16:3e:00:00:01 drop":                "@th,192,16 0x101 @th,208,48 0x163e000001 drop",
		"ip6 saddr != $net drop":                       "meta protocol ip6 drop", // of which no prefix is
		"update @k { ip saddr counter } log drop":      "meta protocol ip update @log-limit { iifname limit rate 1/second } log",
		"tcp dport 1 update @k { $interface counter }": "tcp dport 1 update @state/a/k { iifname counter }",
	} {
		s := source{name: "a", params: params, lines: []string{line}}
		p := forgedProgram(t, []source{s}, []string{"a"}, false)
		if _, chain, _ := strings.Cut(p.String(), "chain from/a {"); !strings.Contains(chain, want+"\n") {
			t.Errorf("%s: want %q in\n%s", line, want, chain)
		}
		loadText(t, testhost.New(t), p.String())
	}
}

// TestWhatIsAskedFirst: a reject's protocol comes before all that counts what is rejected, and a message's type before a field that others have otherwise.
func TestWhatIsAskedFirst(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"counter reject with tcp reset":                       "meta l4proto tcp counter packets 0 bytes 0 reject with tcp reset",
		"limit rate 5/second reject with icmp net-prohibited": "meta nfproto ipv4 limit rate 5/second reject with icmp net-prohibited",
		"icmpv6 type 0-255 icmpv6 id 1 drop":                  "icmpv6 type 0-255 icmpv6 type { echo-reply, echo-request } icmpv6 id 1 drop",
		"icmpv6 type & 127 == 0 icmpv6 id 1 drop":             "icmpv6 type & 127 == 0 icmpv6 type { echo-reply, echo-request } icmpv6 id 1 drop",
		"icmp type echo-request icmp id 1 drop":               "icmp type echo-request icmp id 1 drop",
	} {
		h := testhost.New(t)
		install(t, open(t, h), forgedProgram(t, []source{{name: "a", lines: []string{line}}}, []string{"a"}, true))
		list := sortSets(h.Run(t, "nft", "list", "chain", "inet", "vifd", "from/a"))
		if !strings.Contains(list, "\t"+want+"\n") {
			t.Errorf("%s: want %q in\n%s", line, want, list)
		}
	}
}

// TestASetKeepsOneThing: statements that name one set agree about its key and what it keeps.
func TestASetKeepsOneThing(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"update @k { ip daddr counter }", "update @k { ip saddr limit rate 5/second }", "update @k { ip6 saddr counter }"} {
		all, err := templatesOf([]source{{name: "a", lines: []string{"update @k { ip saddr counter }", second}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = firewall.Compile(firewall.Config{Templates: all, Lists: bridged([]firewall.Ref{{Template: "a"}})})
		if err == nil || !strings.Contains(err.Error(), "@k: the set has another key or content") {
			t.Errorf("%s: Compile() = %v", second, err)
		}
	}
}

// TestABridgeForgetsWhereAFrameCameFrom: no statement about frames to a guest can ask by which port they came.
func TestABridgeForgetsWhereAFrameCameFrom(t *testing.T) {
	t.Parallel()
	for _, line := range []string{`iifname "eth0" drop`, `iifname != "eth0" drop`, "iifgroup default drop", `meta ibrname "br0" drop`} {
		all, err := templatesOf([]source{{name: "a", lines: []string{line}}})
		if err != nil {
			t.Fatal(err)
		}
		a := all["a"]
		a.FromGuest = nil
		p := compile(t, firewall.Config{Templates: map[string]firewall.Template{"a": a}, Lists: bridged([]firewall.Ref{{Template: "a"}})})
		if unseen := p.Unseen(); len(unseen) != 1 {
			t.Errorf("%s: never seen are %v", line, unseen)
		}
	}
}

// TestJudgeKnowsWhatTheKernelDoes about packets of routed guests, and what statements do to them.
func TestJudgeKnowsWhatTheKernelDoes(t *testing.T) {
	t.Parallel()
	c := newCast()
	udp := func(tos uint8) []byte {
		return frame.Build(frame.Ethernet{Src: c.hosts[0], Dst: c.mac[:]}, frame.IPv4{Src: c.v4[1], Dst: c.v4[0], TOS: tos}, frame.UDP{})
	}
	solicit := frame.Build(frame.Ethernet{Src: c.mac[:], Dst: frame.Broadcast()}, frame.IPv6{Src: c.v6[0], Dst: c.v6[1]}, frame.NeighborSolicit(c.v6[1]))
	for _, tt := range []struct {
		name   string
		routed bool
		lines  []string
		in     firewall.Traffic
		want   stmt.Verdict
		unseen bool
	}{
		{"a priority that was set", false, []string{"meta priority set 1:2", "meta priority 1:2 drop"}, firewall.Traffic{Frame: udp(0)}, stmt.Drop, false},
		{"of a priority not set", false, []string{"meta priority 1:2 drop"}, firewall.Traffic{Frame: udp(0)}, stmt.Accept, false},
		{"what is routed has the priority of its header", true, []string{"meta priority 0:6 drop"}, firewall.Traffic{ToGuest: true, Other: "x", Frame: udp(0x10)}, stmt.Drop, false},
		{"what the host sends has not", true, []string{"meta priority 0:6 drop"}, firewall.Traffic{ToGuest: true, Frame: udp(0x10)}, stmt.Accept, false},
		{"what is routed is the host's", true, []string{"meta pkttype host drop"}, firewall.Traffic{ToGuest: true, Other: "x", Frame: udp(0)}, stmt.Drop, false},
		{"what the host sends comes from no group", true, []string{"iifgroup default drop"}, firewall.Traffic{ToGuest: true, Frame: udp(0)}, stmt.Accept, false},
		{"what is not tracked has no mark", true, []string{"ct mark 0 drop"}, firewall.Traffic{Frame: solicit}, stmt.Accept, false},
		{"but a state", true, []string{"ct state untracked drop"}, firewall.Traffic{Frame: solicit}, stmt.Drop, false},
		{"what fits no connection has no direction", true, []string{"ct direction original drop"}, firewall.Traffic{Frame: udp(0), Ct: &firewall.Connection{State: firewall.StateInvalid}}, stmt.Accept, false},
		{"a router sees nothing that is others'", true, []string{"drop"}, firewall.Traffic{Frame: udp(0), Hosts: c.hosts}, stmt.Drop, true},
		{"a bridge does", false, []string{"drop"}, firewall.Traffic{Frame: udp(0), Hosts: c.hosts}, stmt.Drop, false},
	} {
		list := firewall.List{Refs: []firewall.Ref{{Template: "a"}}, Routed: tt.routed}
		p := forgedProgram(t, []source{{name: "a", lines: tt.lines}}, []string{"a"}, tt.routed)
		profile, err := p.Profile(list)
		if err != nil {
			t.Fatal(err)
		}
		j := p.Judge(&firewall.Guest{Interface: guestPort, Profile: profile}, tt.in)
		if j.Verdict != tt.want || (j.Unseen != "") != tt.unseen {
			t.Errorf("%s: Judge() = %+v", tt.name, j)
		}
	}
}
