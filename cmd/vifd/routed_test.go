package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/testhost"
)

// outside makes another network behind the host's eth0, with one machine in it.
func (h *host) outside(t *testing.T, host, machine []string) *testhost.Host {
	t.Helper()
	far := testhost.New(t)
	h.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", far.NetnsPath())
	for _, at := range []struct {
		h     *testhost.Host
		addrs []string
	}{{h.Host, host}, {far, machine}} {
		for _, a := range at.addrs {
			at.h.Run(t, "ip", "addr", "add", a, "dev", "eth0", "nodad")
		}
		at.h.Run(t, "ip", "link", "set", "eth0", "up")
		at.h.Run(t, "ip", "link", "set", "lo", "up")
	}
	h.settled(t)
	return far
}

// settled waits until the uplink's addresses have no doubt about them.
func (h *host) settled(t *testing.T) {
	t.Helper()
	h.WaitUp(t, "eth0")
	testhost.Wait(t, "duplicate address detection to end", func() bool { return h.Run(t, "ip", "addr", "show", "dev", "eth0", "tentative") == "" })
}

// traces is everything that a vif can leave behind.
func (h *host) traces(t *testing.T) string {
	t.Helper()
	var s strings.Builder
	for _, cmd := range []string{
		"ip -o addr", "ip route show table all", "ip -6 route show table all", "ip rule", "ip neigh show proxy", "ip -6 neigh show proxy",
		"sysctl -a -r ^net.ipv[46].(conf.(all|default|eth0|lo).(forwarding|proxy_arp|proxy_ndp|accept_ra)|ip_forward)$",
	} {
		fmt.Fprintf(&s, "# %s\n%s", cmd, h.Run(t, strings.Fields(cmd)[0], strings.Fields(cmd)[1:]...))
	}
	return s.String()
}

const routeRules = `
networks: {lan: {route: {uplink: eth0}}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [192.0.2.1, "2001:db8::1"]}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02", ip: [192.0.2.2, "2001:db8::2", 198.51.100.0/28]}
rules:
  - {name: usurper, match: {interface: vif3.0}, route: lan, guest: {mac: "00:16:3e:00:00:03", ip: [192.0.2.1]}, firewall: source-guard}
  - {name: routed, match: {interface: "vif*"}, route: lan, firewall: source-guard}
`

// spoof has a guest send to the outside machine under an address that is not its own, which does not arrive there, and then under its own.
func spoof(t *testing.T, guest, outside *testhost.Host, as, to string) {
	t.Helper()
	wire := outside.Packet(t, "eth0")
	holds := func(pattern byte) func(frame []byte) bool {
		return func(frame []byte) bool { return bytes.Contains(frame, bytes.Repeat([]byte{pattern}, 16)) }
	}
	guest.Run(t, "ip", "addr", "add", as, "dev", testhost.GuestIf, "nodad")
	addr, _, _ := strings.Cut(as, "/")
	_, _ = guest.RunErr("ping", "-c1", "-W1", "-p", "d5", "-I", addr, to) // nobody answers
	guest.Run(t, "ip", "addr", "del", as, "dev", testhost.GuestIf)
	guest.Run(t, "ping", "-c1", "-W5", "-p", "a7", to)
	wire.None(t, "a packet that the guest sent as "+addr, holds(0xd5), holds(0xa7))
}

// routedGuest is one that takes IPv4 neighbours for its own, and leaves IPv6 to its gateway.
func (h *host) routedGuest(t *testing.T, n int) *testhost.Host {
	t.Helper()
	guest := h.Guest(t, fmt.Sprintf("vif%d.0", n), fmt.Sprintf("00:16:3e:00:00:%02x", n), fmt.Sprintf("192.0.2.%d/24", n), fmt.Sprintf("2001:db8::%d/128", n))
	guest.Run(t, "ip", "-6", "route", "add", "default", "via", "2001:db8::fe", "dev", testhost.GuestIf, "onlink")
	return guest
}

