package lint

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/stmt"
	"vifd/rules"
)

// rejections are rejects, and what a bridge answers to each.
func rejections() map[string][][]byte {
	eth := frame.Ethernet{Src: net.HardwareAddr{0x00, 0x16, 0x3e, 0, 0, 9}, Dst: net.HardwareAddr{0x00, 0x16, 0x3e, 0, 0, 7}}
	v4 := frame.IPv4{Src: netip.MustParseAddr("192.0.2.9"), Dst: netip.MustParseAddr("192.0.2.7")}
	v6 := frame.IPv6{Src: netip.MustParseAddr("2001:db8::9"), Dst: netip.MustParseAddr("2001:db8::7")}
	body := make([]byte, 32)
	icmp, icmpv6 := frame.Build(eth, v4, frame.ICMPv4{Type: 3, Code: 3, Body: body}), frame.Build(eth, v6, frame.ICMPv6{Type: 1, Code: 4, Body: body})
	rst := frame.TCP{Src: 25, Dst: 40000, Flags: frame.RST | frame.ACK}
	reset, reset6 := frame.Build(eth, v4, rst), frame.Build(eth, v6, rst)
	return map[string][][]byte{
		"tcp dport 25 reject":                                     {icmp, icmpv6},
		"ip daddr 192.0.2.9 reject":                               {icmp},
		"udp dport 53 reject with icmpv6 port-unreachable":        {icmpv6},
		"tcp dport 25 reject with tcp reset":                      {reset, reset6},
		"ip daddr 192.0.2.9 tcp dport 25 reject with tcp reset":   {reset},
		"meta protocol ip6 tcp dport 20-30 reject with tcp reset": {reset6},
	}
}

// TestLostRefusalsAreLost: where an answer is said to be dropped the firewall drops it, as it is judged for tests of rules; and mostly
// where it is dropped by what asks for connections it is said.
func TestLostRefusalsAreLost(t *testing.T) {
	pool := []string{
		"ip protocol icmp accept", "meta l4proto { icmp, icmpv6 } accept", "meta l4proto != tcp accept", "icmp type destination-unreachable accept",
		"icmp type { 8, 11 } accept", "icmpv6 type 1-4 accept", "icmpv6 type != 1 accept", "tcp sport 25 accept", "tcp sport != 25 accept", "tcp sport { 20-24, 80 } accept",
		"tcp dport 80 accept", "tcp dport 1024-65535 accept", "tcp flags & rst == rst accept", "tcp flags & (syn|ack) == syn accept", "tcp flags syn accept",
		"tcp flags & (syn|ack) != syn accept", "meta l4proto . th sport { tcp . 25, udp . 53 } accept", "udp sport 53 accept", "ether type arp accept", "meta protocol ip6 accept",
		"ether type != ip accept", "ct state new accept", "ct state != established accept", "ct mark 1 accept", "meta pkttype broadcast accept", "icmp code 3 accept",
		"ip daddr 192.0.2.7 return", "meta l4proto { udp, igmp } return", "frag frag-off != 0 return", "tcp dport 22 limit rate 5/second accept", "tcp dport 22 drop",
	}
	ends := []string{"ct state invalid drop", "drop", "ct state != { established, related } drop"}
	r := rand.New(rand.NewPCG(9, 1))
	said, lost := 0, 0
	all := rejections()
	for _, reject := range slices.Sorted(maps.Keys(all)) {
		for range 150 {
			list := []string{"ct state established,related accept"}
			for range 1 + r.IntN(2) {
				list = append(list, pool[r.IntN(len(pool))])
			}
			list = append(list, ends[r.IntN(len(ends))])
			set := loadAlone(t, fmt.Sprintf("templates: {own: {from-guest: ['%s'], to-guest: ['%s']}}\n%s", reject, strings.Join(list, "', '"), bridged("own")))
			l := linter{set: set}
			l.lostRefusals()
			dropped := !slices.ContainsFunc(all[reject], func(data []byte) bool { return judged(t, set, data) != stmt.Drop })
			switch {
			case len(l.found) > 0 && !dropped:
				t.Errorf("%s: an answer is said to be dropped, and passes %q", reject, list)
			case len(l.found) > 0:
				said++
			case dropped:
				lost++
			}
		}
	}
	if said < 200 || lost > said/4 {
		t.Errorf("%d are said, %d others are lost", said, lost)
	}
}

// judged is what the template own does to a frame to the guest that belongs to no connection.
func judged(t *testing.T, set *rules.Set, data []byte) stmt.Verdict {
	t.Helper()
	own := firewall.Template{Name: "own"}
	for _, s := range set.Templates["own"].ToGuest {
		own.ToGuest = append(own.ToGuest, firewall.Statement{Stmt: s.Stmt})
	}
	list := firewall.List{Refs: []firewall.Ref{{Template: "own"}}}
	p, err := firewall.Compile(firewall.Config{Templates: map[string]firewall.Template{"own": own}, Lists: []firewall.List{list}})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := p.Profile(list)
	if err != nil {
		t.Fatal(err)
	}
	return p.Judge(&firewall.Guest{Interface: "vif7.0", Profile: profile}, firewall.Traffic{ToGuest: true, Frame: data, Ct: &firewall.Connection{State: firewall.StateInvalid}}).Verdict
}
