package dhcp4

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"vifd/internal/testhost"
)

func TestAnswers(t *testing.T) {
	const own, foreignAddress, everybody = "10.77.3.1", "10.9.9.9", "255.255.255.255"
	wants := func(a string) dhcpv4.Option { return dhcpv4.OptRequestedIPAddress(net.ParseIP(a)) }
	server := func(a string) dhcpv4.Option { return dhcpv4.OptServerIdentifier(net.ParseIP(a)) }
	ciaddr := func(a string) func(*dhcpv4.DHCPv4) {
		return func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = net.ParseIP(a).To4() }
	}
	none := func(*dhcpv4.DHCPv4) {}
	for _, tc := range []struct {
		name    string
		kind    dhcpv4.MessageType
		options []dhcpv4.Option
		change  func(*dhcpv4.DHCPv4)
		sentTo  string
		want    outcome
		to      string
		yours   string
	}{
		{"discover", dhcpv4.MessageTypeDiscover, nil, none, everybody, offered, own, own},
		{"discover that asks for another address", dhcpv4.MessageTypeDiscover, []dhcpv4.Option{wants(foreignAddress)}, none, everybody, offered, own, own},
		{"discover with broadcast flag", dhcpv4.MessageTypeDiscover, nil, func(m *dhcpv4.DHCPv4) { m.SetBroadcast() }, everybody, offered, everybody, own},
		{"selecting", dhcpv4.MessageTypeRequest, []dhcpv4.Option{server("10.77.255.254"), wants(own)}, none, everybody, acknowledged, own, own},
		{"selecting another server", dhcpv4.MessageTypeRequest, []dhcpv4.Option{server("10.77.255.1"), wants(own)}, none, everybody, foreign, "", ""},
		{"selecting an address not offered", dhcpv4.MessageTypeRequest, []dhcpv4.Option{server("10.77.255.254"), wants(foreignAddress)}, none, everybody, refused, everybody, "0.0.0.0"},
		{"init-reboot", dhcpv4.MessageTypeRequest, []dhcpv4.Option{wants(own)}, none, everybody, acknowledged, own, own},
		{"init-reboot on the wrong network", dhcpv4.MessageTypeRequest, []dhcpv4.Option{wants(foreignAddress)}, none, everybody, refused, everybody, "0.0.0.0"},
		{"renewing", dhcpv4.MessageTypeRequest, nil, ciaddr(own), "10.77.255.254", acknowledged, own, own},
		{"rebinding", dhcpv4.MessageTypeRequest, nil, ciaddr(own), everybody, acknowledged, own, own},
		{"rebinding with broadcast flag", dhcpv4.MessageTypeRequest, nil, func(m *dhcpv4.DHCPv4) { m.SetBroadcast(); ciaddr(own)(m) }, everybody, acknowledged, own, own},
		{"renewing another's address", dhcpv4.MessageTypeRequest, nil, ciaddr(foreignAddress), "10.77.255.254", refused, everybody, "0.0.0.0"},
		{"renewing with another server", dhcpv4.MessageTypeRequest, nil, ciaddr(own), "192.0.2.67", foreign, "", ""},
		{"request for nothing", dhcpv4.MessageTypeRequest, nil, none, everybody, malformed, "", ""},
		{"inform", dhcpv4.MessageTypeInform, nil, ciaddr("10.77.3.9"), everybody, acknowledged, "10.77.3.9", "0.0.0.0"},
		{"inform without an address", dhcpv4.MessageTypeInform, nil, none, everybody, acknowledged, everybody, "0.0.0.0"},
		{"decline", dhcpv4.MessageTypeDecline, []dhcpv4.Option{server("10.77.255.254"), wants(own)}, none, everybody, declined, "", ""},
		{"release", dhcpv4.MessageTypeRelease, []dhcpv4.Option{server("10.77.255.254")}, ciaddr(own), "10.77.255.254", silent, "", ""},
		{"a server's message", dhcpv4.MessageTypeOffer, nil, none, everybody, malformed, "", ""},
		{"bootp", dhcpv4.MessageTypeDiscover, nil, func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionDHCPMessageType) }, everybody, malformed, "", ""},
		{"a reply", dhcpv4.MessageTypeDiscover, nil, func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply }, everybody, malformed, "", ""},
		{"another's MAC", dhcpv4.MessageTypeDiscover, nil, func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = testhost.MAC(otherMAC) }, everybody, foreign, "", ""},
		{"by a relay", dhcpv4.MessageTypeDiscover, nil, func(m *dhcpv4.DHCPv4) { m.GatewayIPAddr = net.IP{10, 77, 3, 1} }, everybody, foreign, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := example(t)
			m := message(t, tc.kind, tc.options...)
			m.UpdateOption(dhcpv4.OptClientIdentifier([]byte{1, 2, 3}))
			m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, []byte{1, 2, 'x', 'y'}))
			tc.change(m)
			r, got := c.respond(request(m, tc.sentTo))
			if got != tc.want {
				t.Fatalf("outcome %d, want %d", got, tc.want)
			}
			if r == nil {
				if tc.to != "" {
					t.Fatalf("no answer, want one to %s", tc.to)
				}
				return
			}
			if r.to.String() != tc.to || r.reply.YourIPAddr.String() != tc.yours {
				t.Errorf("answer to %v with yiaddr %v, want %s with %s", r.to, r.reply.YourIPAddr, tc.to, tc.yours)
			}
			for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionClientIdentifier, dhcpv4.OptionRelayAgentInformation} {
				if diff := cmp.Diff(m.Options.Get(code), r.reply.Options.Get(code)); diff != "" {
					t.Errorf("option %v is not given back (-want +got):\n%s", code, diff)
				}
			}
			if id := address(r.reply, dhcpv4.OptionServerIdentifier); id != c.Router {
				t.Errorf("server identifier %v, want %v", id, c.Router)
			}
			leases := tc.yours == own
			for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue} {
				if r.reply.Options.Has(code) != leases {
					t.Errorf("option %v is there: %v, want %v", code, !leases, leases)
				}
			}
			if got == refused && (r.reply.Options.Has(dhcpv4.OptionRouter) || !r.reply.ClientIPAddr.IsUnspecified()) {
				t.Errorf("a refusal tells more than that: %v", r.reply)
			}
			if r.reply.TransactionID != m.TransactionID || r.reply.Flags != m.Flags || !cmp.Equal(r.reply.ClientHWAddr, m.ClientHWAddr) {
				t.Errorf("not the answer to the request: %v", r.reply)
			}
		})
	}
}

