package nat_test

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/actions/nat"
	"vifd/internal/conntrack"
	"vifd/internal/testhost"
)

// question is asked over tcp and udp.
type question struct {
	by       string // a guest, "host" or "outside"
	from, to string // addresses
	port     int
	want     string
}

func (w *world) ask(t *testing.T, questions []question) {
	t.Helper()
	for _, q := range questions {
		h := w.guests[q.by]
		switch q.by {
		case "host":
			h = w.host
		case "outside":
			h = w.outside
		}
		for _, network := range []string{"tcp", "udp"} {
			if got := ask(h, network, q.from, q.to, q.port); got != q.want {
				t.Errorf("%s asks %s port %d of %s (from %q): %q, want %q", q.by, network, q.port, q.to, q.from, got, q.want)
			}
		}
	}
}

// TestOut sends by masquerade, and what stays inside without.
func TestOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "vif1.0", "vif300.1")
	serve(t, w.outside, "outside", 7)
	serve(t, w.guests["vif1.0"], "one", 7)
	install(t, w.table, compile(t, private), guest(t, "vif1.0"))
	set(t, w.table, guest(t, "vif300.1"), 2)
	one4, one6 := derived(t, "vif1.0")
	two4, two6 := derived(t, "vif300.1")
	w.ask(t, []question{
		{"vif1.0", "", outside4, 7, "outside:7 sees " + host4},
		{"vif1.0", "", outside6, 7, "outside:7 sees " + host6},
		{"vif300.1", "", outside4, 7, "outside:7 sees " + host4},
		{"vif300.1", "", outside6, 7, "outside:7 sees " + host6},
		{"vif300.1", "", one4.Target.String(), 7, "one:7 sees " + two4.Target.String()},
		{"vif300.1", "", one6.Target.String(), 7, "one:7 sees " + two6.Target.String()},
		{"host", "", outside4, 7, "outside:7 sees " + host4},
	})
	// Another address in the guest's own /64 is its as well.
	other := strings.TrimSuffix(two6.Guest.Addr().String(), "::") + "::abcd"
	w.guests["vif300.1"].Run(t, "ip", "addr", "add", other+"/64", "dev", "eth0", "nodad")
	w.ask(t, []question{{"vif300.1", other, outside6, 7, "outside:7 sees " + host6}})

	wire := w.outside.Packet(t, testhost.GuestIf)
	for to, from := range map[string]string{outside4: host4, outside6: host6} {
		w.guests["vif1.0"].Run(t, "ping", "-c", "1", "-W", "5", to)
		frame := wire.Expect(t, "the ping to "+to, func(frame []byte) bool { return pinger(frame).Is4() == (to == outside4) && pinger(frame).IsValid() })
		if got := pinger(frame).String(); got != from {
			t.Errorf("the ping to %s comes from %s, want %s", to, got, from)
		}
	}
}

// pinger is the source of an echo request; invalid: the frame is none.
func pinger(frame []byte) (src netip.Addr) {
	switch {
	case len(frame) > 34 && frame[12] == 0x08 && frame[13] == 0 && frame[23] == unix.IPPROTO_ICMP && frame[34] == 8:
		src, _ = netip.AddrFromSlice(frame[26:30])
	case len(frame) > 54 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == unix.IPPROTO_ICMPV6 && frame[54] == 128:
		src, _ = netip.AddrFromSlice(frame[22:38])
	}
	return src
}

