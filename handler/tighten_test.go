package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vifd/actions/firewall"
	"vifd/internal/conntrack"
	"vifd/internal/nft"
	"vifd/internal/stmt"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// routedHost is a host with one routed guest, which has the addresses 10.9.0.1 and fd09::1.
type routedHost struct {
	*testhost.Host
	guest *testhost.Host
	table *firewall.Table
	h     *Handler
}

func newRoutedHost(t *testing.T) *routedHost {
	t.Helper()
	h := &routedHost{Host: testhost.New(t)}
	h.guest = h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.9.0.1/24", "fd09::1/64", "fe80::216:3eff:fe00:1/64")
	h.Run(t, "ip", "addr", "add", "10.9.0.254/24", "dev", "vif1.0")
	h.Run(t, "ip", "addr", "add", "fd09::fe/64", "dev", "vif1.0", "nodad")
	h.Run(t, "ip", "addr", "add", "fe80::fe/64", "dev", "vif1.0", "nodad")
	h.Run(t, "ip", "link", "set", "vif1.0", "up")
	h.WaitUp(t, "vif1.0")
	var conn *nft.Conn
	h.Do(t, func() (err error) {
		conn, err = nft.Dial()
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	var err error
	if h.table, err = firewall.OpenTable(conn); err != nil {
		t.Fatal(err)
	}
	h.h = &Handler{cfg: Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Flows: func() (flows Flows, err error) {
		err = h.DoErr(func() error {
			flows, err = conntrack.Dial()
			return err
		})
		return flows, err
	}}}
	return h
}

// judge puts a template of these statements in force about what the guest sends.
func (h *routedHost) judge(t *testing.T, lines ...string) (*firewall.Program, *firewall.Guest) {
	t.Helper()
	tm := firewall.Template{Name: "t"}
	for _, line := range lines {
		s, err := stmt.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		tm.FromGuest = append(tm.FromGuest, firewall.Statement{Stmt: s, Where: line})
	}
	list := firewall.List{Refs: []firewall.Ref{{Template: "t"}}, Routed: true}
	p, err := firewall.Compile(firewall.Config{Templates: map[string]firewall.Template{"t": tm}, Lists: []firewall.List{list}})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := p.Profile(list)
	if err != nil {
		t.Fatal(err)
	}
	g := &firewall.Guest{
		Interface: "vif1.0", Profile: profile, MACs: []firewall.MAC{{0, 0x16, 0x3e, 0, 0, 1}},
		IPs: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/32"), netip.MustParsePrefix("fd09::/120")},
	}
	if _, err := h.table.Install(p, []firewall.Guest{*g}, map[string]int{"vif1.0": 1}); err != nil {
		t.Fatal(err)
	}
	return p, g
}

// talk is a UDP conversation of the guest with a port of the host.
type talk struct {
	client, server *net.UDPConn
}

func (h *routedHost) talk(t *testing.T, addr string) *talk {
	t.Helper()
	at, from := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
	if at.IP.IsLinkLocalUnicast() {
		at.Zone, from.Zone = "vif1.0", testhost.GuestIf
	}
	w := &talk{}
	h.Do(t, func() (err error) {
		w.server, err = net.ListenUDP("udp", at)
		return err
	})
	h.guest.Do(t, func() (err error) {
		w.client, err = net.DialUDP("udp", nil, from)
		return err
	})
	t.Cleanup(func() { _, _ = w.client.Close(), w.server.Close() })
	return w
}

func (w *talk) say(t *testing.T, word string) {
	t.Helper()
	if _, err := w.client.Write([]byte(word)); err != nil {
		t.Fatal(err)
	}
}

// hears reports what the server has got; with wait it waits for something. A deadline that has passed would have it read nothing.
func (w *talk) hears(t *testing.T, wait bool) string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Millisecond)
	if wait {
		deadline = deadline.Add(10 * time.Second)
	}
	if err := w.server.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, from, err := w.server.ReadFromUDPAddrPort(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.server.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// TestTightenedGuestsLoseTheirConnections: what was established under old rules goes on under new ones by `ct state
// established accept`, until the kernel forgets it; what the new rules allow goes on.
func TestTightenedGuestsLoseTheirConnections(t *testing.T) {
	t.Parallel()
	h := newRoutedHost(t)
	for _, host := range []string{"10.9.0.254", "[fd09::fe]", "[fe80::fe]"} {
		h.judge(t, "meta protocol arp accept", "ct state established accept", "udp dport { 9, 53 } accept", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept", "drop")
		forbidden, allowed := h.talk(t, host+":9"), h.talk(t, host+":53")
		for _, w := range []*talk{forbidden, allowed} {
			w.say(t, "before")
			if got := w.hears(t, true); got != "before" {
				t.Fatalf("%s: the server hears %q", host, got)
			}
		}
		p, g := h.judge(t, "meta protocol arp accept", "ct state established accept", "udp dport 53 accept", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept", "drop")
		forbidden.say(t, "meanwhile")
		if got := forbidden.hears(t, true); got != "meanwhile" {
			t.Fatalf("%s: an established connection has ended by itself: there is nothing to prove", host)
		}
		h.h.tighten(t.Context(), p, []*firewall.Guest{g}, nil)
		forbidden.say(t, "after")
		allowed.say(t, "after")
		if got := allowed.hears(t, true); got != "after" {
			t.Errorf("%s: a connection that is allowed is gone", host)
		}
		if got := forbidden.hears(t, false); got != "" {
			t.Errorf("%s: a connection that is not allowed any more goes on: %q", host, got)
		}
		if list := h.Run(t, "conntrack", "-L"); !strings.Contains(list, "dport=53") {
			t.Errorf("%s: the kernel has forgotten what is allowed:\n%s", host, list)
		}
	}
}

// TestConnectionsOfGoneAddressesEnd, whatever the rules would say of them.
func TestConnectionsOfGoneAddressesEnd(t *testing.T) {
	t.Parallel()
	h := newRoutedHost(t)
	p, g := h.judge(t, "ct state established accept")
	w := h.talk(t, "10.9.0.254:9")
	w.say(t, "before")
	w.hears(t, true)
	now := *g
	now.IPs = []netip.Prefix{netip.MustParsePrefix("10.9.0.2/32"), netip.MustParsePrefix("fd09::/64")}
	gone := lost(g, &now)
	if !slices.Equal(gone, []netip.Prefix{netip.MustParsePrefix("10.9.0.1/32")}) {
		t.Fatalf("lost() = %v", gone)
	}
	h.h.tighten(t.Context(), p, []*firewall.Guest{&now}, gone)
	if list := h.Run(t, "conntrack", "-L"); strings.Contains(list, "10.9.0.1") {
		t.Errorf("the connection of an address that is gone lives on:\n%s", list)
	}
	// A guest that came back under another interface keeps what it has.
	h.h.known = map[int]*known{1: {plan: Plan{Guest: g}}, 2: {plan: Plan{Guest: g}}}
	if left := h.h.unowned(lost(g, nil), 1); len(left) != 0 {
		t.Errorf("unowned() = %v of addresses that another interface has", left)
	}
	delete(h.h.known, 2)
	if left := h.h.unowned(lost(g, nil), 1); !slices.Equal(left, addresses(g)) {
		t.Errorf("unowned() = %v, want %v", left, addresses(g))
	}
}

// TestAConnectionIsAllowedByAllWhoseItMayBe: of a guest whose prefix holds another's address nobody can tell which of the two it was.
func TestAConnectionIsAllowedByAllWhoseItMayBe(t *testing.T) {
	t.Parallel()
	all := make(map[string]firewall.Template)
	var lists []firewall.List
	for name, line := range map[string]string{"open": "ct state new accept", "shut": "ct state new drop"} {
		s, err := stmt.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = firewall.Template{Name: name, FromGuest: []firewall.Statement{{Stmt: s}}}
		lists = append(lists, firewall.List{Refs: []firewall.Ref{{Template: name}}, Routed: true})
	}
	p, err := firewall.Compile(firewall.Config{Templates: all, Lists: lists})
	if err != nil {
		t.Fatal(err)
	}
	guest := func(name, ip string) *firewall.Guest {
		profile, err := p.Profile(firewall.List{Refs: []firewall.Ref{{Template: name}}, Routed: true})
		if err != nil {
			t.Fatal(err)
		}
		return &firewall.Guest{Interface: "vif1.0", Profile: profile, MACs: []firewall.MAC{{2}}, IPs: []netip.Prefix{netip.MustParsePrefix(ip)}}
	}
	flow := conntrack.Flow{Proto: 17, Src: netip.MustParseAddr("10.9.0.1"), Dst: netip.MustParseAddr("10.9.0.9"), SrcPort: 1, DstPort: 2}
	for _, tt := range []struct {
		first, second *firewall.Guest
		want          bool
	}{
		{guest("open", "10.9.0.1/32"), guest("shut", "10.9.0.0/24"), false},
		{guest("shut", "10.9.0.1/32"), guest("open", "10.9.0.0/24"), false},
		{guest("shut", "10.9.0.1/32"), guest("open", "10.9.0.1/32"), false},
		{guest("open", "10.9.0.1/32"), guest("shut", "10.9.0.1/32"), false},
		{guest("open", "10.9.0.1/32"), guest("open", "10.9.0.0/24"), true},
		{guest("open", "10.9.0.1/32"), guest("shut", "10.9.0.2/32"), true},
	} {
		if got := newTightening(p, []*firewall.Guest{tt.first, tt.second}, nil).allowed(flow); got != tt.want {
			t.Errorf("of %v and %v: allowed() = %v", tt.first.IPs, tt.second.IPs, got)
		}
	}
}

// faultyFlows is connection tracking that does not answer.
type faultyFlows struct{ deleted int }

func (f *faultyFlows) Flows(context.Context, []netip.Prefix) ([]conntrack.Flow, error) {
	return nil, conntrack.ErrTimeout
}

func (f *faultyFlows) Delete(conntrack.Flow) (bool, error) { f.deleted++; return true, nil }
func (f *faultyFlows) Close() error                        { return nil }

// TestTighteningSaysWhatItCannotDo: a kernel without connection tracking has nothing to end; any other failure is told.
func TestTighteningSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	gone := []netip.Prefix{netip.MustParsePrefix("10.9.0.1/32")}
	h := &Handler{cfg: Config{Log: slog.New(slog.NewTextHandler(&said, nil)), Flows: func() (Flows, error) { return nil, conntrack.ErrUnsupported }}}
	h.tighten(t.Context(), &firewall.Program{}, nil, gone)
	if said.Len() > 0 {
		t.Errorf("a kernel that tracks nothing makes it say %s", &said)
	}
	h.cfg.Flows = func() (Flows, error) { return &faultyFlows{}, nil }
	h.tighten(t.Context(), &firewall.Program{}, nil, gone)
	if !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), conntrack.ErrTimeout.Error()) {
		t.Errorf("it says %s", &said)
	}
}
