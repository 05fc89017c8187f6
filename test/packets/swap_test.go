package packets

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/frame"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// edition is one way to write the template "mine": all of them stop a false sender and let a true one pass.
func edition(t *testing.T, statements ...string) *firewall.Program {
	t.Helper()
	text := "templates:\n  mine:\n    from-guest:\n      - " + strings.Join(statements, "\n      - ") +
		"\nrules:\n  - {name: r, match: {interface: \"vif*\"}, bridge: x, firewall: mine}\n"
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(text), Library: rulesd.FS})
	if set == nil {
		t.Fatalf("%s: %v", text, report.Problems)
	}
	ruleset, err := handler.NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	return ruleset.Program()
}

// TestNoFrameIsJudgedByHalf edits a template over and over, under traffic: of a guest's true frames all arrive, of its false
// ones none, whichever edition they met.
func TestNoFrameIsJudgedByHalf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	me, victim := w.guests[0], w.guests[1]
	editions := []*firewall.Program{
		edition(t, "include source-guard"),
		edition(t, "ether saddr $mac accept", "drop"),
		edition(t, "counter", "include no-other-l2", "ether saddr != $mac counter drop", "ip saddr { 192.0.2.0/24, 198.51.100.1-198.51.100.9 } accept", "drop"),
		edition(t, "update @seen { $interface limit rate 1000000/second } ether saddr $mac return", "drop"),
	}
	install := func(p *firewall.Program) error {
		profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: "mine"}}})
		if err != nil {
			return err
		}
		guests := []firewall.Guest{
			{Interface: me.vif, Profile: profile, MACs: []firewall.MAC{firewall.MAC(me.mac)}, IPs: []netip.Prefix{netip.PrefixFrom(me.ip4, 32)}},
			{Interface: victim.vif, Profile: p.Open()},
		}
		_, err = w.table.Install(p, guests, map[string]int{me.vif: me.ifindex, victim.vif: victim.ifindex})
		return err
	}
	// A guest that comes to be judged by other templates may lose a packet that is on its way; this one is judged by "mine" already.
	if err := install(editions[0]); err != nil {
		t.Fatal(err)
	}
	stop, swaps := make(chan struct{}), make(chan int)
	go func() {
		n := 1
		defer func() { swaps <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := install(editions[n%len(editions)]); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	// No more at once than what the receiver's socket holds for certain.
	const bursts, frames = 30, 100
	for n := range uint32(bursts) {
		for i := range uint32(frames) {
			for _, src := range [][]byte{me.mac, nobody} {
				data := binary.BigEndian.AppendUint32([]byte("numbered"), n*frames+i)
				me.eth0.Send(t, frame.Build(frame.Ethernet{Src: src, Dst: victim.mac}, frame.IPv4{Src: me.ip4, Dst: victim.ip4}, frame.UDP{Src: 1, Dst: 2}, frame.Raw(data)))
			}
		}
		for i := range uint32(frames) {
			got := victim.eth0.Expect(t, "the next frame", func(got []byte) bool { return bytes.Contains(got, []byte("numbered")) })
			want, number := n*frames+i, binary.BigEndian.Uint32(got[bytes.Index(got, []byte("numbered"))+8:])
			if bytes.Equal(got[6:12], nobody) || number != want {
				t.Fatalf("instead of frame %d arrived number %d: %s", want, number, described([][]byte{got}))
			}
		}
	}
	close(stop)
	if n := <-swaps; n < 5 {
		t.Errorf("the template was edited %d times only", n)
	}
}
