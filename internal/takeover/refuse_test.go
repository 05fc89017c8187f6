package takeover_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/takeover"
	"vifd/internal/testhost"
)

// small is a host with two links and an address, no more.
func small(t testing.TB) *world {
	t.Helper()
	w := &world{Host: testhost.New(t), outside: testhost.New(t), dir: filepath.Join(t.TempDir(), "snapshots")}
	w.Veths(t, w.outside, "eth0", "eth1")
	w.script(t, w.outside, "link set peth0 up\nlink set peth1 up\naddr add 192.0.2.254/24 dev peth0")
	w.script(t, w.Host, "link set eth0 up\nlink set eth1 up\naddr add 192.0.2.1/24 dev eth0")
	w.settled(t)
	w.script(t, w.Host, "route add default via 192.0.2.254")
	return w
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, setup string
		change      func(n *takeover.Network)
		say         string
	}{
		{name: "no link", change: func(n *takeover.Network) { n.Uplink = "eth9" }, say: "there is no link eth9"},
		{name: "loopback", change: func(n *takeover.Network) { n.Uplink = "lo" }, say: "loopback"},
		{name: "no bridge", change: func(n *takeover.Network) { n.Create = false }, say: "create: true"},
		{name: "MTU", change: func(n *takeover.Network) { n.MTU = 9000 }, say: "passes 1500 only"},
		{name: "down", setup: "link set eth0 down", say: "eth0 is down"},
		{name: "a bridge", setup: "link add br9 type bridge\nlink set br9 up", change: func(n *takeover.Network) { n.Uplink = "br9" }, say: "is a bridge itself"},
		{name: "enslaved", setup: "link add br9 type bridge\nlink set eth0 master br9", say: "eth0 is in br9 already"},
		{name: "not Ethernet", setup: "tuntap add tun9 mode tun\nlink set tun9 up", change: func(n *takeover.Network) { n.Uplink = "tun9" }, say: "no Ethernet device"},
		{name: "macvlan", setup: "link add mv0 link eth0 type macvlan mode bridge", say: "eth0 carries mv0 (macvlan)"},
		{name: "the bridge is something else", setup: "link add xenbr0 type veth peer name other", say: "xenbr0 is no bridge"},
		{name: "nexthop object", setup: "nexthop add id 7 via 192.0.2.254 dev eth0\nroute add 10.0.0.0/8 nhid 7", say: "nexthop object 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := small(t)
			if tt.setup != "" {
				w.script(t, w.Host, tt.setup)
			}
			before := w.state(t)
			n := network()
			if tt.change != nil {
				tt.change(&n)
			}
			err := w.with(t, func(m *takeover.Manager) error {
				_, err := m.Start(t.Context(), n)
				return err
			})
			if !errors.Is(err, takeover.ErrRefused) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("got error %v, want a refusal that says %q", err, tt.say)
			}
			same(t, "refused", before, w.state(t))
		})
	}
}

func TestRefusesWhatNobodyCanMake(t *testing.T) {
	t.Parallel()
	w := small(t)
	w.Run(t, "sysctl", "-qw", "net.ipv6.conf.eth0.use_tempaddr=2")
	w.script(t, w.Host, "addr add 2001:db8::1/64 dev eth0 mngtmpaddr nodad valid_lft 86400 preferred_lft 86400")
	testhost.Wait(t, "a temporary address", func() bool { return strings.Contains(w.Run(t, "ip", "addr"), "temporary") })
	w.settled(t)
	if _, err := w.start(t); !errors.Is(err, takeover.ErrRefused) || !strings.Contains(err.Error(), "temporary") {
		t.Errorf("got error %v", err)
	}
}

