package radv

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

const guestMAC, otherMAC = "00:16:3e:00:00:01", "00:16:3e:00:00:02"

func example(t testing.TB) Config {
	t.Helper()
	return Config{
		Interface: "vif1.0", Ifindex: 1, MACs: []net.HardwareAddr{testhost.MAC(guestMAC)}, Prefix: netip.MustParsePrefix("fd77:0:0:301::/64"),
		MTU: 1400, DNS: []netip.Addr{netip.MustParseAddr("fd77::53"), netip.MustParseAddr("2001:db8::53")}, Domain: "guests.example",
	}
}

func serve(t testing.TB) *Server {
	t.Helper()
	s := New(slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ethernet is the frame that carries a packet to all routers.
func ethernet(from net.HardwareAddr, packet []byte) []byte {
	return append(append([]byte{0x33, 0x33, 0, 0, 0, 2}, from...), append([]byte{0x86, 0xdd}, packet...)...)
}

const ethernetLen = 14

func set(t testing.TB, h *testhost.Host, s *Server, c Config) {
	t.Helper()
	h.Do(t, func() error { return s.Set(c) })
}