// TestRoutedGuests reach each other and the outside, and are reached, and leave nothing.
func TestRoutedGuests(t *testing.T) {
	t.Parallel()
	h := newHost(t, routeRules)
	far := h.outside(t, []string{"192.0.2.254/24", "2001:db8::fe/64"}, []string{"192.0.2.200/24", "2001:db8::c8/64"})
	before := h.traces(t)
	p := h.listen(t)
	one := h.routedGuest(t, 1)
	two := h.routedGuest(t, 2)
	h.waitState(t, "configured", "vif1.0", "vif2.0")
	for _, tt := range []struct {
		from *testhost.Host
		to   string
	}{
		{one, "192.0.2.200"},
		{one, "2001:db8::c8"},
		{far, "192.0.2.1"},
		{far, "2001:db8::1"},
		{one, "192.0.2.2"},
		{one, "2001:db8::2"},
		{two, "192.0.2.254"},
		{two, "2001:db8::fe"},
		{h.Host, "192.0.2.2"},
		{h.Host, "2001:db8::2"},
	} {
		if out, err := tt.from.RunErr("ping", "-c1", "-W5", tt.to); err != nil {
			t.Errorf("ping %s: %v\n%s", tt.to, err, out)
		}
	}
	spoof(t, one, far, "192.0.2.77/24", "192.0.2.200")
	spoof(t, one, far, "2001:db8::2/128", "2001:db8::c8") // the other guest's
	routes := h.Run(t, "ip", "route", "show", "proto", "118")
	for _, want := range []string{"192.0.2.1 dev vif1.0", "192.0.2.2 dev vif2.0", "198.51.100.0/28 dev vif2.0"} {
		if !strings.Contains(routes, want) {
			t.Errorf("no route %q:\n%s", want, routes)
		}
	}

	// With an uplink that goes down the kernel forgets what is answered for there.
	h.Run(t, "ip", "link", "set", "eth0", "down")
	h.Run(t, "ip", "addr", "add", "2001:db8::fe/64", "dev", "eth0", "nodad") // the kernel forgets this as well
	h.Run(t, "ip", "link", "set", "eth0", "up")
	h.settled(t)
	testhost.Wait(t, "the host to answer for its guests again", func() bool {
		return strings.Contains(h.Run(t, "ip", "neigh", "show", "proxy"), "192.0.2.1 dev eth0")
	})

	// Another's address leads to whoever had it first.
	h.Guest(t, "vif3.0", "00:16:3e:00:00:03", "192.0.2.1/24")
	h.waitState(t, "blocked", "vif3.0")
	if why := h.status(t)["vif3.0"].Error; !strings.Contains(why, "192.0.2.1 is vif1.0's already") {
		t.Errorf("the reason is %q", why)
	}
	h.Unplug(t, "vif1.0")
	h.waitState(t, "configured", "vif3.0")

	for _, name := range []string{"vif3.0", "vif2.0"} {
		h.Unplug(t, name)
	}
	h.waitEmpty(t)
	if after := h.traces(t); after != before {
		t.Errorf("traces are left. Before:\n%s\nafter:\n%s", before, after)
	}
	h.wantNoRecords(t)
	stop(t, p)
}

// TestRoutedWithoutListener: one process for each event, as udevd has it.
func TestRoutedWithoutListener(t *testing.T) {
	t.Parallel()
	h := newHost(t, routeRules)
	far := h.outside(t, []string{"192.0.2.254/24", "2001:db8::fe/64"}, []string{"192.0.2.200/24", "2001:db8::c8/64"})
	before := h.traces(t)
	h.routedGuest(t, 1)
	h.routedGuest(t, 2)
	ifindexes := make(map[string]int)
	for _, name := range []string{"vif1.0", "vif2.0"} {
		ifindexes[name] = h.ifindex(t, name)
		if errs, code := h.event(t, "add", name, ifindexes[name]); code != exitDone {
			t.Fatalf("%s: exit %d\n%s", name, code, errs)
		}
	}
	for _, to := range []string{"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"} {
		far.Run(t, "ping", "-c1", "-W5", to)
	}
	for _, name := range []string{"vif1.0", "vif2.0"} {
		h.Unplug(t, name)
		if errs, code := h.event(t, "remove", name, ifindexes[name]); code != exitDone {
			t.Errorf("%s: exit %d\n%s", name, code, errs)
		}
	}
	if after := h.traces(t); after != before {
		t.Errorf("traces are left. Before:\n%s\nafter:\n%s", before, after)
	}
	h.wantNoRecords(t)
}

