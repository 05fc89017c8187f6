package lint

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vifd/internal/frame"
	"vifd/rules"
)

// someFrames are frames to a guest that differ in what the statements of TestSaidTwiceDecidesNothing ask for.
func someFrames() [][]byte {
	eth := frame.Ethernet{Src: net.HardwareAddr{0x00, 0x16, 0x3e, 0, 0, 9}, Dst: net.HardwareAddr{0x00, 0x16, 0x3e, 0, 0, 7}}
	var all [][]byte
	for _, last := range []byte{7, 9} {
		v4 := frame.IPv4{Src: netip.AddrFrom4([4]byte{192, 0, 2, last}), Dst: netip.MustParseAddr("192.0.2.7")}
		v6 := frame.IPv6{Src: netip.MustParseAddr("2001:db8::9"), Dst: netip.MustParseAddr("2001:db8::7")}
		for _, port := range []uint16{80, 81, 82} {
			for _, flags := range []uint8{frame.SYN, frame.SYN | frame.ACK, frame.ACK} {
				tcp := frame.TCP{Src: 1025, Dst: port, Flags: flags}
				all = append(all, frame.Build(eth, v4, tcp), frame.Build(eth, v6, tcp))
			}
			all = append(all, frame.Build(eth, v4, frame.UDP{Src: 1025, Dst: port}))
		}
	}
	return all
}

// TestSaidTwiceDecidesNothing: without the statements that are said to decide nothing every frame meets what it met with them.
func TestSaidTwiceDecidesNothing(t *testing.T) {
	questions := []string{
		"tcp dport 80", "tcp dport { 80 }", "tcp dport { 80, 81 }", "tcp dport { 81, 80 }", "tcp dport 80-81", "tcp dport != 80", "ip saddr 192.0.2.7", "ip saddr 192.0.2.7/32",
		"ip saddr 192.0.2.7 tcp dport 80", "tcp dport 80 ip saddr 192.0.2.7", "tcp flags syn", "tcp flags { syn }", "tcp flags & (syn|ack) == syn", "mark 1", "mark 0", "udp dport 80",
	}
	verdicts := []string{"accept", "drop", "counter accept", "counter", "mark set 1", "return", "limit rate 5/second drop"}
	frames := someFrames()
	r := rand.New(rand.NewPCG(20, 1))
	said := 0
	for range 600 {
		var list []string
		for range 2 + r.IntN(4) {
			list = append(list, questions[r.IntN(len(questions))]+" "+verdicts[r.IntN(len(verdicts))])
		}
		set := loadAlone(t, fmt.Sprintf("templates: {own: {to-guest: ['%s', drop]}}\n%s", strings.Join(list, "', '"), bridged("own")))
		l := linter{set: set}
		l.saidTwice(set.Templates["own"].ToGuest)
		if len(l.found) == 0 {
			continue
		}
		said += len(l.found)
		less := set.Templates["own"]
		less.ToGuest = slices.DeleteFunc(slices.Clone(less.ToGuest), func(s rules.Statement) bool {
			return slices.ContainsFunc(l.found, func(p rules.Problem) bool { return p.Pos == s.Pos })
		})
		without := *set
		without.Templates = map[string]rules.Template{"own": less}
		for _, data := range frames {
			if with, got := judged(t, set, data), judged(t, &without, data); got != with {
				t.Fatalf("%q: %v with what is said to decide nothing (%+v), and %v without", list, with, l.found, got)
			}
		}
	}
	if said < 100 {
		t.Errorf("%d statements are said to decide nothing", said)
	}
}