// TestBridgeThatWasThere takes a bridge that has a guest and an address already, and gives it back as it was.
func TestBridgeThatWasThere(t *testing.T) {
	t.Parallel()
	w := small(t)
	w.script(t, w.Host, "link add xenbr0 address 02:00:00:00:00:99 mtu 1400 type bridge\nlink set xenbr0 up\naddr add 10.7.7.1/24 dev xenbr0")
	w.Guest(t, "vif1.0", "00:16:3e:00:00:01", "192.0.2.7/24")
	w.script(t, w.Host, "link set vif1.0 master xenbr0\nlink set vif1.0 up")
	w.WaitUp(t, "vif1.0")
	w.settled(t)
	before := w.state(t)
	_, err := w.start(t)
	must(t, err)
	w.mustPing(t, "192.0.2.1", "192.0.2.7")
	if err := w.stop(t, false); !errors.Is(err, takeover.ErrRefused) || !strings.Contains(err.Error(), "vif1.0") {
		t.Errorf("stop with a guest: %v", err)
	}
	must(t, w.stop(t, true))
	same(t, "stop", before, w.state(t))
}

// TestStopRefusesToLose has somebody give the bridge an address and a route.
func TestStopRefusesToLose(t *testing.T) {
	t.Parallel()
	w := small(t)
	before := w.state(t)
	_, err := w.start(t)
	must(t, err)
	w.script(t, w.Host, "addr add 10.7.7.1/24 dev xenbr0\nroute add 10.8.0.0/16 via 192.0.2.254")
	err = w.stop(t, false)
	if !errors.Is(err, takeover.ErrRefused) || !strings.Contains(err.Error(), "10.7.7.1/24; route 10.8.0.0/16") {
		t.Errorf("stop: %v", err)
	}
	must(t, w.stop(t, true))
	same(t, "stop", before, w.state(t))
}

// TestStacked takes over a VLAN of a link, and a bond.
func TestStacked(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]string{
		"vlan": "link add link eth1 name up0 type vlan id 5",
		"bond": "link set eth1 down\nlink add up0 type bond mode active-backup\nlink set eth1 master up0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := small(t)
			for line := range strings.Lines(setup) {
				if out, err := w.RunErr("ip", strings.Fields(line)...); err != nil {
					if strings.Contains(out, "Unknown device type") || strings.Contains(out, "not supported") {
						t.Logf("this kernel has no %s: %s", name, out)
						return
					}
					t.Fatalf("ip %s: %v: %s", line, err, out)
				}
			}
			w.script(t, w.Host, "link set up0 up\naddr add 198.51.100.1/24 dev up0\naddr add 2001:db8::1/64 dev up0 nodad")
			w.WaitUp(t, "up0")
			w.settled(t)
			before := w.state(t)
			err := w.with(t, func(m *takeover.Manager) error {
				n := network()
				n.Uplink = "up0"
				_, err := m.Start(t.Context(), n)
				return err
			})
			must(t, err)
			must(t, w.stop(t, false))
			same(t, "stop", before, w.state(t))
		})
	}
}

// TestSecondNetwork is refused the uplink of the first.
func TestSecondNetwork(t *testing.T) {
	t.Parallel()
	w := small(t)
	_, err := w.start(t)
	must(t, err)
	err = w.with(t, func(m *takeover.Manager) error {
		n := network()
		n.Name = "xenbr1"
		_, err := m.Start(t.Context(), n)
		return err
	})
	if !errors.Is(err, takeover.ErrRefused) || !strings.Contains(err.Error(), "belongs to the network xenbr0") {
		t.Errorf("got error %v", err)
	}
}

// TestGatewayLost has the gateway fall silent as the uplink joins the bridge.
func TestGatewayLost(t *testing.T) {
	t.Parallel()
	w := small(t)
	w.mustPing(t, "192.0.2.1")
	before := w.state(t)
	cfg := config(w.dir)
	cfg.Hook = func(point string) {
		if strings.HasPrefix(point, "before ip link set dev eth0 master") {
			if out, err := w.outside.RunErr("ip", "link", "set", "peth0", "arp", "off"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}
	err := w.DoErr(func() error {
		m, err := takeover.Open(cfg)
		if err != nil {
			return err
		}
		_, err = m.Start(t.Context(), network())
		return err
	})
	if !errors.Is(err, takeover.ErrUnreachable) || !strings.Contains(err.Error(), "everything is as it was") {
		t.Errorf("got error %v", err)
	}
	same(t, "put back", before, w.state(t))
}

// TestFolderOfOthers is not trusted.
func TestFolderOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777))
	if _, err := takeover.Open(config(dir)); err == nil || !strings.Contains(fmt.Sprint(err), "others can write") {
		t.Errorf("got error %v", err)
	}
}