func TestWhatIsTold(t *testing.T) {
	reply := func(c Config, options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
		t.Helper()
		r, what := c.respond(request(message(t, dhcpv4.MessageTypeDiscover, options...), "255.255.255.255"))
		if what != offered {
			t.Fatalf("outcome %d", what)
		}
		m, err := dhcpv4.FromBytes(r.reply.ToBytes())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	all := dhcpv4.OptParameterRequestList(dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionDomainNameServer, dhcpv4.OptionHostName,
		dhcpv4.OptionDomainName, dhcpv4.OptionBroadcastAddress)

	t.Run("in the network", func(t *testing.T) {
		m := reply(example(t), all)
		want := "10.77.3.1 ffff0000 [10.77.255.254] [10.77.255.254 192.0.2.53] web-1 guests.example 10.77.255.255 " +
			"route to 198.51.100.0/24 via 10.77.255.254; route to 0.0.0.0/0 via 10.77.255.254"
		got := m.YourIPAddr.String() + " " + m.SubnetMask().String() + " " + text(m.Router()) + " " + text(m.DNS()) + " " + m.HostName() + " " +
			m.DomainName() + " " + m.BroadcastAddress().String() + " " + dhcpv4.Routes(m.ClasslessStaticRoute()).String()
		if got != want {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
		for code, value := range map[dhcpv4.OptionCode][]byte{
			dhcpv4.OptionInterfaceMTU: {0x05, 0x78}, dhcpv4.OptionIPAddressLeaseTime: {0, 0, 0x0e, 0x10},
			dhcpv4.OptionRenewTimeValue: {0, 0, 0x07, 0x08}, dhcpv4.OptionRebindingTimeValue: {0, 0, 0x0c, 0x4e},
		} {
			if diff := cmp.Diff(value, m.Options.Get(code)); diff != "" {
				t.Errorf("option %v (-want +got):\n%s", code, diff)
			}
		}
	})
	t.Run("on a link of its own", func(t *testing.T) {
		c := example(t)
		c.Address, c.Routes = netip.MustParsePrefix("10.77.3.1/32"), nil
		m := reply(c, all)
		const want = "route to 10.77.255.254/32 via 0.0.0.0; route to 0.0.0.0/0 via 10.77.255.254"
		if got := dhcpv4.Routes(m.ClasslessStaticRoute()).String(); got != want || m.SubnetMask().String() != "ffffffff" {
			t.Errorf("mask %v, routes %q, want %q", m.SubnetMask(), got, want)
		}
	})
	t.Run("a default route of its own", func(t *testing.T) {
		c := example(t)
		c.Routes = []Route{{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.77.0.7")}}
		if got := dhcpv4.Routes(reply(c, all).ClasslessStaticRoute()).String(); got != "route to 0.0.0.0/0 via 10.77.0.7" {
			t.Errorf("routes %q", got)
		}
	})
	t.Run("what was not asked for", func(t *testing.T) {
		m := reply(example(t), dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainNameServer))
		if m.DNS() == nil || m.HostName() != "" || m.ClasslessStaticRoute() != nil || m.SubnetMask() == nil || m.Router() == nil || !m.Options.Has(dhcpv4.OptionInterfaceMTU) {
			t.Errorf("%v", m)
		}
	})
	t.Run("no more than the client takes", func(t *testing.T) {
		c := example(t)
		for i := range 60 {
			c.Routes = append(c.Routes, Route{To: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24), Via: c.Router})
		}
		if m := reply(c, all); m.ClasslessStaticRoute() != nil || len(m.ToBytes()) > 548 || m.HostName() == "" {
			t.Errorf("%d bytes: %v", len(m.ToBytes()), m)
		}
		if m := reply(c, all, dhcpv4.OptMaxMessageSize(1500)); len(m.ClasslessStaticRoute()) != 62 {
			t.Errorf("%d routes, want 62", len(m.ClasslessStaticRoute()))
		}
	})
}

func text(ips []net.IP) string {
	s := "["
	for i, ip := range ips {
		if i > 0 {
			s += " "
		}
		s += ip.String()
	}
	return s + "]"
}

func TestConfigsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no ifindex":             func(c *Config) { c.Ifindex = 0 },
		"no MAC":                 func(c *Config) { c.MACs = nil },
		"a group's MAC":          func(c *Config) { c.MACs = []net.HardwareAddr{{1, 0, 0, 0, 0, 1}} },
		"a short MAC":            func(c *Config) { c.MACs = []net.HardwareAddr{{2, 0}} },
		"no address":             func(c *Config) { c.Address = netip.Prefix{} },
		"an IPv6 address":        func(c *Config) { c.Address = netip.MustParsePrefix("2001:db8::1/64") },
		"no router":              func(c *Config) { c.Router = netip.Addr{} },
		"itself the router":      func(c *Config) { c.Router = c.Address.Addr() },
		"an IPv6 name server":    func(c *Config) { c.DNS = []netip.Addr{netip.MustParseAddr("2001:db8::53")} },
		"a name with a command":  func(c *Config) { c.Host = "web;reboot" },
		"a domain with a space":  func(c *Config) { c.Domain = "a b" },
		"a domain with an empty": func(c *Config) { c.Domain = "a..b" },
		"a tiny MTU":             func(c *Config) { c.MTU = 60 },
		"a short lease":          func(c *Config) { c.Lease = 1 },
		"an IPv6 route":          func(c *Config) { c.Routes = []Route{{To: netip.MustParsePrefix("2001:db8::/64")}} },
		"a route via IPv6":       func(c *Config) { c.Routes[0].Via = netip.MustParseAddr("fe80::1") },
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