// dhcpScript does with what udhcpc was told what its users' scripts do.
const dhcpScript = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace "$ip/$mask" dev "$interface"
ip route replace default via "$router" dev "$interface"
`

// dhcp has a guest take its IPv4 address.
func dhcp(t *testing.T, guest *testhost.Host) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(dhcpScript), 0o755); err != nil {
		t.Fatal(err)
	}
	guest.Run(t, "busybox", "udhcpc", "-n", "-q", "-t", "20", "-T", "1", "-i", testhost.GuestIf, "-s", script)
}

const natRules = `
networks:
  private: {nat: {uplink: eth0, subnet: [10.77.0.0/16, "fd77::/48"], dhcp: true, dns: [10.77.255.254, "fd77::53"], domain: guests.example}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01"}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02"}
rules:
  - name: web
    match: {interface: vif1.0}
    nat: {network: private, forward: [{proto: tcp, port: 8080, to: 80}]}
    firewall: source-guard
  - {name: natted, match: {interface: "vif*"}, nat: private, firewall: source-guard}
`

// answerOn has a machine tell whoever connects by what address it sees him.
func answerOn(t *testing.T, at *testhost.Host, addr string) {
	t.Helper()
	var l net.Listener
	at.Do(t, func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			_, _ = fmt.Fprint(conn, conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap())
			_ = conn.Close()
		}
	}()
}

// ask connects to what answerOn has made, and returns what it says.
func ask(t *testing.T, from *testhost.Host, addr string) string {
	t.Helper()
	var conn net.Conn
	from.Do(t, func() (err error) {
		conn, err = net.DialTimeout("tcp", addr, 10*time.Second)
		return err
	})
	defer conn.Close()
	said, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	return string(said)
}

// TestTranslatedGuests get their addresses by DHCP and router advertisements, and reach the outside under the host's.
func TestTranslatedGuests(t *testing.T) {
	t.Parallel()
	h := newHost(t, natRules)
	far := h.outside(t, []string{"192.0.2.254/24", "2001:db8::fe/64"}, []string{"192.0.2.200/24", "2001:db8::c8/64"})
	before := h.traces(t)
	p := h.listen(t)
	one := h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	two := h.Guest(t, "vif2.0", "00:16:3e:00:00:02")
	h.waitState(t, "configured", "vif1.0", "vif2.0")
	for _, guest := range []*testhost.Host{one, two} {
		dhcp(t, guest)
		testhost.Wait(t, "an IPv6 address and route", func() bool {
			return strings.Contains(guest.Run(t, "ip", "-6", "addr", "show", "scope", "global", "-tentative"), "inet6 fd77:") &&
				strings.Contains(guest.Run(t, "ip", "-6", "route"), "default")
		})
		for _, to := range []string{"192.0.2.200", "2001:db8::c8"} {
			if out, err := guest.RunErr("ping", "-c1", "-W5", to); err != nil {
				t.Errorf("ping %s: %v\n%s", to, err, out)
			}
		}
	}
	if addrs := one.Run(t, "ip", "-4", "-o", "addr", "show", "dev", testhost.GuestIf); !strings.Contains(addrs, "inet 10.77.0.3/16") {
		t.Errorf("the guest took other addresses than are derived for it:\n%s", addrs)
	}
	spoof(t, one, far, "10.77.0.5/16", "192.0.2.200") // the other guest's
	spoof(t, one, far, "fd77:0:0:5::9/128", "2001:db8::c8")
	// The outside, and another guest, come to port 80 by the host's 8080.
	answerOn(t, one, ":80")
	for asker, want := range map[*testhost.Host]string{far: "192.0.2.200", two: "10.77.0.5", one: "10.77.255.254", h.Host: "192.0.2.254"} {
		if seen := ask(t, asker, "192.0.2.254:8080"); seen != want {
			t.Errorf("the guest sees %q ask, want %q", seen, want)
		}
	}
	if seen := ask(t, far, "[2001:db8::fe]:8080"); seen != "2001:db8::c8" {
		t.Errorf("the guest sees %q ask, want the outside", seen)
	}
	if flows := h.Run(t, "conntrack", "-L"); !strings.Contains(flows, "src=10.77.0.3 ") {
		t.Errorf("the kernel does not track the guest's connections:\n%s", flows)
	}
	// A guest that gets another address loses the connections of the old one, at once.
	h.write(t, strings.Replace(natRules, `mac: "00:16:3e:00:00:02"`, `mac: "00:16:3e:00:00:02", ip: 10.77.9.9`, 1))
	p.Signal(t, syscall.SIGHUP)
	testhost.Wait(t, "the new address", func() bool { return strings.Contains(h.Run(t, "nft", "list", "ruleset"), "10.77.9.9 . ") })
	testhost.Wait(t, "the old address's connections to end", func() bool { return !strings.Contains(h.Run(t, "conntrack", "-L"), "10.77.0.5 ") })
	for _, name := range []string{"vif1.0", "vif2.0"} {
		h.Unplug(t, name)
	}
	h.waitEmpty(t)
	if flows := h.Run(t, "conntrack", "-L"); strings.Contains(flows, "10.77.0.3 ") {
		t.Errorf("a gone guest's connections go on:\n%s", flows)
	}
	if after := h.traces(t); after != before {
		t.Errorf("traces are left. Before:\n%s\nafter:\n%s", before, after)
	}
	if list := h.Run(t, "nft", "list", "ruleset"); strings.Contains(list, "vif1.0") || strings.Contains(list, "10.77.0.3") {
		t.Errorf("left in the tables:\n%s", list)
	}
	stop(t, p)
}

// TestKilledListenerLeavesNothing of guests that went while nobody listened, and keeps what the others have.
func TestKilledListenerLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{"route": routeRules, "nat": natRules} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, rules)
			h.outside(t, []string{"192.0.2.254/24", "2001:db8::fe/64"}, []string{"192.0.2.200/24", "2001:db8::c8/64"})
			before := h.traces(t)
			p := h.listen(t)
			h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
			h.Guest(t, "vif2.0", "00:16:3e:00:00:02")
			h.waitState(t, "configured", "vif1.0", "vif2.0")
			kept := h.Run(t, "ip", "route", "show", "dev", "vif2.0") + h.Run(t, "ip", "-6", "route", "show", "dev", "vif2.0")
			if err := p.Stop(t, syscall.SIGKILL); err == nil {
				t.Error("a killed process ended well")
			}
			h.Unplug(t, "vif1.0")

			p = h.listen(t)
			testhost.Wait(t, "the gone guest to be forgotten", func() bool { return len(h.vifs(t)) == 1 })
			h.waitState(t, "configured", "vif2.0")
			if now := h.Run(t, "ip", "route", "show", "dev", "vif2.0") + h.Run(t, "ip", "-6", "route", "show", "dev", "vif2.0"); now != kept {
				t.Errorf("the other's routes were\n%sand are\n%s", kept, now)
			}
			if list := h.Run(t, "nft", "list", "ruleset") + h.Run(t, "ip", "neigh", "show", "proxy"); strings.Contains(list, "vif1.0") || strings.Contains(list, "192.0.2.1 ") {
				t.Errorf("left of the gone guest:\n%s", list)
			}
			h.Unplug(t, "vif2.0")
			h.waitEmpty(t)
			if after := h.traces(t); after != before {
				t.Errorf("traces are left. Before:\n%s\nafter:\n%s", before, after)
			}
			h.wantNoRecords(t)
			stop(t, p)
		})
	}
}
