package route

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/testhost"
)

// everything is a vif that is up already, and wants all there is.
func (w *world) everything(t testing.TB) Route {
	t.Helper()
	w.host.Veths(t, w.host, "vif5.0")
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "up")
	return Route{
		Ifindex: w.link(t, "vif5.0").Ifindex, Interface: "vif5.0", Guest: prefixes("192.0.2.77/32", "2001:db8::77/128", "2001:db8:1::/64"),
		Host: prefixes("192.0.2.1/32", "2001:db8::1/128"), Proxy: true, Uplink: w.link(t, "eth0"), MTU: 1400, Table: 100, Metric: 7,
		Gateways: []netip.Addr{netip.MustParseAddr("2001:db8::9")}, Neighbor: true, GuestMACs: []net.HardwareAddr{testhost.MAC("00:16:3e:00:00:05")},
		Forwarding: Families{IPv4: true, IPv6: true},
	}
}

// TestKilledAnywhere ends Apply before each of its writes. Whatever it leaves, a new process's Apply makes whole and its Undo takes
// away, killed before each write in its turn, and with the vif gone as well.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"apply", "undo", "vif gone"} {
		t.Run(next, func(t *testing.T) {
			t.Parallel()
			for n := 1; killedAt(t, n, next); n++ {
			}
		})
	}
}

// killedAt tells whether Apply has so many writes that it was killed.
func killedAt(t *testing.T, n int, next string) (wasKilled bool) {
	t.Helper()
	killed := errors.New("killed")
	w := newWorld(t)
	w.outside(t)
	var before string
	if next == "vif gone" {
		before = w.snapshot(t)
	}
	want := w.everything(t)
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "down") // as Undo leaves it
	if next != "vif gone" {
		before = w.snapshot(t)
	}
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "up")

	h := w.start()
	state, err := Prepare(h.Conn, h.Sysctls, want, State{})
	must(t, err)
	w.before = killAt(n, killed)
	_, err = Apply(t.Context(), h, want, state)
	if wasKilled = err != nil; wasKilled {
		actiontest.Error(t, err, killed, "route to vif5.0")
	}
	w.before = nil
	h = w.start(state)
	switch next {
	case "apply":
		state = apply(t, h, want, state)
	case "vif gone":
		w.host.Unplug(t, "vif5.0")
	}
	for m, err := 1, killed; err != nil; m++ {
		w.writes, w.before = 0, killAt(m, killed)
		if _, err = Undo(t.Context(), h, state); err != nil {
			actiontest.Error(t, err, killed, "take back the route to vif5.0")
		}
		w.before = nil
		h = w.start(state)
		if m > 30 {
			t.Fatalf("Undo never ends: %v", err)
		}
	}
	undoes(t, h, state)
	if len(w.saved.Changed) > 0 {
		t.Errorf("still on record: %+v", w.saved)
	}
	same(t, fmt.Sprintf("killed at write %d, then %s", n, next), before, w.snapshot(t))
	return wasKilled
}

func killAt(n int, err error) func(int) error {
	return func(write int) error {
		if write >= n {
			return err
		}
		return nil
	}
}

// TestShared: two vifs with one address, as an emulated device and a paravirtual one have; and forwarding that is turned off with the last.
func TestShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	w.host.Veths(t, w.host, "vif5.0", "vif5.0-emu")
	before := w.snapshot(t)
	h := w.start()
	one := Route{
		Ifindex: w.link(t, "vif5.0").Ifindex, Interface: "vif5.0", Guest: prefixes("192.0.2.77/32", "2001:db8::77/128"), Host: prefixes("192.0.2.1/32"),
		Proxy: true, Uplink: w.link(t, "eth0"), Forwarding: Families{IPv4: true, IPv6: true},
	}
	two := one
	two.Ifindex, two.Interface, two.Metric = w.link(t, "vif5.0-emu").Ifindex, "vif5.0-emu", 1
	first, second := apply(t, h, one, State{}), apply(t, h, two, State{})
	h = w.start(first, second) // also after a restart
	undoes(t, h, second,
		"ip link set dev vif5.0-emu down", "ip addr del 192.0.2.1/32 dev vif5.0-emu",
		"ip link set dev vif5.0-emu address "+second.MAC, "sysctl -w net/ipv4/conf/vif5.0-emu/proxy_arp=0",
		"sysctl -w net/ipv6/conf/vif5.0-emu/accept_ra=1",
	)
	unchanged(t, h, one, first)
	undoes(t, h, first)
	same(t, "both undone", before, w.snapshot(t))
}

