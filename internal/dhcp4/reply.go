package dhcp4

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	// headers is how much of a message's size, as option 57 counts it, are the IPv4 and UDP headers.
	headers = 20 + 8
	// minSize is what every client takes (RFC 2131, 2), maxSize what every Ethernet carries.
	minSize, maxSize = 576, 1500
	// fixed is the length of a message without options: the header, the cookie and the end.
	fixed = 236 + 4 + 1
)

// reply makes an answer. It looks at nothing of the request that answer has not checked but at what is given back as it came.
func (c *Config) reply(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	r := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootReply, HWType: m.HWType, TransactionID: m.TransactionID, Flags: m.Flags,
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
		ClientHWAddr: m.ClientHWAddr, Options: make(dhcpv4.Options),
	}
	o := options{m: m, out: r.Options, room: room(m) - fixed}
	o.add(dhcpv4.OptionDHCPMessageType, []byte{byte(kind)})
	o.add(dhcpv4.OptionServerIdentifier, c.Router.AsSlice())
	// RFC 6842 for the client's identifier, also in a refusal; RFC 3046, 2.2 for what a relay has added.
	o.echo(dhcpv4.OptionClientIdentifier)
	o.echo(dhcpv4.OptionRelayAgentInformation)
	if kind == dhcpv4.MessageTypeNak {
		return r
	}
	inform := m.MessageType() == dhcpv4.MessageTypeInform
	if kind == dhcpv4.MessageTypeAck {
		r.ClientIPAddr = m.ClientIPAddr
	}
	if !inform { // RFC 2131, 4.3.5: its address is the client's own business
		r.YourIPAddr = c.Address.Addr().AsSlice()
		lease := c.lease()
		o.add(dhcpv4.OptionIPAddressLeaseTime, seconds(lease))
		o.add(dhcpv4.OptionRenewTimeValue, seconds(lease/2))
		o.add(dhcpv4.OptionRebindingTimeValue, seconds(lease*7/8))
	}
	c.describe(&o)
	return r
}

// describe adds what the guest is told about its network, the more important first. A mask and a router every client needs, and an MTU
// that nobody asked for is better than packets that nobody carries.
func (c *Config) describe(o *options) {
	mask := net.CIDRMask(c.Address.Bits(), 32)
	o.add(dhcpv4.OptionSubnetMask, mask)
	o.add(dhcpv4.OptionRouter, c.Router.AsSlice())
	if c.MTU != 0 {
		o.add(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(c.MTU)))
	}
	routes := packRoutes(c.routes())
	o.wanted(dhcpv4.OptionClasslessStaticRoute, routes)
	o.wanted(dhcpv4.GenericOptionCode(249), routes) // Windows before Vista asks for this one alone
	var dns []byte
	for _, a := range c.DNS {
		dns = append(dns, a.AsSlice()...)
	}
	o.wanted(dhcpv4.OptionDomainNameServer, dns)
	o.wanted(dhcpv4.OptionHostName, []byte(c.Host))
	o.wanted(dhcpv4.OptionDomainName, []byte(c.Domain))
	if c.Address.Bits() < 31 {
		last := c.Address.Masked().Addr().As4()
		for i := range last {
			last[i] |= ^mask[i]
		}
		o.wanted(dhcpv4.OptionBroadcastAddress, last[:])
	}
}

// options collects options while there is room for them in what the client says it takes.
type options struct {
	m    *dhcpv4.DHCPv4
	out  dhcpv4.Options
	room int
}

func (o *options) add(code dhcpv4.OptionCode, value []byte) {
	size := len(value) + 2*max(1, (len(value)+254)/255) // a long one is split (RFC 3396)
	if size > o.room {
		return
	}
	o.room -= size
	o.out[code.Code()] = value
}

// wanted adds an option that has a value, unless the client says what it wants and this is not it.
func (o *options) wanted(code dhcpv4.OptionCode, value []byte) {
	list := o.m.Options.Get(dhcpv4.OptionParameterRequestList)
	if len(value) > 0 && (list == nil || slices.Contains(list, code.Code())) {
		o.add(code, value)
	}
}

// echo gives an option back as it came.
func (o *options) echo(code dhcpv4.OptionCode) {
	if o.m.Options.Has(code) {
		o.add(code, o.m.Options.Get(code))
	}
}

// room is the longest message that the client takes, in bytes.
func room(m *dhcpv4.DHCPv4) int {
	size := minSize
	if raw := m.Options.Get(dhcpv4.OptionMaximumDHCPMessageSize); len(raw) == 2 {
		size = min(max(size, int(binary.BigEndian.Uint16(raw))), maxSize)
	}
	return size - headers
}

func seconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))
}

// packRoutes is the value of option 121: of each route the prefix's length, the bytes of it that count, and the gateway.
func packRoutes(routes []Route) []byte {
	var out []byte
	for _, r := range routes {
		via := r.Via
		if !via.IsValid() {
			via = netip.IPv4Unspecified()
		}
		to := r.To.Masked()
		out = append(out, byte(to.Bits()))
		out = append(out, to.Addr().AsSlice()[:(to.Bits()+7)/8]...)
		out = append(out, via.AsSlice()...)
	}
	return out
}
