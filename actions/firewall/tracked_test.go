package firewall_test

import (
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/stmt"
)

// TestBridgeAsksForConnections: in the bridge family what is not IP has no connection, whoever sent it, and that is asked first
// wherever it makes a difference. A routed guest's statements stay as they are written.
func TestBridgeAsksForConnections(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"ct state invalid drop":                                     "meta protocol { ip, ip6 } ct state invalid drop",
		"ct state untracked,new drop":                               "meta protocol { ip, ip6 } ct state new|untracked drop",
		"ct state != established drop":                              "meta protocol { ip, ip6 } ct state != established drop",
		"ct state { invalid, new } drop":                            "meta protocol { ip, ip6 } ct state { invalid, new } drop",
		"ct state & (new|related) != 0 drop":                        "meta protocol { ip, ip6 } ct state & (related|new) != 0x0 drop",
		"ct state != new ct state != invalid drop":                  "meta protocol { ip, ip6 } ct state != new ct state != invalid drop",
		"tcp dport 22 ct state invalid drop":                        "tcp dport 22 ct state invalid drop",
		"meta protocol ip ct state invalid drop":                    "meta protocol ip ct state invalid drop",
		"meta protocol arp ct state invalid drop":                   "meta protocol arp meta protocol { ip, ip6 } ct state invalid drop",
		"ct state established,related accept":                       "ct state established|related accept",
		"ct state { established, related } accept":                  "ct state { established, related } accept",
		"ct state new drop":                                         "ct state new drop",
		"ct mark 7 drop":                                            "ct mark 0x7 drop",
		"ct count over 5 drop":                                      "ct state established|related|new ct count over 5 drop",
		"ct state new ct count over 5 drop":                         "ct state new ct count over 5 drop",
		"ct state != invalid ct count over 5 drop":                  "meta protocol { ip, ip6 } ct state != invalid ct state established|related|new ct count over 5 drop",
		"add @x { $interface ct count over 5 } drop":                "ct state established|related|new add @state/t/x { iifname ct count over 5 } drop",
		"ct state new add @x { $interface ct count over 5 } drop":   "ct state new add @state/t/x { iifname ct count over 5 } drop",
		"add @x { $interface . ip saddr ct count over 5 } continue": "ct state established|related|new add @state/t/x { iifname . ip saddr ct count over 5 } continue",
	} {
		cfg := firewall.Config{
			Templates: templates(t, []string{"t", line}),
			Lists:     []firewall.List{{Refs: []firewall.Ref{{Template: "t"}}}, {Refs: []firewall.Ref{{Template: "t"}}, Routed: true}},
		}
		text := compile(t, cfg).String()
		if got := chainText(t, text, "bridge"); got != want {
			t.Errorf("%s: in the bridge family\n%s, want\n%s", line, got, want)
		}
		unasked := strings.NewReplacer("meta protocol { ip, ip6 } ct state", "ct state", "ct state established|related|new ", "").Replace(want)
		if got := chainText(t, text, "inet"); got != unasked {
			t.Errorf("%s: in inet\n%s, want\n%s", line, got, unasked)
		}
	}
}

// chainText is the one rule of template t in a family's table, of what a guest sends.
func chainText(t *testing.T, program, family string) string {
	t.Helper()
	_, table, _ := strings.Cut(program, "table "+family+" ")
	_, chain, ok := strings.Cut(table, "chain from/t {\n\t")
	rule, _, _ := strings.Cut(chain, "\n}\n")
	if !ok || strings.Contains(rule, "\n") {
		t.Fatalf("no chain of one rule in table %s:\n%s", family, program)
	}
	return rule
}

// TestHostsOwnFrames: what the host sends past its IP stack is invalid to the kernel. The guest's way to the host, ARP, stays open
// under any template that drops what is invalid; the library's let the bridge's queries and DHCP's answers in as well.
func TestHostsOwnFrames(t *testing.T) {
	t.Parallel()
	c := newCast()
	eth := frame.Ethernet{Src: c.hosts[0], Dst: c.mac[:]}
	v4, v6 := frame.IPv4{Src: c.v4[1], Dst: c.v4[0]}, frame.IPv6{Src: c.v6[1], Dst: c.v6[0]}
	frames := map[string][]byte{
		"arp":  frame.Build(eth, frame.ARP{Op: frame.ARPReply, SHA: c.hosts[0], SPA: c.v4[1], THA: c.mac[:], TPA: c.v4[0]}),
		"dhcp": frame.Build(eth, v4, frame.UDP{Src: 67, Dst: 68}),
		"mld":  frame.Build(eth, v6, frame.ICMPv6{Type: 130, Body: make([]byte, 20)}),
		"tcp":  frame.Build(eth, v4, frame.TCP{Src: 80, Dst: 1025, Flags: frame.ACK}),
	}
	all := library(t)
	all["naive"] = firewall.Template{Name: "naive", ToGuest: statements(t, "ct state invalid drop")}
	for template, passes := range map[string][]string{"naive": {"arp"}, "established": {"arp", "dhcp", "mld"}, "stateful-basic": {"arp", "dhcp", "mld"}} {
		list := firewall.List{Refs: []firewall.Ref{{Template: template}}}
		p := compile(t, firewall.Config{Templates: all, Lists: []firewall.List{list}})
		profile, err := p.Profile(list)
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range frames {
			want := stmt.Drop
			for _, pass := range passes {
				if pass == name {
					want = stmt.Accept
				}
			}
			invalid := firewall.Connection{State: firewall.StateInvalid}
			j := p.Judge(&firewall.Guest{Interface: guestPort, Profile: profile}, firewall.Traffic{ToGuest: true, Frame: f, Ct: &invalid})
			if j.Verdict != want {
				t.Errorf("%s, %s: %v, want %v", template, name, j.Verdict, want)
			}
		}
	}
}
