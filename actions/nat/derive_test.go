package nat_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"vifd/actions/nat"
	"vifd/internal/vif"
)

// TestDerivedAddressesStay is what no release may change: guests keep their addresses.
func TestDerivedAddressesStay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		subnet         string
		domid, vifid   int
		guest, gateway string
	}{
		// As Xen's vif-nat has it.
		{"10.0.0.0/8", 6, 0, "10.0.6.1/32", "10.255.255.254"},
		{"10.0.0.0/8", 300, 1, "10.1.44.2/32", "10.255.255.254"},
		{"10.0.0.0/8", 3, 200, "10.0.3.201/32", "10.255.255.254"},
		{"10.0.0.0/8", 32751, 255, "10.127.240.0/32", "10.255.255.254"},
		{"10.0.0.0/8", 1, 256, "10.160.0.255/32", "10.255.255.254"},

		{"10.77.0.0/16", 0, 0, "10.77.0.1/32", "10.77.255.254"},
		{"10.77.0.0/16", 1, 0, "10.77.0.3/32", "10.77.255.254"},
		{"10.77.0.0/16", 1, 1, "10.77.0.4/32", "10.77.255.254"},
		{"10.77.0.0/16", 1, 2, "10.77.160.1/32", "10.77.255.254"},
		{"10.77.0.0/16", 300, 1, "10.77.2.90/32", "10.77.255.254"},
		{"10.77.0.0/16", 32751, 1, "10.77.255.224/32", "10.77.255.254"},
		{"10.77.0.0/16", 40000, 0, "10.77.56.132/32", "10.77.255.254"},
		{"192.0.2.0/24", 7, 0, "192.0.2.8/32", "192.0.2.254"},
		{"192.0.2.0/24", 260, 0, "192.0.2.8/32", "192.0.2.254"},
		{"192.0.2.0/24", 7, 1, "192.0.2.166/32", "192.0.2.254"},
		{"192.0.2.8/30", 7, 3, "192.0.2.9/32", "192.0.2.10"},
		{"fd77::/48", 1, 0, "fd77:0:0:3::/64", "fd77:0:0:3::1"},
		{"fd77::/48", 300, 1, "fd77:0:0:25a::/64", "fd77:0:0:25a::1"},
		{"fd77:0:0:aa00::/56", 7, 0, "fd77:0:0:aa08::/64", "fd77:0:0:aa08::1"},
		{"fd00::/8", 300, 1, "fd00:0:1:2c02::/64", "fd00:0:1:2c02::1"},
	} {
		a, err := nat.Derive(netip.MustParsePrefix(tt.subnet), tt.domid, tt.vifid)
		if err != nil || a.Guest.String() != tt.guest || a.Gateway.String() != tt.gateway {
			t.Errorf("Derive(%s, %d, %d) = %v, %v, want %s by %s", tt.subnet, tt.domid, tt.vifid, a, err, tt.guest, tt.gateway)
		}
	}
}

// TestDerivedAddressesAreGuests holds for every subnet and interface: inside, and nobody else's.
func TestDerivedAddressesAreGuests(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		v6 := rnd.IntN(2) == 0
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + rnd.IntN(100)), byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32())}), 1+rnd.IntN(30)).Masked()
		if v6 {
			subnet = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, byte(rnd.Uint32()), byte(rnd.Uint32()), 3: byte(rnd.Uint32()), 6: byte(rnd.Uint32())}), 3+rnd.IntN(54)).Masked()
		}
		if subnet.Contains(netip.MustParseAddr("127.0.0.1")) || subnet.Addr().IsUnspecified() {
			continue
		}
		domid, vifid := rnd.IntN(1<<31), rnd.IntN(1<<16)
		a, err := nat.Derive(subnet, domid, vifid)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !subnet.Contains(a.Guest.Addr()) || !subnet.Contains(a.Gateway) || !a.Guest.Contains(a.Target):
			t.Fatalf("Derive(%s, %d, %d) = %v: outside", subnet, domid, vifid, a)
		case a.Guest.Addr() == subnet.Addr(), a.Target == a.Gateway:
			t.Fatalf("Derive(%s, %d, %d) = %v: somebody else's", subnet, domid, vifid, a)
		case v6 && (a.Guest.Bits() != 64 || !a.Guest.Contains(a.Gateway)):
			t.Fatalf("Derive(%s, %d, %d) = %v", subnet, domid, vifid, a)
		case !v6 && (!a.Guest.Addr().Less(a.Gateway) || subnet.Contains(a.Gateway.Next().Next()) || !subnet.Contains(a.Gateway.Next())):
			t.Fatalf("Derive(%s, %d, %d) = %v: the gateway is not the last but broadcast, or not behind the guest", subnet, domid, vifid, a)
		}
	}
}

