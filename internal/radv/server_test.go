package radv

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

func isAdvert(frame []byte) bool {
	return len(frame) > ethernetLen+ipLen+16 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == unix.IPPROTO_ICMPV6 && frame[54] == 134
}

// parse is an advertisement as the library reads it.
func parse(t *testing.T, frame []byte) *ndp.RouterAdvertisement {
	t.Helper()
	m, err := ndp.ParseMessage(frame[ethernetLen+ipLen:])
	if err != nil {
		t.Fatal(err)
	}
	ra, ok := m.(*ndp.RouterAdvertisement)
	if !ok {
		t.Fatalf("%T", m)
	}
	return ra
}

// plug makes a host with a guest on vif1.0, up.
func plug(t *testing.T) (h, guest *testhost.Host, c Config) {
	t.Helper()
	h = testhost.New(t)
	guest = h.Guest(t, "vif1.0", guestMAC)
	h.Run(t, "ip", "link", "set", "vif1.0", "up")
	h.WaitUp(t, "vif1.0")
	guest.WaitUp(t, testhost.GuestIf)
	c = example(t)
	c.Ifindex = h.Ifindex(t, "vif1.0")
	return h, guest, c
}

// TestTheKernelTakesIt has the guest be an ordinary Linux: it makes an address, takes the default route and the MTU, and gives
// them up when it is told to.
func TestTheKernelTakesIt(t *testing.T) {
	t.Parallel()
	h, guest, c := plug(t)
	s := serve(t)
	set(t, h, s, c)
	addresses := func() string { return guest.Run(t, "ip", "-6", "addr", "show", "dev", testhost.GuestIf) }
	routes := func() string { return guest.Run(t, "ip", "-6", "route", "show", "default") }
	const address = "fd77::301:216:3eff:fe00:1/64" // made of the MAC
	testhost.Wait(t, "the guest to make an address", func() bool {
		return strings.Contains(addresses(), address) && !strings.Contains(addresses(), "tentative")
	})
	if out := routes(); !strings.Contains(out, "default via fe80::") || !strings.Contains(out, "proto ra") {
		t.Errorf("no default route: %q", out)
	}
	if out := guest.Run(t, "cat", "/proc/sys/net/ipv6/conf/eth0/mtu"); strings.TrimSpace(out) != "1400" {
		t.Errorf("the guest's MTU is %s", out)
	}
	h.Run(t, "ip", "-6", "route", "add", c.Prefix.String(), "dev", "vif1.0")
	h.Run(t, "ip", "-6", "addr", "add", "fd77::fffe/128", "dev", "lo")
	h.WaitLocal(t, "fd77::fffe")
	guest.Run(t, "ping", "-c", "1", "-W", "5", "fd77::fffe")

	// Another prefix: nothing new uses the old one, and the default route stays.
	c.Prefix = netip.MustParsePrefix("fd77:0:0:302::/64")
	set(t, h, s, c)
	testhost.Wait(t, "the guest to move to the new prefix", func() bool {
		out := addresses()
		return strings.Contains(out, "fd77::302:") && strings.Contains(out, "deprecated") && routes() != ""
	})
	s.Remove(c.Ifindex)
	testhost.Wait(t, "the guest to give up its default route", func() bool { return routes() == "" })
	if st := s.Stats(); st.Final != 2 {
		t.Errorf("%+v, want 2 final advertisements", st)
	}
}

// TestRdisc6 asks as a guest does that has just come up.
func TestRdisc6(t *testing.T) {
	t.Parallel()
	h, guest, c := plug(t)
	s := serve(t)
	set(t, h, s, c)
	testhost.Wait(t, "the first advertisement", func() bool { return s.Stats().Unsolicited > 0 })
	testhost.Wait(t, "the guest to have its link-local address", func() bool {
		return !strings.Contains(guest.Run(t, "ip", "-6", "addr", "show", "dev", testhost.GuestIf), "tentative")
	})
	out := guest.Run(t, "rdisc6", "-1", testhost.GuestIf)
	testhost.Wait(t, "the answer to be counted as one to the guest's address", func() bool { return s.Stats().Solicited > 0 })
	for _, want := range []string{
		"Hop limit                 :           64", "Stateful address conf.    :           No", "Router lifetime           :         9000",
		"Prefix                   : fd77:0:0:301::/64", "On-link                 :          Yes", "Autonomous address conf.:          Yes",
		"MTU                      :         1400", "Recursive DNS server     : fd77::53", "Recursive DNS server     : 2001:db8::53",
		"DNS search list          : guests.example",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("rdisc6 has not seen %q in\n%s", want, out)
		}
	}
}

