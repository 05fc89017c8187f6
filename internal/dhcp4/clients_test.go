package dhcp4

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/testhost"
	"vifd/internal/vifsock"
)

func (w *world) reaches(t *testing.T, address string) {
	t.Helper()
	w.guest.Run(t, "ping", "-c", "1", "-W", "5", address)
}

// wholeChecksums tells whether both checksums of an answer are there and right. Clients are less strict: they take none as well.
func wholeChecksums(frame []byte) bool {
	ip := frame[ethernetLen:]
	size := int(binary.BigEndian.Uint16(ip[2:])) - ipLen
	udp := ip[ipLen : ipLen+size]
	return vifsock.Fold(vifsock.Sum(0, ip[:ipLen])) == 0xffff && vifsock.Fold(vifsock.Sum(pseudoSum(ip[12:16], ip[16:20], size), udp)) == 0xffff &&
		binary.BigEndian.Uint16(udp[6:]) != 0
}

func TestUdhcpc(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, address, mask, routes string }{
		{"in the network", "10.77.3.1/16", "16", "198.51.100.0/24 10.77.255.254 0.0.0.0/0 10.77.255.254"},
		{"on a link of its own", "10.77.3.1/32", "32", "10.77.255.254/32 0.0.0.0 198.51.100.0/24 10.77.255.254 0.0.0.0/0 10.77.255.254"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *Config) { c.Address = netip.MustParsePrefix(tc.address) })
			wire := w.guest.Packet(t, testhost.GuestIf)
			c, process := w.udhcpc(t)
			c.wait(t, 1, "bound").expect(t, map[string]string{
				"ip": "10.77.3.1", "mask": tc.mask, "router": "10.77.255.254", "dns": "10.77.255.254 192.0.2.53", "domain": "guests.example",
				"hostname": "web-1", "mtu": "1400", "lease": "3600", "serverid": "10.77.255.254", "staticroutes": tc.routes,
			})
			c.wait(t, 1, "bound")
			testhost.Wait(t, "the script to configure the guest", func() bool {
				return strings.Contains(w.guest.Run(t, "ip", "route"), "default")
			})
			w.reaches(t, "10.77.255.254")
			if out := w.guest.Run(t, "ip", "link", "show", testhost.GuestIf); !strings.Contains(out, "mtu 1400") {
				t.Errorf("the MTU was not taken: %s", out)
			}

			before := w.server.Stats()
			process.Signal(t, syscall.SIGUSR1) // renew: unicast, by the guest's kernel
			c.wait(t, 1, "renew").expect(t, map[string]string{"ip": "10.77.3.1", "lease": "3600"})
			// There may be two: udhcpc sends by a connected socket that it closes at once, and an answer that comes before that ends in
			// it, unread. Then it asks everybody.
			after := w.server.Stats()
			if after.Offers != before.Offers || after.Acks == before.Acks {
				t.Errorf("renewed by %+v after %+v, want one more ack", after, before)
			}
			for range after.Acks + after.Offers {
				if frame := wire.Expect(t, "an answer", isAnswer); !wholeChecksums(frame) {
					t.Errorf("an answer without whole checksums: % x", frame)
				}
			}
			process.Signal(t, syscall.SIGUSR2) // release
			testhost.Wait(t, "the release to be heard", func() bool { return w.server.Stats().Silent == 1 })
			if s := w.server.Stats(); s.Naks+s.Foreign+s.Malformed+s.Unsent+s.Declines != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestDhclient(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, address, mask, routes string }{
		{"in the network", "10.77.3.1/16", "255.255.0.0", "24 198 51 100 10 77 255 254 0 10 77 255 254"},
		{"on a link of its own", "10.77.3.1/32", "255.255.255.255", "32 10 77 255 254 0 0 0 0 24 198 51 100 10 77 255 254 0 10 77 255 254"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(c *Config) { c.Address, c.Lease = netip.MustParsePrefix(tc.address), MinLease })
			c := w.dhclient(t, "")
			c.wait(t, 1, "BOUND").expect(t, map[string]string{
				"new_ip_address": "10.77.3.1", "new_subnet_mask": tc.mask, "new_routers": "10.77.255.254",
				"new_domain_name_servers": "10.77.255.254 192.0.2.53", "new_domain_name": "guests.example", "new_host_name": "web-1",
				"new_interface_mtu": "1400", "new_dhcp_lease_time": "10", "new_dhcp_renewal_time": "5", "new_dhcp_rebinding_time": "8",
				"new_dhcp_server_identifier": "10.77.255.254", "new_rfc3442_classless_static_routes": tc.routes,
			})
			c.wait(t, 1, "RENEW").expect(t, map[string]string{"new_ip_address": "10.77.3.1"})
			w.reaches(t, "10.77.255.254")
			if s := w.server.Stats(); s.Offers != 1 || s.Naks+s.Foreign+s.Malformed+s.Unsent != 0 {
				t.Errorf("%+v, want one offer and a renewal", s)
			}
		})
	}
}

// TestDhclientFromElsewhere has a guest come up with an address of another network, which it is to give up, or its own, which it is to
// keep.
func TestDhclientFromElsewhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, address, reason string
		naks, offers          uint64
	}{{"foreign", "10.9.9.9", "BOUND", 1, 1}, {"own", "10.77.3.1", "REBOOT", 0, 0}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, asItIs)
			later := time.Now().Add(24 * time.Hour).UTC().Format("2006/01/02 15:04:05")
			c := w.dhclient(t, `lease {
	interface "eth0";
	fixed-address `+tc.address+`;
	option subnet-mask 255.255.255.0;
	option dhcp-lease-time 86400;
	option dhcp-message-type 5;
	option dhcp-server-identifier 10.9.9.1;
	renew 0 `+later+`;
	rebind 0 `+later+`;
	expire 0 `+later+`;
}
`)
			c.wait(t, 1, tc.reason).expect(t, map[string]string{"new_ip_address": "10.77.3.1"})
			if s := w.server.Stats(); s.Naks != tc.naks || s.Offers != tc.offers {
				t.Errorf("%+v, want %d naks and %d offers", s, tc.naks, tc.offers)
			}
		})
	}
}

// TestTheMachineIsLeftAlone: what the clients are told never gets into the machine's own configuration.
func TestTheMachineIsLeftAlone(t *testing.T) {
	if data, err := os.ReadFile("/etc/resolv.conf"); err == nil && strings.Contains(string(data), "guests.example") {
		t.Error("a client has written to /etc/resolv.conf")
	}
}
