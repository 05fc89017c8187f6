package stmt

import (
	"errors"
	"strings"
	"testing"
)

// TestWhatNoPacketIs: a statement that holds for no packet is a mistake, and nothing that looks as if it protected.
func TestWhatNoPacketIs(t *testing.T) {
	for in, want := range map[string]string{
		"ip saddr 10.0.0.1 ip6 daddr ::1 drop":               "no packet here is of ip6: the statement asks for ip already",
		"arp operation request ip ttl 1 drop":                "no packet here is of ip: the statement asks for arp already",
		"tcp dport 80 udp dport 80 drop":                     "no packet here is of udp: the statement asks for tcp already",
		"icmp type 8 icmpv6 type 128 drop":                   "no packet here is of ip6",
		"arp hlen 6 tcp dport 1 drop":                        "no packet here is of tcp: the statement asks for arp already",
		"tcp dport 1 arp hlen 6 drop":                        "no packet here is of arp: the statement asks for tcp already",
		"meta protocol arp ip ttl 1 drop":                    "asks for arp already",
		"ip ttl 1 meta protocol ip6 drop":                    "no packet here is of ip6",
		"meta protocol 0x88cc udp dport 1 drop":              "asks for another protocol already",
		"udp dport 1 meta protocol 0x88cc drop":              "no packet here is of another protocol",
		"meta l4proto 47 tcp dport 80 drop":                  "asks for another protocol already",
		"tcp dport 80 meta l4proto gre drop":                 "no packet here is of another protocol",
		"icmp id 1 icmp mtu 1280 drop":                       "no message here has the field icmp mtu",
		"icmp type echo-request icmp mtu 1 drop":             "no message here has the field icmp mtu",
		"icmpv6 mtu 1 icmpv6 type echo-reply drop":           "no message here has this type",
		"update @x { ip saddr counter } ip6 ttl":             `"ip6" has no field "ttl"`,
		"update @x { ip saddr counter } ip6 version 6":       "no packet here is of ip6",
		"ip6 version 6 reject with icmp host-unreachable":    "no packet here is of ip: the statement asks for ip6 already",
		"udp dport 1 reject with tcp reset":                  "no packet here is of tcp",
		"ip6 hoplimit 1 vlan id 5 drop":                      "write the vlan match first",
		"ip length . tcp dport { 1 . 2 } drop":               "ip length cannot stand in a concatenation",
		"tcp dport . meta length { 1 . 2 } drop":             "meta length cannot stand in a concatenation",
		"ip saddr . @th,0,32 { 10.0.0.1 . 2 } drop":          "@th,0,32 cannot stand in a concatenation",
		"nd target . tcp dport { ::1 . 2 } drop":             "nd target cannot stand in a concatenation",
		"update @x { $interface . ip length counter } drop":  "ip length cannot stand in a key",
		"update @x { ip saddr . udp length counter } drop":   "udp length cannot stand in a concatenation",
		"update @x { ip dscp counter } drop":                 "ip dscp cannot stand in a key",
		"update @x { vlan id counter } drop":                 "vlan id cannot stand in a key",
		"update @x { tcp flags counter } drop":               "tcp flags cannot stand in a key",
		"fib saddr . iif oif { exists } drop":                "takes no set",
		"ip saddr 10.0.0.1 reject with icmpv6 no-route":      "no packet here is of ip6",
		"log prefix \"x\" arp hlen 6 reject with tcp reset":  "no packet here is of tcp: the statement asks for arp already",
		"meta l4proto icmp icmpv6 type echo-request accept":  "no packet here is of icmpv6: the statement asks for icmp already",
		"if $x ip ttl 1 ip6 hoplimit 1 accept":               "no packet here is of ip6",
		"icmpv6 max-delay 1 icmpv6 id 1 meta mark set 1 log": "no message here has the field icmpv6 id",
	} {
		_, err := Parse(in)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), want) {
			t.Errorf("Parse(%q) = %v, want it to say %q", in, err, want)
			continue
		}
		if e.Col < 1 || e.Col > len(in) || e.Len < 1 {
			t.Errorf("Parse(%q): %+v points nowhere", in, e)
		}
	}
}

// TestWhatSomePacketIs: protocols that go together, also where a statement names one twice.
func TestWhatSomePacketIs(t *testing.T) {
	for _, in := range []string{
		"ip saddr 10.0.0.1 tcp dport 80 drop", "ip6 nexthdr 0 tcp dport 80 drop", "vlan id 5 ip6 hoplimit 1 drop", "meta protocol ip ip ttl 1 icmp type 8 icmp id 1 drop",
		"icmp type { 0, 8 } icmp id 1 drop", "icmp type != 3 icmp id 1 drop", "meta l4proto != tcp udp dport 1 drop", "meta l4proto { tcp, udp } tcp dport 1 drop",
		"tcp dport 1 reject with icmp host-unreachable", "tcp dport 1 reject with tcp reset", "reject with icmpv6 no-route", "ether type vlan vlan id 5 arp hlen 6 drop",
		"tcp sport 1 tcp dport 2 ip6 saddr ::1 drop", "icmpv6 id 1 icmpv6 sequence 2 drop",
	} {
		if _, err := Parse(in); err != nil {
			t.Errorf("Parse(%q) = %v", in, err)
		}
	}
}

// TestRangesAreNumbers: nft reads no range of names, which have dashes themselves, and lists none.
func TestRangesAreNumbers(t *testing.T) {
	for name, want := range map[string]string{"ip protocol": "1-17", "meta pkttype": "0-3", "ip dscp": "0x0-0xa", "ether type": "0x800-0x806", "meta mark": "0x1-0x2", "tcp dport": "22-80"} {
		s, err := Parse(name + " " + want + " drop")
		if err != nil {
			t.Fatal(err)
		}
		m, _ := s.Items[0].(Match)
		if got := m.Value.Tuples[0][0].Print(m.Fields[0].Type); got != want {
			t.Errorf("%s %s is printed as %s", name, want, got)
		}
	}
}
