package bench

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/frame"
	"vifd/internal/nft"
	"vifd/internal/testhost"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// guarded is a host with a bridge, a sender and a receiver in it, and any number of guests that only the firewall knows.
type guarded struct {
	*testhost.Host
	guests   int
	table    *firewall.Table
	program  *firewall.Program
	sender   *testhost.Port
	receiver *testhost.Host
	frame    []byte
	times    []time.Duration
}

// sourceGuard is the program of the default guard, perhaps with another statement before it.
func sourceGuard(b *testing.B, statement string) *firewall.Program {
	b.Helper()
	text := "templates:\n  mine:\n    from-guest:\n      - " + statement + "\n      - include source-guard\n" +
		"rules:\n  - {name: r, match: {interface: \"vif*\"}, bridge: x, firewall: mine}\n"
	set, report := rules.Load(rules.Options{
		Paths: []string{"r.yaml"}, FS: oneFile(text), Library: rulesd.FS,
	})
	if set == nil {
		b.Fatal(report.Problems)
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		b.Fatal(err)
	}
	return rs.Program()
}

func newGuarded(b *testing.B, guests int) *guarded {
	b.Helper()
	h := &guarded{Host: testhost.New(b), guests: guests, program: sourceGuard(b, "counter")}
	var conn *nft.Conn
	h.Do(b, func() (err error) {
		conn, err = nft.Dial()
		return err
	})
	b.Cleanup(func() { _ = conn.Close() })
	var err error
	if h.table, err = firewall.OpenTable(conn); err != nil {
		b.Fatal(err)
	}
	h.Run(b, "ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
	h.Run(b, "ip", "link", "set", "br0", "up")
	from, to := newGuest(1), newGuest(2)
	machines := make([]*testhost.Host, 2)
	for i, g := range []guest{from, to} {
		mac := firewall.MAC(g.mac)
		machines[i] = h.Guest(b, g.name, mac.String())
		h.Run(b, "ip", "link", "set", g.name, "master", "br0", "up")
	}
	h.WaitUp(b, from.name, to.name)
	h.sender, h.receiver = machines[0].Packet(b, testhost.GuestIf), machines[1]
	h.frame = frame.Build(frame.Ethernet{Src: from.mac[:], Dst: to.mac[:]},
		frame.IPv4{Src: netip.AddrFrom4(from.ip4), Dst: netip.AddrFrom4(to.ip4)}, frame.UDP{Src: 9, Dst: 9}, frame.Raw(make([]byte, 22)))
	h.install(b, h.program)
	return h
}

// install puts p in force, with every guest.
func (h *guarded) install(b *testing.B, p *firewall.Program) {
	b.Helper()
	var guests []firewall.Guest
	owners := make(map[string]int)
	for i := 1; i <= max(2, h.guests); i++ {
		g := h.known(b, p, i)
		guests = append(guests, g)
		owners[g.Interface] = i
	}
	if _, err := h.table.Install(p, guests, owners); err != nil {
		b.Fatal(err)
	}
}

// known is guest n as the firewall knows it.
func (h *guarded) known(b *testing.B, p *firewall.Program, n int) firewall.Guest {
	b.Helper()
	profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: "mine"}}})
	if err != nil {
		b.Fatal(err)
	}
	g := newGuest(n)
	return firewall.Guest{
		Interface: g.name, Profile: profile, MACs: []firewall.MAC{g.mac},
		IPs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(g.ip4), 32), netip.PrefixFrom(netip.AddrFrom16(g.ip6), 128)},
	}
}

const burst = 20_000

// forward sends a burst of frames and returns how long the host took to bring them across: the kernel does all of it within
// the sender's system call.
func (h *guarded) forward(b *testing.B) time.Duration {
	b.Helper()
	begin := time.Now()
	for range burst {
		h.sender.Send(b, h.frame)
	}
	return time.Since(begin)
}

func (h *guarded) received(b *testing.B) (n uint64) {
	b.Helper()
	link, err := h.receiver.Links().LinkByName(testhost.GuestIf)
	if err != nil {
		b.Fatal(err)
	}
	return link.Attrs().Statistics.RxPackets
}