// TestForwards reaches guests by the host's address: from outside, from guests, the forwarded one included, and from the host.
func TestForwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "vif1.0", "vif2.0", "vif3.0")
	serve(t, w.guests["vif1.0"], "one", 80, 5000, 5002, 6001, 90)
	serve(t, w.guests["vif2.0"], "two", 80)
	serve(t, w.host, "host", 22, 8080)
	w.host.Run(t, "ip", "addr", "add", "198.51.100.9/24", "dev", "eth0")
	w.host.Run(t, "ip", "addr", "add", "2001:db8:1::9/64", "dev", "eth0", "nodad")
	var forwards []nat.Forward
	for _, p := range []nat.Protocol{nat.TCP, nat.UDP} {
		forwards = append(forwards,
			nat.Forward{Protocol: p, First: 8080, To: 80},
			nat.Forward{Protocol: p, First: 5000, Last: 5002},
			nat.Forward{Protocol: p, First: 7000, Last: 7002, To: 6000},
			nat.Forward{Protocol: p, First: 90, From: []netip.Prefix{
				netip.MustParsePrefix(outside4 + "/32"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:1::2/127"),
			}},
		)
	}
	install(t, w.table, compile(t, private), guest(t, "vif1.0"))
	set(t, w.table, guest(t, "vif1.0", forwards...), 1)
	set(t, w.table, guest(t, "vif3.0"), 3)
	var at []nat.Forward
	for _, p := range []nat.Protocol{nat.TCP, nat.UDP} {
		at = append(at, nat.Forward{Protocol: p, First: 81, To: 80, Host: netip.MustParseAddr("198.51.100.9")},
			nat.Forward{Protocol: p, First: 81, To: 80, Host: netip.MustParseAddr("2001:db8:1::9")},
			nat.Forward{Protocol: p, First: 82, To: 80, Host: netip.MustParseAddr("198.51.100.9"), From: []netip.Prefix{netip.MustParsePrefix("198.51.100.3/32")}})
	}
	set(t, w.table, guest(t, "vif2.0", at...), 2)

	one4, one6 := derived(t, "vif1.0")
	two4, two6 := derived(t, "vif2.0")
	three4, three6 := derived(t, "vif3.0")
	w.ask(t, []question{
		{"outside", "", host4, 8080, "one:80 sees " + outside4},
		{"outside", "", host6, 8080, "one:80 sees " + outside6},
		{"outside", "", host4, 5002, "one:5002 sees " + outside4},
		{"outside", "", host6, 5000, "one:5000 sees " + outside6},
		{"outside", "", host4, 7001, "one:6001 sees " + outside4},
		{"outside", "", host6, 7001, "one:6001 sees " + outside6},
		{"outside", "", host4, 7003, "refused"},
		{"outside", "", host4, 22, "host:22 sees " + outside4},

		// From chosen addresses.
		{"outside", outside4, host4, 90, "one:90 sees " + outside4},
		{"outside", outside6, host6, 90, "one:90 sees " + outside6},
		{"outside", "198.51.100.3", host4, 90, "refused"},
		{"outside", "2001:db8:1::3", host6, 90, "one:90 sees 2001:db8:1::3"},
		{"vif2.0", "", host4, 90, "refused"},
		{"vif2.0", "", host6, 90, "refused"},

		// By one address of the host's.
		{"outside", "", "198.51.100.9", 81, "two:80 sees " + outside4},
		{"outside", outside6, "2001:db8:1::9", 81, "two:80 sees " + outside6},
		{"outside", "", host4, 81, "refused"},
		{"outside", "198.51.100.3", "198.51.100.9", 82, "two:80 sees 198.51.100.3"},
		{"outside", outside4, "198.51.100.9", 82, "refused"},
		{"host", "", "198.51.100.9", 81, "two:80 sees " + host4},
		{"vif1.0", "", "198.51.100.9", 81, "two:80 sees " + one4.Target.String()},
		{"vif2.0", "", "198.51.100.9", 81, "two:80 sees " + two4.Gateway.String()},

		// Hairpin: another guest, the same one, and the host.
		{"vif3.0", "", host4, 8080, "one:80 sees " + three4.Target.String()},
		{"vif3.0", "", host6, 8080, "one:80 sees " + three6.Target.String()},
		{"vif3.0", "", host4, 7001, "one:6001 sees " + three4.Target.String()},
		{"vif1.0", "", host4, 8080, "one:80 sees " + one4.Gateway.String()},
		{"vif1.0", "", host6, 8080, "one:80 sees " + one6.Gateway.String()},
		{"host", "", host4, 8080, "one:80 sees " + host4},
		{"host", "", host6, 8080, "one:80 sees " + host6},
		// The host's own services stay to be had by its own name.
		{"host", "", "127.0.0.1", 8080, "host:8080 sees 127.0.0.1"},
		{"host", "", "::1", 8080, "host:8080 sees ::1"},

		{"vif1.0", "", two4.Target.String(), 80, "two:80 sees " + one4.Target.String()},
		{"vif1.0", "", two6.Target.String(), 80, "two:80 sees " + one6.Target.String()},
	})

	for i, name := range []string{"vif1.0", "vif2.0", "vif3.0"} {
		owner := []int{1, 2, 3}[i]
		if remove(t, w.table, name, owner+7) {
			t.Errorf("%s was removed for another interface of its name", name)
		}
		if !remove(t, w.table, name, owner) {
			t.Errorf("removing %s wrote nothing", name)
		}
	}
	if list := w.host.Run(t, "nft", "list", "ruleset"); strings.Contains(list, "elements") {
		t.Errorf("after all guests have gone there is\n%s", list)
	}
	flows := forget(t, w, one4.Guest, one6.Guest, two4.Guest, two6.Guest, three4.Guest, three6.Guest)
	if flows == 0 {
		t.Error("no connection was ended")
	}
	if list := w.host.Run(t, "conntrack", "-L"); regexp.MustCompile(`10\.77\.|fd77:`).MatchString(list) {
		t.Errorf("connections of gone guests are left:\n%s", list)
	}
	if list := w.host.Run(t, "conntrack", "-L", "-f", "ipv6"); strings.Contains(list, "fd77:") {
		t.Errorf("connections of gone guests are left:\n%s", list)
	}
	w.ask(t, []question{{"outside", "", host4, 8080, "host:8080 sees " + outside4}, {"outside", "", host6, 5000, "refused"}})

	if !install(t, w.table, compile(t)) {
		t.Error("nothing was removed")
	}
	if list := w.host.Run(t, "nft", "list", "ruleset"); list != "" {
		t.Errorf("without networks there is left\n%s", list)
	}
}

