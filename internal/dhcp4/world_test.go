package dhcp4

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

// A world is a host with one guest on vif1.0, and a server that answers it.
type world struct {
	host, guest *testhost.Host
	server      *Server
	config      Config
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{host: testhost.New(t), server: serve(t), config: example(t)}
	w.guest = w.host.Guest(t, "vif1.0", guestMAC)
	w.host.Run(t, "ip", "link", "set", "vif1.0", "up")
	w.host.Run(t, "ip", "addr", "add", "10.77.255.254/32", "dev", "vif1.0")
	w.host.Run(t, "ip", "route", "add", "10.77.3.1/32", "dev", "vif1.0")
	w.host.WaitUp(t, "vif1.0")
	w.guest.WaitUp(t, testhost.GuestIf)
	w.config.Ifindex = w.host.Ifindex(t, "vif1.0")
	change(&w.config)
	set(t, w.host, w.server, w.config)
	return w
}

func asItIs(*Config) {}

// A lease is what a client has told its script: the environment, of one call.
type lease map[string]string

// A client is a DHCP program and the script that takes what it is told. The script configures the interface as the programs' own do,
// but leaves the machine's files alone.
type client struct{ dir string }

func newClient(t *testing.T) client { t.Helper(); return client{dir: t.TempDir()} }

func (c client) path(name string) string { return filepath.Join(c.dir, name) }

// script writes a script that reports its environment as one more file, then runs the commands.
func (c client) script(t *testing.T, reason, commands string) string {
	t.Helper()
	text := "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nn=$(ls " + c.dir + " | grep -c '^call')\n" +
		"reason=" + reason + " && export reason && env >" + c.dir + "/new && mv " + c.dir + "/new " + c.dir + "/call$(printf %03d $n)\n" + commands + "\nexit 0\n"
	if err := os.WriteFile(c.path("script"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return c.path("script")
}

// calls are the leases that the script was called with for one of the reasons, in order.
func (c client) calls(t *testing.T, reasons ...string) []lease {
	t.Helper()
	files, err := filepath.Glob(c.path("call*"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []lease
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l := make(lease)
		for line := range strings.Lines(string(data)) {
			k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			l[k] = v
		}
		for _, r := range reasons {
			if l["reason"] == r {
				calls = append(calls, l)
			}
		}
	}
	return calls
}

// wait waits for the n-th call, counted from 1, for one of the reasons.
func (c client) wait(t *testing.T, n int, reasons ...string) lease {
	t.Helper()
	testhost.Wait(t, "the client's script to be called for "+strings.Join(reasons, " or "), func() bool { return len(c.calls(t, reasons...)) >= n })
	return c.calls(t, reasons...)[n-1]
}

func (l lease) expect(t *testing.T, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got := strings.TrimSpace(l[k]); got != v {
			t.Errorf("the client was told %s=%q, want %q", k, got, v)
		}
	}
}

// udhcpc starts busybox's client, which takes what it is told by these names.
func (w *world) udhcpc(t *testing.T) (client, *testhost.Process) {
	t.Helper()
	c := newClient(t)
	script := c.script(t, "$1", `
case $1 in bound|renew)
	ip addr replace $ip/$mask dev $interface
	[ -z "$mtu" ] || ip link set $interface mtu $mtu
	onlink= && [ $mask != 32 ] || onlink=onlink
	ip route replace default via $router dev $interface $onlink;;
deconfig) ip addr flush dev $interface;;
esac`)
	return c, w.guest.Start(t, "busybox", "udhcpc", "-f", "-i", testhost.GuestIf, "-s", script, "-t", "20", "-T", "1", "-O", "mtu", "-O", "staticroutes", "-O", "121")
}

// dhclient starts ISC's client with what it remembers of earlier leases.
func (w *world) dhclient(t *testing.T, remembers string) client {
	t.Helper()
	c := newClient(t)
	script := c.script(t, "$reason", `
case $reason in BOUND|RENEW|REBIND|REBOOT)
	ip addr replace $new_ip_address/$new_subnet_mask dev $interface
	onlink= && [ $new_subnet_mask != 255.255.255.255 ] || onlink=onlink
	ip route replace default via $new_routers dev $interface $onlink;;
esac`)
	files := map[string]string{
		"conf": "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;\n" +
			"request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, interface-mtu, rfc3442-classless-static-routes;\n" +
			"timeout 30;\nretry 1;\ninitial-interval 1;\n",
		"leases": remembers,
	}
	for name, text := range files {
		if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.guest.Start(t, "dhclient", "-4", "-d", "-v", "-sf", script, "-cf", c.path("conf"), "-lf", c.path("leases"), "-pf", c.path("pid"), testhost.GuestIf)
	return c
}
