package dhcp4

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

const guestMAC, otherMAC = "00:16:3e:00:00:01", "00:16:3e:00:00:02"

// example is a guest of a NAT network, with all that there is to be told.
func example(t testing.TB) Config {
	t.Helper()
	return Config{
		Interface: "vif1.0", Ifindex: 1, MACs: []net.HardwareAddr{testhost.MAC(guestMAC)},
		Address: netip.MustParsePrefix("10.77.3.1/16"), Router: netip.MustParseAddr("10.77.255.254"),
		DNS:    []netip.Addr{netip.MustParseAddr("10.77.255.254"), netip.MustParseAddr("192.0.2.53")},
		Domain: "guests.example", Host: "web-1", MTU: 1400,
		Routes: []Route{{To: netip.MustParsePrefix("198.51.100.0/24"), Via: netip.MustParseAddr("10.77.255.254")}},
	}
}

// message is a client's, with the options given.
func message(t testing.TB, kind dhcpv4.MessageType, options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(dhcpv4.WithHwAddr(testhost.MAC(guestMAC)), dhcpv4.WithMessageType(kind))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		m.UpdateOption(o)
	}
	return m
}

// request is the packet that carries a client's message.
func request(m *dhcpv4.DHCPv4, dst string) []byte {
	return toServer(netip.MustParseAddr(dst), m.ToBytes())
}

func toServer(dst netip.Addr, payload []byte) []byte {
	packet := envelope(netip.IPv4Unspecified(), dst, payload)
	udp := packet[ipLen:]
	udp[1], udp[3] = clientPort, serverPort // which are the other way round in an answer, with the same sum
	return packet
}

// ethernet is the frame that carries a packet to everybody on the wire.
func ethernet(from net.HardwareAddr, packet []byte) []byte {
	return append(append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, from...), append([]byte{8, 0}, packet...)...)
}

const ethernetLen = 14

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

// set tells the server of a guest, in the host's network.
func set(t testing.TB, h *testhost.Host, s *Server, c Config) {
	t.Helper()
	h.Do(t, func() error { return s.Set(c) })
}
