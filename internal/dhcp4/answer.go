package dhcp4

import (
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// An outcome is what became of a request.
type outcome int

const (
	malformed outcome = iota // not a DHCP request at all
	foreign                  // of another's MAC, of a relay, or for another server
	silent                   // understood, and not to be answered
	declined                 // the guest says that somebody has its address already; not to be answered
	offered
	acknowledged
	refused
)

// answer decides on a message (RFC 2131, 4.3). It returns nil where there is to be no answer.
func (c *Config) answer(m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, outcome) {
	if m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != iana.HWTypeEthernet || len(m.ClientHWAddr) != 6 {
		return nil, malformed
	}
	if !c.owns(m.ClientHWAddr) || !m.GatewayIPAddr.IsUnspecified() {
		return nil, foreign
	}
	if id := address(m, dhcpv4.OptionServerIdentifier); id.IsValid() && id != c.Router {
		return nil, foreign
	}
	kind := m.Options.Get(dhcpv4.OptionDHCPMessageType)
	if len(kind) != 1 {
		return nil, malformed // BOOTP
	}
	switch dhcpv4.MessageType(kind[0]) {
	case dhcpv4.MessageTypeDiscover:
		return c.reply(m, dhcpv4.MessageTypeOffer), offered
	case dhcpv4.MessageTypeRequest:
		return c.request(m)
	case dhcpv4.MessageTypeInform:
		return c.reply(m, dhcpv4.MessageTypeAck), acknowledged
	case dhcpv4.MessageTypeDecline:
		return nil, declined
	case dhcpv4.MessageTypeRelease:
		return nil, silent // the address stays the guest's
	default:
		return nil, malformed
	}
}

// request answers a DHCPREQUEST of a client that has chosen this server, has rebooted, or renews or rebinds its lease (4.3.2). It says
// which address it means in option 50 in the first two cases, in ciaddr in the last. There is one address that it may mean.
func (c *Config) request(m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, outcome) {
	wanted := address(m, dhcpv4.OptionRequestedIPAddress)
	if !wanted.IsValid() {
		wanted, _ = netip.AddrFromSlice(m.ClientIPAddr.To4())
	}
	switch {
	case wanted.IsUnspecified():
		return nil, malformed
	case wanted != c.Address.Addr():
		return c.reply(m, dhcpv4.MessageTypeNak), refused
	}
	return c.reply(m, dhcpv4.MessageTypeAck), acknowledged
}

// address is an option that holds one address; not valid where the option is missing or malformed.
func address(m *dhcpv4.DHCPv4, code dhcpv4.OptionCode) netip.Addr {
	raw := m.Options.Get(code)
	if len(raw) != net.IPv4len {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// destination is where an answer goes (4.1). That it reaches a client which has no address yet is the frame's matter.
func destination(request, reply *dhcpv4.DHCPv4) netip.Addr {
	everybody := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if reply.MessageType() == dhcpv4.MessageTypeNak {
		return everybody
	}
	if client, ok := netip.AddrFromSlice(request.ClientIPAddr.To4()); ok && isHost(client) {
		return client
	}
	yours, ok := netip.AddrFromSlice(reply.YourIPAddr.To4())
	if request.IsBroadcast() || !ok || yours.IsUnspecified() {
		return everybody
	}
	return yours
}
