package route

import (
	"strings"
	"testing"

	"vifd/actions/actiontest"
	"vifd/internal/testhost"
)

// TestRouted has an outside network, a host and a guest talk, in both families and both directions, by proxy ARP and neighbour
// discovery; and compares the host before and after.
func TestRouted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	far := w.outside(t, "192.0.2.9/24", "2001:db8::9/64")
	far.Run(t, "ip", "route", "add", "198.51.100.0/28", "via", "192.0.2.1")
	guest := w.host.Guest(t, "vif5.0", "00:16:3e:00:00:05", "192.0.2.77/24", "192.0.2.78/24", "198.51.100.3/32", "2001:db8::77/128")
	// Left over from an earlier guest: another way to the same address.
	w.host.Veths(t, w.host, "vif4.0")
	w.host.Run(t, "ip", "link", "set", "dev", "vif4.0", "up")
	w.host.Run(t, "ip", "route", "add", "192.0.2.78", "dev", "vif4.0", "metric", "2")
	w.host.Run(t, "ip", "addr", "add", "10.1.2.3/24", "dev", "vif5.0") // nor is this wanted
	w.host.Run(t, "ip", "addr", "del", "10.1.2.3/24", "dev", "vif5.0")
	before := w.snapshot(t)
	w.host.Run(t, "ip", "addr", "add", "10.1.2.3/24", "dev", "vif5.0")

	h := w.start()
	vif := w.link(t, "vif5.0")
	want := Route{
		Ifindex: vif.Ifindex, Interface: "vif5.0", Guest: prefixes("192.0.2.77/32", "192.0.2.78/32", "198.51.100.0/28", "2001:db8::77/128"),
		Host: prefixes("192.0.2.1/32", "2001:db8::1/128"), Proxy: true, Uplink: w.link(t, "eth0"), Forwarding: Families{IPv4: true, IPv6: true},
	}
	state := apply(t, h, want, State{},
		"sysctl -w net.ipv4.ip_forward=1",
		"sysctl -w net.ipv6.conf.eth0.accept_ra=2",
		"sysctl -w net.ipv6.conf.all.forwarding=1",
		"sysctl -w net.ipv6.conf.eth0.proxy_ndp=1",
		"ip link set dev vif5.0 address fe:ff:ff:ff:ff:ff",
		"sysctl -w net/ipv6/conf/vif5.0/accept_ra=0",
		"sysctl -w net/ipv4/conf/vif5.0/proxy_arp=1",
		"ip addr replace 192.0.2.1/32 dev vif5.0",
		"ip addr replace 2001:db8::1/128 dev vif5.0 nodad noprefixroute",
		"ip addr del 10.1.2.3/24 dev vif5.0",
		"ip link set dev vif5.0 up",
		"ip route replace 192.0.2.77 dev vif5.0 proto 118 src 192.0.2.1 metric 2",
		"ip route replace 192.0.2.78 dev vif5.0 proto 118 src 192.0.2.1 metric 2",
		"ip route replace 198.51.100.0/28 dev vif5.0 proto 118 src 192.0.2.1 metric 2",
		"ip route replace 2001:db8::77 dev vif5.0 proto 118 src 2001:db8::1 metric 2",
		"ip neigh replace proxy 192.0.2.77 dev eth0 protocol 118",
		"ip neigh replace proxy 192.0.2.78 dev eth0 protocol 118",
		"ip neigh replace proxy 2001:db8::77 dev eth0 protocol 118",
	)
	w.host.WaitUp(t, "vif5.0")
	guest.Run(t, "ip", "-6", "route", "add", "2001:db8::1", "dev", "eth0")
	guest.Run(t, "ip", "-6", "route", "add", "default", "via", "2001:db8::1")
	for _, one := range []struct {
		from *testhost.Host
		to   string
		args []string
	}{
		{far, "192.0.2.77", nil},
		{far, "192.0.2.78", nil},
		{far, "198.51.100.3", nil},
		{far, "2001:db8::77", nil},
		{guest, "192.0.2.9", nil},
		{guest, "192.0.2.9", []string{"-I", "192.0.2.78"}},
		{guest, "2001:db8::9", nil},
		{guest, "192.0.2.1", nil},
		{guest, "2001:db8::1", nil},
		{w.host, "192.0.2.77", nil},
		{w.host, "2001:db8::77", nil},
	} {
		ping(t, one.from, one.to, one.args...)
	}

	undoes(t, h, state)
	// Undo cannot bring back what a leftover was replaced by, and leaves it gone.
	same(t, "undone", strings.Replace(before, "192.0.2.78 dev vif4.0 scope link metric 2 linkdown \n", "", 1), w.snapshot(t))
}

func ping(t testing.TB, from *testhost.Host, to string, args ...string) {
	t.Helper()
	testhost.Wait(t, "an answer from "+to, func() bool {
		_, err := from.RunErr("ping", append(append([]string{"-c", "1", "-W", "2"}, args...), to)...)
		return err == nil
	})
}

// TestSameAsVifRoute is what Xen's vif-route does with the same input, for a vif and for a tap.
func TestSameAsVifRoute(t *testing.T) {
	t.Parallel()
	for name, metric := range map[string]string{"vif5.0": "2", "vif5.0-emu": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.outside(t)
			if metric == "1" {
				w.host.Run(t, "ip", "tuntap", "add", "mode", "tap", "name", name)
			} else {
				w.host.Veths(t, w.host, name)
			}
			uplink := w.link(t, "eth0")
			addresses, err := w.ListAddresses(t.Context(), uplink.Ifindex)
			must(t, err)
			main, _ := Primary(addresses)
			want := Route{
				Ifindex: w.link(t, name).Ifindex, Interface: name, Guest: prefixes("192.0.2.77/32"), Host: prefixes(main.String()),
				Proxy: true, Uplink: uplink, Forwarding: Families{IPv4: true},
			}
			h := w.start()
			state := apply(t, h, want, State{})
			for command, wants := range map[string]string{
				"ip -4 -o addr show dev " + name:              "inet 192.0.2.1/32 scope global " + name,
				"ip route show dev " + name:                   "192.0.2.77 proto 118 scope link src 192.0.2.1 metric " + metric,
				"sysctl net/ipv4/conf/" + name + "/proxy_arp": "= 1",
				"ip -o link show up dev " + name:              "fe:ff:ff:ff:ff:ff",
				"sysctl net.ipv4.ip_forward":                  "= 1",
				"ip -4 neigh show proxy dev eth0":             "192.0.2.77",
			} {
				args := strings.Fields(command)
				if out := w.host.Run(t, args[0], args[1:]...); !strings.Contains(out, wants) {
					t.Errorf("%s shows %q, want %q", command, out, wants)
				}
			}
			undoes(t, h, state)
		})
	}
}

// TestStepsAreCommands types the steps that Plan prints into a shell: they must do what Apply would.
func TestStepsAreCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.outside(t)
	want := w.everything(t)
	h := w.start()
	state, err := Prepare(h.Conn, h.Sysctls, want, State{})
	must(t, err)
	steps, err := Plan(t.Context(), h, want, state)
	must(t, err)
	for _, s := range steps {
		w.host.Run(t, "sh", "-c", s.String())
	}
	left, err := Plan(t.Context(), h, want, state)
	must(t, err)
	actiontest.Steps(t, "Plan", left)
}
