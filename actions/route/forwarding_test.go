package route

import (
	"errors"
	"strings"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// TestAdvertisedRouteStays: a host whose default route was advertised by a router keeps it when it begins to forward, by whatever link.
func TestAdvertisedRouteStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	w.host.Veths(t, w.host, "eth1")
	for _, name := range []string{"eth1", "peth1"} {
		w.host.Run(t, "ip", "link", "set", "dev", name, "up")
	}
	// As a router's advertisement makes it: what the kernel asks for is the flags that ip(8) cannot set, and its own mark.
	w.host.Run(t, "ip", "-6", "route", "add", "default", "via", "fe80::9", "dev", "eth1", "proto", "ra")
	h := w.start()
	user := State{Ifindex: 99, Forwarding: Families{IPv6: true}, Uplink: w.link(t, "eth0")}
	set, err := h.Shared.Use(t.Context(), h.Conn, h.Sysctls, user)
	must(t, err)
	wantSettings(t, set, "eth0 accept_ra=2", "eth1 accept_ra=2", "all forwarding=1")
	set, err = h.Shared.Release(h.Sysctls, 99)
	must(t, err)
	wantSettings(t, set, "all forwarding=0", "eth1 accept_ra=1", "eth0 accept_ra=1")
}

func wantSettings(t testing.TB, set []Setting, want ...string) {
	t.Helper()
	var got []string
	for _, s := range set {
		got = append(got, s.Name[2]+" "+s.Name[3]+"="+s.New)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("set %v, want %v", got, want)
	}
}

// TestForwardingIsPutBackWhole: what the kernel changes along with forwarding comes back too; what somebody has decided since does not.
func TestForwardingIsPutBackWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	for name, value := range map[string]string{
		"net.ipv4.conf.all.accept_redirects": "0", "net.ipv4.conf.eth0.forwarding": "1", "net.ipv6.conf.eth0.forwarding": "1",
		"net.ipv4.conf.default.forwarding": "1", "net.ipv6.conf.default.forwarding": "1",
	} {
		w.host.Run(t, "sysctl", "-w", name+"="+value)
	}
	before := w.snapshot(t)
	user := State{Ifindex: 99, Forwarding: Families{IPv4: true, IPv6: true}, Uplink: w.link(t, "eth0")}
	killed := errors.New("killed")
	for n := 1; ; n++ { // Use and Release are killed at each write, and others go on
		h := w.start()
		w.writes, w.before = 0, killAt(n, killed)
		_, err := h.Shared.Use(t.Context(), h.Conn, h.Sysctls, user)
		if err == nil {
			_, err = h.Shared.Release(h.Sysctls, user.Ifindex)
		}
		w.before = nil
		h = w.start(user)
		_, again := h.Shared.Release(h.Sysctls, user.Ifindex)
		must(t, again)
		same(t, "put back", before, w.snapshot(t))
		if err == nil {
			break
		}
		actiontest.Error(t, err, killed, "")
	}

	h := w.start()
	_, err := h.Shared.Use(t.Context(), h.Conn, h.Sysctls, State{Ifindex: 99, Forwarding: Families{IPv4: true}})
	must(t, err)
	w.host.Run(t, "sysctl", "-w", "net.ipv4.ip_forward=0")
	w.host.Run(t, "sysctl", "-w", "net.ipv4.ip_forward=1")
	set, err := h.Shared.Use(t.Context(), h.Conn, h.Sysctls, State{Ifindex: 98, Forwarding: Families{IPv4: true}})
	must(t, err)
	if len(set) > 0 {
		t.Errorf("set %v for a second vif", set)
	}
	set, err = h.Shared.Release(h.Sysctls, 99)
	must(t, err)
	if len(set) > 0 {
		t.Errorf("put %v back while another needs it", set)
	}
	w.host.Run(t, "sysctl", "-w", "net.ipv4.ip_forward=0") // and back, for the one that is left
	_, err = h.Shared.Use(t.Context(), h.Conn, h.Sysctls, State{Ifindex: 98, Forwarding: Families{IPv4: true}})
	must(t, err)
	_, err = h.Shared.Release(h.Sysctls, 98)
	must(t, err)
	if got, err := w.sysctls.Get(sysctl.Name{"ipv4", "ip_forward"}); err != nil || got != "0" {
		t.Errorf("ip_forward is %s, %v", got, err)
	}
}

func TestPrimary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	for _, a := range []string{"192.0.2.2/24", "10.0.0.1/8"} {
		w.host.Run(t, "ip", "addr", "add", a, "dev", "eth0")
	}
	w.host.Run(t, "ip", "addr", "add", "169.254.1.1/16", "dev", "eth0", "scope", "link")
	w.host.Run(t, "ip", "addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad", "preferred_lft", "0")
	w.host.Run(t, "ip", "-6", "route", "add", "default", "via", "2001:db8::9", "dev", "eth0")
	w.host.Run(t, "ip", "-6", "route", "add", "default", "via", "fe80::9", "dev", "eth0", "metric", "9")
	eth0 := w.link(t, "eth0").Ifindex
	addresses, err := w.ListAddresses(t.Context(), eth0)
	must(t, err)
	v4, v6 := Primary(addresses)
	if v4.String() != "192.0.2.1/32" || v6.String() != "2001:db8::1/128" {
		t.Errorf("got %v and %v", v4, v6)
	}
	if v4, v6 = Primary(nil); v4.IsValid() || v6.IsValid() {
		t.Errorf("of nothing: %v and %v", v4, v6)
	}
	routes, err := w.Routes(t.Context(), rtnl.RouteFilter{Family: familyIPv6})
	must(t, err)
	if got := Gateways(routes, eth0); len(got) != 1 || got[0].String() != "2001:db8::9" {
		t.Errorf("gateways %v", got)
	}
}