// TestChange takes an address and the uplink from a guest.
func TestChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	want := w.everything(t)
	h := w.start()
	state := apply(t, h, want, State{})
	want.Guest, want.Host, want.Gateways, want.Neighbor = prefixes("192.0.2.77/32", "192.0.2.78/32"), prefixes("192.0.2.1/32"), nil, false
	want.Forwarding.IPv6 = false
	state = apply(t, h, want, state,
		"ip addr del 2001:db8::1/128 dev vif5.0",
		"ip neigh del 192.0.2.77 dev vif5.0", "ip neigh del 2001:db8::77 dev vif5.0", "ip neigh del proxy 2001:db8::9 dev vif5.0",
		"ip route del 2001:db8::77 dev vif5.0 table 100 proto 118 src 2001:db8::1 metric 7",
		"ip route del 2001:db8:1::/64 dev vif5.0 table 100 proto 118 src 2001:db8::1 metric 7",
		"ip route replace 192.0.2.78 dev vif5.0 table 100 proto 118 src 192.0.2.1 metric 7",
		"ip neigh del proxy 2001:db8::77 dev eth0", "ip neigh replace proxy 192.0.2.78 dev eth0 protocol 118",
	)
	old := fmt.Sprintf("if%d", want.Uplink.Ifindex)
	want.Uplink, want.Proxy = Link{}, false
	state = apply(t, h, want, state, "ip neigh del proxy 192.0.2.77 dev "+old, "ip neigh del proxy 192.0.2.78 dev "+old)
	// With the host's only address on the vif the kernel takes the routes.
	want.Host = prefixes("192.0.2.2/32")
	w.host.Run(t, "ip", "addr", "add", "192.0.2.2/24", "dev", "eth0")
	state = apply(t, h, want, state,
		"ip addr replace 192.0.2.2/32 dev vif5.0", "ip addr del 192.0.2.1/32 dev vif5.0",
		"ip route del 192.0.2.77 dev vif5.0 table 100 proto 118 src 192.0.2.1 metric 7",
		"ip route del 192.0.2.78 dev vif5.0 table 100 proto 118 src 192.0.2.1 metric 7",
		"ip route replace 192.0.2.77 dev vif5.0 table 100 proto 118 src 192.0.2.2 metric 7",
		"ip route replace 192.0.2.78 dev vif5.0 table 100 proto 118 src 192.0.2.2 metric 7",
	)
	want.Host = nil
	state = apply(t, h, want, state)
	if out := w.host.Run(t, "ip", "route", "show", "table", "100"); strings.Count(out, "dev vif5.0") != 2 {
		t.Errorf("table 100 has %q", out)
	}
	undoes(t, h, state)
}