// BenchmarkForwarding measures budget 6: frames across the bridge with 1, 1 000 and 5 000 guarded guests, and what the guard
// costs at all.
func BenchmarkForwarding(b *testing.B) {
	open := newGuarded(b, 1)
	open.Run(b, "nft", "delete", "table", "bridge", "vifd")
	sides := []*guarded{newGuarded(b, 1), newGuarded(b, 1_000), newGuarded(b, 5_000), open}
	for range b.N {
		for lap := range 15 {
			for _, h := range sides {
				before := h.received(b)
				took := h.forward(b)
				if got := h.received(b) - before; got < burst {
					b.Fatalf("%d of %d frames came across", got, burst)
				}
				if lap > 0 {
					h.times = append(h.times, took)
				}
			}
		}
	}
	rate := func(h *guarded) float64 {
		slices.Sort(h.times)
		return burst / h.times[len(h.times)/2].Seconds()
	}
	for i, name := range []string{"1 guest", "1 000 guests", "5 000 guests", "no firewall"} {
		fmt.Printf("forwarding, %s: %.0f frames/s (median of %d bursts)\n", name, rate(sides[i]), len(sides[i].times))
	}
	atLeast("6: frames/s with 1 000 guarded guests against 1", rate(sides[1])/rate(sides[0]), 0.95)
	fmt.Printf("frames/s with 5 000 guarded guests against 1: %.2f; with one against no firewall: %.2f\n", rate(sides[2])/rate(sides[0]), rate(sides[0])/rate(sides[3]))
}

// BenchmarkGuestChange measures what it takes to tell the firewall of a guest, and to forget it, with few and with many
// present; and the same where the guest has a prefix.
func BenchmarkGuestChange(b *testing.B) {
	few, many := newGuarded(b, 10), newGuarded(b, 10_000)
	type series struct{ add, remove []time.Duration }
	seen := map[string]*series{}
	for range b.N {
		for lap := range 320 {
			for _, h := range []*guarded{few, many} {
				for _, kind := range []string{"addresses", "a prefix"} {
					g := h.known(b, h.program, probe)
					if kind == "a prefix" {
						g.IPs = append(g.IPs, netip.MustParsePrefix("10.200.0.0/28"), netip.MustParsePrefix("fd00:200::/64"))
					}
					alone()
					begin := time.Now()
					if _, err := h.table.Set(&g, probe); err != nil {
						b.Fatal(err)
					}
					added := time.Since(begin)
					alone()
					begin = time.Now()
					if _, err := h.table.Remove(g.Interface, probe); err != nil {
						b.Fatal(err)
					}
					removed := time.Since(begin)
					if lap < 20 {
						continue
					}
					key := h.present() + " present, " + kind
					if seen[key] == nil {
						seen[key] = &series{}
					}
					seen[key].add, seen[key].remove = append(seen[key].add, added), append(seen[key].remove, removed)
				}
			}
		}
	}
	for _, key := range []string{"10 present, addresses", "10 000 present, addresses", "10 present, a prefix", "10 000 present, a prefix"} {
		s := seen[key]
		slices.Sort(s.add)
		slices.Sort(s.remove)
		fmt.Printf("a guest with %s: add p50 %v, remove p50 %v\n", key, s.add[len(s.add)/2].Round(100*time.Nanosecond), s.remove[len(s.remove)/2].Round(100*time.Nanosecond))
	}
	ratio := func(of func(*series) []time.Duration, kind string) float64 {
		return float64(of(seen["10 000 present, "+kind])[150]) / float64(of(seen["10 present, "+kind])[150])
	}
	for _, kind := range []string{"addresses", "a prefix"} {
		fmt.Printf("with 10 000 present against 10, %s: add %.2f times as long, remove %.2f times\n", kind,
			ratio(func(s *series) []time.Duration { return s.add }, kind), ratio(func(s *series) []time.Duration { return s.remove }, kind))
	}
}

// BenchmarkRecompile edits a template under traffic, with 1 000 guests: how long until the new one is in force, and whether a
// frame is lost.
func BenchmarkRecompile(b *testing.B) {
	h := newGuarded(b, 1_000)
	editions := []*firewall.Program{sourceGuard(b, "counter"), sourceGuard(b, "ether saddr != $mac drop")}
	var times []time.Duration
	for range b.N {
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				begin := time.Now()
				h.install(b, editions[i%2])
				times = append(times, time.Since(begin))
			}
		}()
		before := h.received(b)
		for range 10 {
			h.forward(b)
		}
		close(stop)
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		fmt.Printf("a template edited under traffic, 1 000 guests: %d times, p50 %v, %d of %d frames lost\n", len(times),
			median(times).Round(10*time.Microsecond), max(0, int64(10*burst)-int64(h.received(b)-before)), 10*burst)
	}
}

func (h *guarded) present() string {
	if h.guests == 10 {
		return "10"
	}
	return "10 000"
}

// alone lets the time pass in which a request would be taken for one of many, and wait for others.
func alone() { <-time.After(6 * time.Millisecond) }

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// atLeast prints a budget that is a lower bound.
func atLeast(what string, got, budget float64) {
	word := "met"
	if got < budget {
		word = "MISSED"
	}
	fmt.Printf("budget %s: %.2f, at least %.2f: %s\n", what, got, budget, word)
}
