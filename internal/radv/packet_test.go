package radv

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"

	"vifd/internal/testhost"
	"vifd/internal/vifsock"
)

// solicit is the packet of a solicitation, as the library writes it.
func solicit(t testing.TB, src string, options ...ndp.Option) []byte {
	t.Helper()
	from, to := netip.MustParseAddr(src), netip.MustParseAddr("ff02::2")
	m, err := ndp.MarshalMessageChecksum(&ndp.RouterSolicitation{Options: options}, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return envelope(from, to, m)
}

func TestSolicitations(t *testing.T) {
	own := &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: testhost.MAC(guestMAC)}
	whole := solicit(t, "fe80::1", own)
	change := func(f func([]byte)) []byte {
		packet := bytes.Clone(whole)
		f(packet)
		return packet
	}
	for _, tc := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"whole", whole, true},
		{"without options", solicit(t, "fe80::1"), true},
		{"without an address", solicit(t, "::"), true},
		{"without an address, with its link's", solicit(t, "::", own), false},
		{"with padding", append(bytes.Clone(whole), 0, 0), true},
		{"forwarded", change(func(f []byte) { f[7] = 254 }), false},
		{"wrong checksum", change(func(f []byte) { f[ipLen+2] ^= 1 }), false},
		{"partial checksum", change(func(f []byte) {
			sum := vifsock.Fold(pseudoSum(f[8:24], f[24:40], len(f)-ipLen))
			f[ipLen+2], f[ipLen+3] = byte(sum>>8), byte(sum)
		}), true},
		{"an option without length", change(func(f []byte) { f[ipLen+9] = 0; f[ipLen+3]++ }), false},
		{"an option that is too long", change(func(f []byte) { f[ipLen+9] = 2; f[ipLen+3]-- }), false},
		{"cut short", whole[:len(whole)-1], false},
		{"nothing", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, ok := solicitation(tc.packet); ok != tc.want {
				t.Errorf("valid: %v, want %v", ok, tc.want)
			}
		})
	}
}

// FuzzSolicitation shows that no packet does harm, and that what counts as a solicitation is one to the library as well.
func FuzzSolicitation(f *testing.F) {
	f.Add(solicit(f, "fe80::1"))
	f.Add(solicit(f, "::", &ndp.MTU{MTU: 1500}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		src, ok := solicitation(packet)
		if !ok {
			return
		}
		if !src.Is6() {
			t.Fatalf("from %v", src)
		}
		// Its options may be of kinds that the library reads more closely.
		if _, err := ndp.ParseMessage(packet[ipLen : ipLen+solicitLen]); err != nil {
			t.Fatalf("no solicitation to the library: %v", err)
		}
	})
}

func TestConfigsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no ifindex":               func(c *Config) { c.Ifindex = 0 },
		"no MAC":                   func(c *Config) { c.MACs = nil },
		"a short MAC":              func(c *Config) { c.MACs = []net.HardwareAddr{{2}} },
		"no prefix":                func(c *Config) { c.Prefix = netip.Prefix{} },
		"a /56":                    func(c *Config) { c.Prefix = netip.MustParsePrefix("fd77::/56") },
		"an IPv4 prefix":           func(c *Config) { c.Prefix = netip.MustParsePrefix("10.0.0.0/24") },
		"bits behind the prefix":   func(c *Config) { c.Prefix = netip.MustParsePrefix("fd77::1/64") },
		"the link-local prefix":    func(c *Config) { c.Prefix = netip.MustParsePrefix("fe80::/64") },
		"a short router lifetime":  func(c *Config) { c.RouterLifetime = 1 },
		"a tiny MTU":               func(c *Config) { c.MTU = 1000 },
		"an IPv4 name server":      func(c *Config) { c.DNS = []netip.Addr{netip.MustParseAddr("192.0.2.1")} },
		"more name servers than 8": func(c *Config) { c.DNS = append(make([]netip.Addr, 8), c.DNS...) },
		"a domain that is none":    func(c *Config) { c.Domain = "a..b" },
		"a label that is too long": func(c *Config) { c.Domain = string(bytes.Repeat([]byte("a"), 64)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := example(t)
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			change(&c)
			if c.Check() == nil {
				t.Errorf("%+v is taken", c)
			}
		})
	}
}
