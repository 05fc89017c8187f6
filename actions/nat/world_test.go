package nat_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"vifd/actions/nat"
	"vifd/internal/nft"
	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

var (
	subnet4 = netip.MustParsePrefix("10.77.0.0/16")
	subnet6 = netip.MustParsePrefix("fd77::/48")
	private = nat.Network{Name: "private", Uplink: "eth0", Subnets: []netip.Prefix{subnet4, subnet6}}
)

// The world outside and the host's end of the wire to it.
const (
	outside4, host4 = "198.51.100.2", "198.51.100.1"
	outside6, host6 = "2001:db8:1::2", "2001:db8:1::1"
)

// world is a host that routes between guests with derived addresses and the world outside, which does not know the way to them.
type world struct {
	host, outside *testhost.Host
	guests        map[string]*testhost.Host
	table         *nat.Table
}

func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	h := testhost.New(t)
	w := &world{host: h, guests: make(map[string]*testhost.Host), table: open(t, h)}
	sysctl(t, h, "ipv4/ip_forward", "1")
	sysctl(t, h, "ipv6/conf/all/forwarding", "1")
	w.outside = h.Guest(t, "eth0", "02:00:00:00:00:02", outside4+"/24", "198.51.100.3/24", outside6+"/64", "2001:db8:1::3/64")
	w.outside.Run(t, "ip", "addr", "change", "2001:db8:1::3/64", "dev", "eth0", "preferred_lft", "0") // for who asks by it alone
	h.Run(t, "ip", "addr", "add", host4+"/24", "dev", "eth0")
	h.Run(t, "ip", "addr", "add", host6+"/64", "dev", "eth0", "nodad")
	h.Run(t, "ip", "link", "set", "eth0", "up")
	h.WaitUp(t, "eth0")
	for i, name := range names {
		a4, a6 := derived(t, name)
		g := h.Guest(t, name, fmt.Sprintf("00:16:3e:00:00:%02x", i+1), a4.Target.String()+"/32", a6.Target.String()+"/64")
		h.Run(t, "ip", "addr", "add", a4.Gateway.String()+"/32", "dev", name)
		h.Run(t, "ip", "addr", "add", a6.Gateway.String()+"/64", "dev", name, "nodad")
		h.Run(t, "ip", "link", "set", name, "up")
		h.WaitUp(t, name)
		h.Run(t, "ip", "route", "add", a4.Guest.String(), "dev", name)
		g.Run(t, "ip", "route", "add", "default", "via", a4.Gateway.String(), "dev", testhost.GuestIf, "onlink")
		g.Run(t, "ip", "route", "add", "default", "via", a6.Gateway.String())
		w.guests[name] = g
	}
	return w
}

func sysctl(t *testing.T, h *testhost.Host, name, value string) {
	t.Helper()
	h.Do(t, func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0) })
}

func open(t testing.TB, h *testhost.Host) *nat.Table {
	t.Helper()
	table, err := nat.OpenTable(testhost.Dial(t, h, nft.Dial))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func derived(t testing.TB, name string) (a4, a6 nat.Addresses) {
	t.Helper()
	id, err := nat.Identify(name)
	if err != nil {
		t.Fatal(err)
	}
	if a4, err = nat.Derive(subnet4, id.Domid, id.Vifid); err != nil {
		t.Fatal(err)
	}
	if a6, err = nat.Derive(subnet6, id.Domid, id.Vifid); err != nil {
		t.Fatal(err)
	}
	return a4, a6
}

// guest has derived addresses.
func guest(t testing.TB, name string, forwards ...nat.Forward) nat.Guest {
	t.Helper()
	a4, a6 := derived(t, name)
	return nat.Guest{
		Interface: name, Uplink: "eth0", Forwards: forwards,
		Prefixes: []netip.Prefix{a4.Guest, a6.Guest}, Targets: []netip.Addr{a4.Target, a6.Target},
	}
}

func compile(t testing.TB, networks ...nat.Network) *nat.Program {
	t.Helper()
	p, err := nat.Compile(networks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func install(t testing.TB, table *nat.Table, p *nat.Program, guests ...nat.Guest) bool {
	t.Helper()
	wrote, err := table.Install(p, guests, nil)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

func set(t testing.TB, table *nat.Table, g nat.Guest, owner int) bool {
	t.Helper()
	wrote, err := table.Set(&g, owner)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

func remove(t testing.TB, table *nat.Table, iface string, owner int) bool {
	t.Helper()
	wrote, err := table.Remove(iface, owner)
	if err != nil {
		t.Fatal(err)
	}
	return wrote
}

// serve answers on a port of h, tcp and udp, with its name and the address that it sees the asker by.
func serve(t *testing.T, h *testhost.Host, name string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		addr := fmt.Sprintf("[::]:%d", port)
		h.Do(t, func() error {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = fmt.Fprintf(c, "%s:%d sees %s", name, port, bare(c.RemoteAddr()))
					_ = c.Close()
				}
			}()
			u, err := net.ListenPacket("udp", addr)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = u.Close() })
			go func() {
				buf := make([]byte, 16)
				for {
					_, from, err := u.ReadFrom(buf)
					if err != nil {
						return
					}
					_, _ = u.WriteTo(fmt.Appendf(nil, "%s:%d sees %s", name, port, bare(from)), from)
				}
			}()
			return nil
		})
	}
}

func bare(a net.Addr) string {
	ap, _ := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap().String()
}

// ask returns the answer from a port; from is the asker's address, empty for any.
func ask(h *testhost.Host, network, from, to string, port int) (answer string) {
	err := h.DoErr(func() error {
		d := net.Dialer{Timeout: testhost.Patience}
		if local := net.ParseIP(from); local != nil {
			d.LocalAddr = &net.TCPAddr{IP: local}
			if network == "udp" {
				d.LocalAddr = &net.UDPAddr{IP: local}
			}
		}
		c, err := d.DialContext(context.Background(), network, net.JoinHostPort(to, fmt.Sprint(port)))
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(testhost.Patience))
		if network == "udp" {
			buf := make([]byte, 200)
			if _, err := c.Write([]byte("?")); err != nil {
				return err
			}
			n, err := c.Read(buf)
			answer = string(buf[:n])
			return err
		}
		b, err := io.ReadAll(c)
		answer = string(b)
		return err
	})
	if err != nil {
		if strings.Contains(err.Error(), "refused") {
			return "refused"
		}
		return err.Error()
	}
	return answer
}

// dialUDP opens one socket that asks as often as it is told to.
func dialUDP(t *testing.T, h *testhost.Host, to string) (again func() string) {
	t.Helper()
	var c net.Conn
	h.Do(t, func() (err error) {
		c, err = net.Dial("udp", to)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return func() string {
		buf := make([]byte, 200)
		_ = c.SetDeadline(time.Now().Add(testhost.Patience))
		if _, err := c.Write([]byte("?")); err != nil {
			return err.Error()
		}
		n, err := c.Read(buf)
		if err != nil {
			return err.Error()
		}
		return string(buf[:n])
	}
}