// forget ends connections.
func forget(t *testing.T, w *world, of ...netip.Prefix) (n int) {
	t.Helper()
	w.host.Do(t, func() error {
		c, err := conntrack.Dial()
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		flows, err := c.Flows(t.Context(), of)
		for _, f := range flows {
			gone, lost := c.Delete(f)
			if err = errors.Join(err, lost); gone {
				n++
			}
		}
		return err
	})
	return n
}

// TestConnectionsOutliveTheGuest until they are ended: a client that never stops sending is led to the guest that has the port now only then.
func TestConnectionsOutliveTheGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "vif1.0", "vif2.0")
	serve(t, w.guests["vif1.0"], "one", 80)
	serve(t, w.guests["vif2.0"], "two", 80)
	serve(t, w.outside, "outside", 7)
	f := nat.Forward{Protocol: nat.UDP, First: 8080, To: 80}
	install(t, w.table, compile(t, private), guest(t, "vif1.0", f))
	w.ask(t, []question{{"vif1.0", "", outside4, 7, "outside:7 sees " + host4}})
	client := dialUDP(t, w.outside, host4+":8080")
	if got := client(); got != "one:80 sees "+outside4 {
		t.Fatalf("the first guest: %q", got)
	}
	remove(t, w.table, "vif1.0", 0)
	set(t, w.table, guest(t, "vif2.0", f), 2)
	if got := client(); got != "one:80 sees "+outside4 {
		t.Fatalf("the connection did not go on: %q", got)
	}
	one4, _ := derived(t, "vif1.0")
	if n := forget(t, w, one4.Guest); n != 3 { // the one from outside, and the guest's own two
		t.Errorf("%d connections were ended, want 3:\n%s", n, w.host.Run(t, "conntrack", "-L"))
	}
	if got := client(); got != "two:80 sees "+outside4 {
		t.Errorf("the next guest: %q", got)
	}
}