// TestNobodyElse: of two guests on a wire one is told, and no other vif is.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	n := testhost.NewNeighbours(t, guestMAC, otherMAC, guestMAC)
	s, c := serve(t), example(t)
	c.Ifindex = n.Host.Ifindex(t, "vif1.0")
	set(t, n.Host, s, c)
	frame := n.Own.Expect(t, "an unsolicited advertisement", func(f []byte) bool { return isAdvert(f) && f[38] == 0xff })
	src := netip.AddrFrom16([16]byte(frame[22:38]))
	if !bytes.Equal(frame[:6], testhost.MAC(guestMAC)) || !src.IsLinkLocalUnicast() || frame[21] != ndp.HopLimit {
		t.Errorf("advertisement to %v from %v with hop limit %d", net.HardwareAddr(frame[:6]), src, frame[21])
	}
	if out := n.Host.Run(t, "ip", "-6", "addr", "show", "dev", "vif1.0"); !strings.Contains(out, src.String()+"/64") {
		t.Errorf("the source %v is not the kernel's for the vif: %s", src, out)
	}
	want := &ndp.RouterAdvertisement{CurrentHopLimit: 64, RouterLifetime: DefaultRouterLifetime, Options: []ndp.Option{
		&ndp.PrefixInformation{PrefixLength: 64, OnLink: true, AutonomousAddressConfiguration: true, ValidLifetime: ValidLifetime, PreferredLifetime: PreferredLifetime, Prefix: c.Prefix.Addr()},
		&ndp.MTU{MTU: 1400},
		&ndp.RecursiveDNSServer{Lifetime: DefaultRouterLifetime, Servers: c.DNS},
		&ndp.DNSSearchList{Lifetime: DefaultRouterLifetime, DomainNames: []string{"guests.example"}},
	}}
	if diff := cmp.Diff(want, parse(t, frame), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("advertisement (-want +got):\n%s", diff)
	}

	foreign := s.Stats().Foreign // the other guest's kernel asks, too
	n.Other.Send(t, ethernet(testhost.MAC(otherMAC), solicit(t, "fe80::2")))
	n.Alone.Send(t, ethernet(testhost.MAC(guestMAC), solicit(t, "fe80::3")))
	n.Own.Send(t, ethernet(testhost.MAC(guestMAC), solicit(t, "fe80::9")))
	answer := n.Own.Expect(t, "the answer", func(f []byte) bool { return isAdvert(f) && f[38] == 0xfe && f[53] == 9 })
	if diff := cmp.Diff(want, parse(t, answer), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	testhost.Wait(t, "the other guest's solicitation to be heard", func() bool { return s.Stats().Foreign > foreign })
	s.Remove(c.Ifindex)
	last := n.Own.Expect(t, "the final advertisement", func(f []byte) bool { return isAdvert(f) && parse(t, f).RouterLifetime == 0 })
	for _, o := range parse(t, last).Options {
		if p, ok := o.(*ndp.PrefixInformation); ok && p.PreferredLifetime != 0 {
			t.Errorf("the prefix stays in use: %+v", p)
		}
	}
	n.Spared(t, "an advertisement", isAdvert)
}

// TestAVifsLife: one that is down, or has no address, is told later; one that has gone is nobody's error.
func TestAVifsLife(t *testing.T) {
	t.Parallel()
	h, guest, c := plug(t)
	s := serve(t)
	h.Run(t, "ip", "link", "set", "vif1.0", "down")
	set(t, h, s, c)
	testhost.Wait(t, "an attempt to fail", func() bool { return s.Stats().Unsent > 0 })
	own := guest.Packet(t, testhost.GuestIf)
	h.Run(t, "ip", "link", "set", "vif1.0", "name", "vif9.0")
	h.Run(t, "ip", "link", "set", "vif9.0", "up")
	h.WaitUp(t, "vif9.0")
	guest.WaitUp(t, testhost.GuestIf)
	own.Send(t, ethernet(testhost.MAC(guestMAC), solicit(t, "fe80::9"))) // while the host's address is still being checked
	own.Expect(t, "an advertisement", isAdvert)
	testhost.Wait(t, "the first advertisement to all nodes", func() bool { return s.Stats().Unsolicited > 0 })
	before := s.Stats()
	set(t, h, s, c) // the same: nothing is sent
	own.Send(t, ethernet(testhost.MAC(guestMAC), solicit(t, "fe80::9")))
	own.Expect(t, "the answer", func(f []byte) bool { return isAdvert(f) && f[53] == 9 })
	if after := s.Stats(); after.Unsolicited != before.Unsolicited {
		t.Errorf("%+v after %+v: the same config was told again", after, before)
	}

	// Of addresses that are not link-local none is a source.
	h.Run(t, "ip", "-6", "addr", "flush", "dev", "vif9.0", "scope", "link")
	h.Run(t, "ip", "-6", "addr", "add", "fd77::1/64", "dev", "vif9.0", "nodad")
	if a, err := s.sockets.source.linkLocal(c.Ifindex); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("link-local address %v (%v), want none", a, err)
	}
	h.Unplug(t, "vif9.0")
	if a, err := s.sockets.source.linkLocal(c.Ifindex); err == nil {
		t.Errorf("link-local address %v of what has gone", a)
	}
	set(t, h, s, c)
	s.Remove(c.Ifindex)
}

// TestThousand bounds what a guest costs. What answers it costs nothing for each, so that no links are needed.
func TestThousand(t *testing.T) {
	const guests = 1000
	h, s := testhost.New(t), serve(t)
	configs := make([]Config, guests)
	for i := range configs {
		configs[i] = example(t)
		configs[i].Ifindex = 1000 + i
	}
	heap, goroutines := testhost.Memory(), runtime.NumGoroutine()
	h.Do(t, func() error {
		for _, c := range configs {
			if err := s.Set(c); err != nil {
				return err
			}
		}
		return nil
	})
	testhost.Wait(t, "the first attempts to be over", func() bool { return s.Stats().Unsent >= guests && runtime.NumGoroutine() <= goroutines+1 })
	grown := testhost.Memory() - heap
	t.Logf("%d guests: %d KiB", guests, grown>>10)
	if grown > 3<<20 {
		t.Errorf("%d guests take %d KiB, want less than 3072", guests, grown>>10)
	}
	runtime.KeepAlive(configs)
}
