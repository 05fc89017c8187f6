package packets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/frame"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// unclaimed is a program with n templates that all stop a false sender, for guests whose names no rule claims beforehand, and the
// profiles of the first and the last of them.
func unclaimed(t *testing.T, n int, prefix string) (p *firewall.Program, ends [2]firewall.Profile) {
	t.Helper()
	var b strings.Builder
	b.WriteString("templates:\n")
	for i := range n {
		fmt.Fprintf(&b, "  %s%02d: {from-guest: [%q]}\n", prefix, i, "ether saddr != $mac drop")
	}
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: r%d, match: {domain: d%d}, bridge: x, firewall: %s%02d}\n", i, i, prefix, i)
	}
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(b.String()), Library: rulesd.FS})
	if set == nil {
		t.Fatalf("%s: %v", b.String(), report.Problems)
	}
	ruleset, err := handler.NewRuleset(set)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{0, n - 1} {
		if ends[i], err = ruleset.Program().Profile(firewall.List{Refs: []firewall.Ref{{Template: fmt.Sprintf("%s%02d", prefix, n)}}}); err != nil {
			t.Fatal(err)
		}
	}
	return ruleset.Program(), ends
}

// TestAMovedGuestIsNeverUnjudged has a guest, whose name no rule claims, judged by one template after the other, under traffic: each
// of them stops its false frames, so none may arrive. A packet that looks for its guest where it is not yet, and then where it is no
// more, must not pass for one of nobody's.
func TestAMovedGuestIsNeverUnjudged(t *testing.T) {
	t.Parallel()
	const templates = 30
	w := newWorld(t, 3)
	me, victim, friend := w.guests[0], w.guests[1], w.guests[2]
	one, ends := unclaimed(t, templates, "one")
	two, others := unclaimed(t, templates, "two")
	guest := func(profile firewall.Profile) *firewall.Guest {
		return &firewall.Guest{Interface: me.vif, Profile: profile, MACs: []firewall.MAC{firewall.MAC(me.mac)}, IPs: []netip.Prefix{netip.PrefixFrom(me.ip4, 32)}}
	}
	install := func(p *firewall.Program, profile firewall.Profile) error {
		_, err := w.table.Install(p, []firewall.Guest{*guest(profile), {Interface: victim.vif, Profile: p.Open()}, {Interface: friend.vif, Profile: p.Open()}}, nil)
		return err
	}
	lie := frame.Build(frame.Ethernet{Src: nobody, Dst: victim.mac}, frame.IPv4{Src: me.ip4, Dst: victim.ip4}, frame.UDP{Src: 1, Dst: 2})
	for _, tt := range []struct {
		name  string
		moves int
		move  func(n int) error
	}{
		{"from chain to chain", 400, func(n int) error {
			_, err := w.table.Set(guest(ends[n%2]), me.ifindex)
			return err
		}},
		{"from rules to rules", 60, func(n int) error {
			if n%2 == 0 {
				return install(one, ends[0])
			}
			return install(two, others[1])
		}},
	} {
		if err := install(one, ends[1]); err != nil {
			t.Fatal(err)
		}
		moved := make(chan error, 1)
		go func() {
			for n := range tt.moves {
				if err := tt.move(n); err != nil {
					moved <- err
					return
				}
			}
			moved <- nil
		}()
		sent := 0
		for moving := true; moving; sent++ {
			select {
			case err := <-moved:
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				moving = false
			default:
			}
			me.eth0.Send(t, lie)
		}
		if passed := w.exchange(t, friend, friend, nil, victim.eth0)[0]; len(passed) > 0 {
			t.Errorf("%s: %d of %d false frames passed", tt.name, len(passed), sent)
		}
		if sent < tt.moves {
			t.Errorf("%s: %d frames were sent while the guest was moved %d times", tt.name, sent, tt.moves)
		}
	}
}