func TestDerivedAddressesDiffer(t *testing.T) {
	t.Parallel()
	for subnet, vifs := range map[string]int{"10.0.0.0/8": 256, "10.64.0.0/11": 64, "10.77.0.0/16": 2, "10.0.0.0/17": 1, "fd77::/48": 2, "fd77::/40": 256} {
		t.Run(subnet, func(t *testing.T) {
			t.Parallel()
			seen := make(map[netip.Addr]bool)
			for domid := 0; domid <= vif.MaxDomid; domid += 1 + max(0, vifs-2)/8 {
				for vifid := range vifs {
					a, err := nat.Derive(netip.MustParsePrefix(subnet), domid, vifid)
					if err != nil || seen[a.Guest.Addr()] {
						t.Fatalf("vif%d.%d has %s, %v: somebody else's", domid, vifid, a.Guest, err)
					}
					seen[a.Guest.Addr()] = true
				}
			}
		})
	}
	// Of a small subnet the domains that follow each other have different ones.
	for first := range 1000 {
		seen := make(map[netip.Prefix]int)
		for domid := first; domid < first+253; domid++ {
			a, err := nat.Derive(netip.MustParsePrefix("192.0.2.0/24"), domid, 0)
			if other, taken := seen[a.Guest]; err != nil || taken {
				t.Fatalf("domain %d has %s, %v: that of domain %d", domid, a.Guest, err, other)
			}
			seen[a.Guest] = domid
		}
	}
}

func TestSubnetsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, subnet := range []string{"10.0.0.0/31", "10.0.0.1/32", "10.0.0.1/8", "fd77::/57", "fd77::/64", "fe80::/10", "127.0.0.0/8", "224.0.0.0/4", "::ffff:10.0.0.0/104"} {
		if _, err := nat.Derive(netip.MustParsePrefix(subnet), 1, 0); err == nil {
			t.Errorf("Derive(%s) is content", subnet)
		}
	}
	if _, err := nat.Derive(netip.Prefix{}, 1, 0); err == nil {
		t.Error("Derive() of no subnet is content")
	}
	for _, id := range []nat.ID{{-1, 0}, {0, -1}, {1 << 31, 0}, {0, 1 << 16}} {
		if _, err := nat.Derive(netip.MustParsePrefix("10.0.0.0/8"), id.Domid, id.Vifid); err == nil {
			t.Errorf("Derive() of %v is content", id)
		}
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]nat.ID{
		"vif3.1": {3, 1}, "vif3.1-emu": {3, 1}, "tap7": {7, 0}, "vnet3": {3, 0}, "tap100i1": {100, 1}, "macvtap0": {0, 0}, "vi12": {12, 0},
	} {
		if got, err := nat.Identify(name); got != want || err != nil {
			t.Errorf("Identify(%s) = %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "tap", "7", "tap07", "eth0.5", "tap-3-7", "tapi7i", "tap3x", "vnet99999999999", "vnet4294967296", "tap1i99999"} {
		if got, err := nat.Identify(name); err == nil || !strings.Contains(err.Error(), "guest: {ip: …}") {
			t.Errorf("Identify(%s) = %v, %v, want to be told to give an address", name, got, err)
		}
	}
}
