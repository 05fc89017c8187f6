package packets

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
)

// judgedBy puts a list of templates in force for me and for friend, and none for others.
func (w *world) judgedBy(t *testing.T, c *cast, templates ...firewall.Ref) {
	t.Helper()
	p, lists := compile(t, false, templates)
	profile, err := p.Profile(lists[0])
	if err != nil {
		t.Fatal(err)
	}
	var guests []firewall.Guest
	owners := make(map[string]int)
	for _, g := range w.guests {
		judged := firewall.Guest{Interface: g.vif, Profile: p.Open(), MACs: []firewall.MAC{firewall.MAC(g.mac)}, IPs: []netip.Prefix{netip.PrefixFrom(g.ip4, 32), netip.PrefixFrom(g.ip6, 128)}}
		if g == c.me || g == c.friend {
			judged.Profile = profile
		}
		guests, owners[g.vif] = append(guests, judged), g.ifindex
	}
	if _, err := w.table.Install(p, guests, owners); err != nil {
		t.Fatal(err)
	}
}

// A guest's flood ends at its limit, and others' limits are their own.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	c := w.cast()
	closer := w.guests[4]
	const burst, flood = 20, 400
	rate := []string{fmt.Sprintf("1/hour burst %d packets", burst)}
	to, next := c.to(), frame.Ethernet{Src: c.friend.mac, Dst: c.victim.mac}
	syn := func(eth frame.Ethernet, src netip.Addr) []byte {
		return frame.Build(eth, frame.IPv4{Src: src, Dst: c.victim.ip4}, frame.TCP{Src: 4000, Dst: 80, Flags: frame.SYN})
	}
	for _, tt := range []struct {
		limit         firewall.Ref
		mine, friends []byte
		free          []byte // what is not counted
	}{
		{
			firewall.Ref{Template: "bum-limit", With: map[string][]string{"most": rate}},
			udp(c.all(), c.me.ip4, broadcast4)[0], udp(frame.Ethernet{Src: c.friend.mac, Dst: frame.Broadcast()}, c.friend.ip4, broadcast4)[0], syn(to, c.me.ip4),
		},
		{
			firewall.Ref{Template: "syn-limit", With: map[string][]string{"most": rate}},
			syn(to, c.me.ip4), syn(next, c.friend.ip4), frame.Build(to, frame.IPv4{Src: c.me.ip4, Dst: c.victim.ip4}, frame.TCP{Src: 4000, Dst: 80, Flags: frame.ACK}),
		},
	} {
		w.introduce(t)
		w.judgedBy(t, c, tt.limit)
		for _, f := range []struct {
			from *guest
			what []byte
			want int
		}{{c.me, tt.mine, burst}, {c.friend, tt.friends, burst}, {c.me, tt.mine, 0}, {c.me, tt.free, flood}} {
			got := w.exchange(t, f.from, closer, slices.Repeat([][]byte{f.what}, flood), c.victim.eth0)[0]
			if len(got) < f.want || len(got) > f.want+f.want/10 {
				t.Errorf("%s: of %d frames of %s there arrived %d, want %d: %s", tt.limit.Template, flood, f.from.vif, len(got), f.want, described([][]byte{f.what}))
			}
		}
	}
}

// A list that ends in no-other-traffic passes what is named, and nothing else.
func TestClosedList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	c := w.cast()
	closer := w.guests[4]
	w.introduce(t)
	w.judgedBy(t, c, refs("allow-dhcp", "announce-self", "source-guard", "allow-arp", "no-other-traffic")...)
	passes := regexp.MustCompile(`^(ARP|gratuitous|RARP)|^DHCP (discover|re)`)
	for _, s := range sayings(c) {
		arrived := w.exchange(t, c.me, closer, s.frames, c.victim.eth0)[0]
		if got := whole(s.frames, arrived); got != passes.MatchString(s.name) {
			t.Errorf("%s: that it arrived is %v", s.name, got)
		}
	}
	for _, a := range attacks(c) {
		if arrived := w.exchange(t, c.me, closer, a.frames, c.victim.eth0)[0]; len(arrived) > 0 {
			t.Errorf("%s arrived: %s", a.name, described(arrived))
		}
	}
	w.judgedBy(t, c, refs("announce-self", "no-other-traffic")...)
	for _, s := range sayings(c) {
		arrived := w.exchange(t, c.me, closer, s.frames, c.victim.eth0)[0]
		if got := whole(s.frames, arrived); got != regexp.MustCompile("^(gratuitous|RARP)").MatchString(s.name) {
			t.Errorf("%s: that announce-self alone lets it pass is %v", s.name, got)
		}
	}
}

// A set whose keys a guest can choose is full for everybody when one guest has filled it, as docs/firewall.md says: a limit that lets
// pass what is below it lets nobody new pass, one that drops what is above it stops nobody new. Keys that are an interface alone are as
// many as there are guests.
func TestWhoFillsASetFillsItForAll(t *testing.T) {
	t.Parallel()
	const room, frames = 65535, 20
	w := newWorld(t, 5)
	c := w.cast()
	closer := w.guests[4]
	w.introduce(t)
	udp := func(g *guest, station net.HardwareAddr, dst netip.Addr) []byte {
		return frame.Build(frame.Ethernet{Src: g.mac, Dst: station}, frame.IPv4{Src: g.ip4, Dst: dst}, frame.UDP{Src: 1, Dst: 2})
	}
	for _, tt := range []struct {
		name  string
		lines []string
		want  int // of the friend's frames, while the set is full
	}{
		{"below", []string{"include source-guard", "update @k { $interface . ip daddr limit rate 1000000/second burst 1000000 packets } accept", "drop"}, 0},
		{"above", []string{"include source-guard", "update @k { $interface . ip daddr limit rate over 1/hour burst 1 packets } drop"}, frames},
		{"each", []string{"include source-guard", "update @k { $interface limit rate over 1/hour burst 5 packets } drop"}, 5},
	} {
		p := edition(t, tt.lines...)
		profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: "mine"}}})
		if err != nil {
			t.Fatal(err)
		}
		var guests []firewall.Guest
		for _, g := range w.guests {
			judged := firewall.Guest{Interface: g.vif, Profile: p.Open(), MACs: []firewall.MAC{firewall.MAC(g.mac)}, IPs: []netip.Prefix{netip.PrefixFrom(g.ip4, 32)}}
			if g == c.me || g == c.friend {
				judged.Profile = profile
			}
			guests = append(guests, judged)
		}
		if _, err := w.table.Install(p, guests, nil); err != nil {
			t.Fatal(err)
		}
		for i := range room { // to itself, so that it is judged and goes no further
			c.me.eth0.Send(t, udp(c.me, c.me.mac, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})))
		}
		w.exchange(t, c.me, closer, nil, c.victim.eth0)
		if got := w.exchange(t, c.friend, closer, slices.Repeat([][]byte{udp(c.friend, c.victim.mac, c.victim.ip4)}, frames), c.victim.eth0)[0]; len(got) != tt.want {
			t.Errorf("%s: of another's %d frames there arrived %d, want %d", tt.name, frames, len(got), tt.want)
		}
	}
}