// TestForeign: what others have made stays, at the uplink and on a vif that somebody has put into a bridge.
func TestForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	w.host.Run(t, "ip", "neigh", "add", "proxy", "192.0.2.77", "dev", "eth0")
	w.host.Run(t, "sysctl", "-w", "net.ipv4.ip_forward=1")
	want := w.everything(t)
	h := w.start()
	state := apply(t, h, want, State{})
	w.host.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "master", "br0")
	w.host.Run(t, "ip", "addr", "add", "203.0.113.1/32", "dev", "vif5.0") // without one the kernel takes all routes away
	w.host.Run(t, "ip", "route", "add", "203.0.113.0/24", "dev", "vif5.0")
	undoes(t, h, state)
	for _, one := range [][]string{
		{"ip", "neigh", "show", "proxy", "192.0.2.77", "dev", "eth0"}, {"ip", "route", "show", "203.0.113.0/24"}, {"ip", "link", "show", "up", "dev", "vif5.0"},
	} {
		if w.host.Run(t, one[0], one[1:]...) == "" {
			t.Errorf("%v shows nothing", one)
		}
	}
	if out := w.host.Run(t, "ip", "route", "show", "table", "all", "proto", "118"); out != "" {
		t.Errorf("still there: %s", out)
	}
	if got, err := w.sysctls.Get([]string{"ipv4", "ip_forward"}); err != nil || got != "1" {
		t.Errorf("ip_forward is %s, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	want := w.everything(t)
	h := w.start()
	state, err := Prepare(h.Conn, h.Sysctls, want, State{})
	must(t, err)

	two := want
	two.GuestMACs = nil
	_, err = Prepare(h.Conn, h.Sysctls, two, State{})
	actiontest.Error(t, err, err, "needs the guest's MAC, of which 0 are known")

	lost := want
	lost.Uplink = Link{Ifindex: 4711, Name: "eth9"}
	_, err = Apply(t.Context(), h, lost, state)
	actiontest.Error(t, err, ErrNoUplink, "eth9")

	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "down")
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "name", "web")
	_, err = Apply(t.Context(), h, want, state)
	actiontest.Error(t, err, ErrRenamed, "it is called web now")
	_, err = Undo(t.Context(), h, state)
	actiontest.Error(t, err, ErrRenamed, "take back the route to vif5.0")
	w.host.Unplug(t, "web")
	_, err = Apply(t.Context(), h, want, state)
	actiontest.Error(t, err, ErrGone, "")
	actiontest.Error(t, err, rtnl.ErrNotFound, "")
	undoes(t, h, state)
}

// TestOwnSource: the host's addresses on the vif are nowhere else, and are sources of routes at once; one has the wrong length before.
func TestOwnSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host.Veths(t, w.host, "vif5.0")
	w.host.Run(t, "ip", "addr", "add", "10.77.0.1/24", "dev", "vif5.0")
	w.host.Run(t, "ip", "addr", "add", "fd77::1/64", "dev", "vif5.0")
	w.host.Run(t, "ip", "link", "set", "dev", "vif5.0", "up")
	w.host.Run(t, "sysctl", "-w", "net/ipv6/conf/default/disable_ipv6=1")
	h := w.start()
	want := Route{
		Ifindex: w.link(t, "vif5.0").Ifindex, Interface: "vif5.0", Guest: prefixes("10.77.0.2/32", "fd77::2/128"),
		Host: prefixes("10.77.0.1/32", "fd77::1/128", "fe80::1/64"), MAC: w.mac(t, "vif5.0"),
	}
	state := apply(t, h, want, State{},
		"sysctl -w net/ipv6/conf/vif5.0/accept_ra=0",
		"ip addr del 10.77.0.1/24 dev vif5.0", "ip addr del fd77::1/64 dev vif5.0",
		"ip addr replace 10.77.0.1/32 dev vif5.0", "ip addr replace fd77::1/128 dev vif5.0 nodad noprefixroute",
		"ip addr replace fe80::1/64 dev vif5.0 nodad",
		"ip route replace 10.77.0.2 dev vif5.0 proto 118 src 10.77.0.1 metric 2",
		"ip route replace fd77::2 dev vif5.0 proto 118 src fd77::1 metric 2",
	)
	undoes(t, h, state)
	if out := w.host.Run(t, "ip", "addr", "show", "dev", "vif5.0"); strings.Contains(out, "77") {
		t.Errorf("still there: %s", out)
	}

	// Where the host has no IPv6 on new links a guest of IPv6 gets it.
	w.host.Veths(t, w.host, "vif6.0")
	want.Ifindex, want.Interface, want.MAC = w.link(t, "vif6.0").Ifindex, "vif6.0", nil
	state = apply(t, h, want, State{})
	undoes(t, h, state)
	if got, err := w.sysctls.Get(sysctl.IPv6("vif6.0", "disable_ipv6")); err != nil || got != "1" {
		t.Errorf("disable_ipv6 is %s, %v", got, err)
	}
}
