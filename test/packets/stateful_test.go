package packets

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/nft"
	"vifd/internal/testhost"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// compile makes the program of lists of templates, of bridged or of routed guests.
func compile(t *testing.T, routed bool, lists ...[]firewall.Ref) (*firewall.Program, []firewall.List) {
	t.Helper()
	set, report := rules.Load(rules.Options{Library: rulesd.FS})
	if set == nil {
		t.Fatal(report.Problems)
	}
	cfg := firewall.Config{Templates: handler.Templates(set.Templates)}
	for _, refs := range lists {
		cfg.Lists = append(cfg.Lists, firewall.List{Refs: refs, Routed: routed})
	}
	p, err := firewall.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, cfg.Lists
}

func openTable(t *testing.T, h *testhost.Host) *firewall.Table {
	t.Helper()
	var conn *nft.Conn
	h.Do(t, func() (err error) {
		conn, err = nft.Dial()
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	table, err := firewall.OpenTable(conn)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// The kernel takes every template, of bridged guests and of routed ones, and nft can list what becomes of them. What it lacks is
// named: the module, and the statement.
func TestKernelTakesTheLibrary(t *testing.T) {
	t.Parallel()
	for _, routed := range []bool{false, true} {
		h := testhost.New(t)
		table := openTable(t, h)
		var taken [][]firewall.Ref
		for _, name := range library(t) {
			p, _ := compile(t, routed, refs(name))
			err := table.Check(p)
			var lack *firewall.Lack
			switch {
			case err == nil:
				taken = append(taken, refs(name))
			case routed || !slices.Contains(elsewhere, name) || !errors.As(err, &lack) || lack.Module == "" || !strings.Contains(lack.What, name):
				t.Errorf("routed %v: %s: %v", routed, name, err)
			}
		}
		p, _ := compile(t, routed, taken...)
		if _, err := table.Install(p, nil, nil); err != nil {
			t.Errorf("routed %v: %v", routed, err)
		}
		h.Run(t, "nft", "list", "ruleset")
	}
}

// A routed guest behind stateful-basic begins what it likes, is met at the ports that are open alone, and by no more connections
// than it may have.
func TestStatefulTemplates(t *testing.T) {
	t.Parallel()
	const vif = "vif3.0"
	p, lists := compile(t, true, refs("source-guard", "conn-limit", "ssh-in", "ping-in", "stateful-basic"))
	h, machine := testhost.New(t), nameGuest(3)
	g := h.Guest(t, vif, machine.mac.String())
	own, peer := netip.PrefixFrom(machine.ip4, 24), netip.PrefixFrom(addr4(254), 24)
	h.Run(t, "ip", "addr", "add", peer.String(), "dev", vif)
	h.Run(t, "ip", "link", "set", vif, "up")
	g.Run(t, "ip", "addr", "add", own.String(), "dev", testhost.GuestIf)
	g.Run(t, "ip", "link", "set", testhost.GuestIf, "up")
	table := openTable(t, h)
	profile, err := p.Profile(lists[0])
	if err != nil {
		t.Fatal(err)
	}
	guest := firewall.Guest{Interface: vif, Profile: profile, MACs: []firewall.MAC{firewall.MAC(machine.mac)}, IPs: []netip.Prefix{netip.PrefixFrom(machine.ip4, 32)}}
	if _, err := table.Install(p, []firewall.Guest{guest}, map[string]int{vif: 1}); err != nil {
		t.Fatal(err)
	}
	serve(t, g, machine.ip4, 22, 23)
	serve(t, h, peer.Addr(), 80)
	for i := range most {
		if err := dial(t, g, peer.Addr(), 80, 10*time.Second); err != nil {
			t.Errorf("connection %d of the guest: %v", i+1, err)
		}
	}
	if err := dial(t, g, peer.Addr(), 80, 300*time.Millisecond); err == nil {
		t.Errorf("the guest has more than %d connections", most)
	}
	if err := dial(t, h, machine.ip4, 22, 10*time.Second); err != nil {
		t.Errorf("ssh-in: %v", err)
	}
	if err := dial(t, h, machine.ip4, 23, 300*time.Millisecond); err == nil {
		t.Error("the guest is met at a port that is not open")
	}
	h.Run(t, "ping", "-c", "1", "-W", "10", machine.ip4.String())
	g.Run(t, "ip", "addr", "add", addr4(9).String()+"/24", "dev", testhost.GuestIf)
	if out, err := g.Command("ping", "-c", "1", "-W", "1", "-I", addr4(9).String(), peer.Addr().String()).CombinedOutput(); err == nil {
		t.Errorf("an address that is not the guest's is answered: %s", out)
	}
}

// serve accepts connections and keeps them until the test ends.
func serve(t *testing.T, h *testhost.Host, addr netip.Addr, ports ...uint16) {
	t.Helper()
	for _, port := range ports {
		var l net.Listener
		h.Do(t, func() (err error) {
			l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", netip.AddrPortFrom(addr, port).String())
			return err
		})
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
			}
		}()
	}
}

// dial connects, and stays so until the test ends.
func dial(t *testing.T, h *testhost.Host, addr netip.Addr, port uint16, limit time.Duration) error {
	t.Helper()
	return h.DoErr(func() error {
		conn, err := (&net.Dialer{Timeout: limit}).Dial("tcp", netip.AddrPortFrom(addr, port).String())
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return err
	})
}
