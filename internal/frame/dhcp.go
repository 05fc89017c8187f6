package frame

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// DHCPDiscover is a client's first message (RFC 2131), for Raw behind UDP{68, 67}.
func DHCPDiscover(client net.HardwareAddr, xid uint32) []byte {
	return dhcpv4(1, client, xid, netip.Addr{}, netip.Addr{},
		53, 1, 1, // message type: discover
		55, 4, 1, 3, 6, 15) // asks for: mask, router, name servers, domain
}

// DHCPOffer is a server's answer, for Raw behind UDP{67, 68}: client is to be offered, by server, with mask /24.
func DHCPOffer(client net.HardwareAddr, xid uint32, offered, server netip.Addr) []byte {
	options := []byte{
		53, 1, 2, // message type: offer
		51, 4, 0, 0, 14, 16, // lease: 3600 s
		1, 4, 255, 255, 255, 0, // mask
	}
	options = append(append(options, 54, 4), addr4(server)...) // server identifier
	options = append(append(options, 3, 4), addr4(server)...)  // router
	return dhcpv4(2, client, xid, offered, server, options...)
}

func dhcpv4(op byte, client net.HardwareAddr, xid uint32, yours, server netip.Addr, options ...byte) []byte {
	out := []byte{op, 1, 6, 0} // Ethernet, 6 bytes of address, no hops
	out = binary.BigEndian.AppendUint32(out, xid)
	out = append(out, 0, 0, 0x80, 0) // seconds; flags: answer by broadcast
	out = append(out, 0, 0, 0, 0)    // the client's own address: none yet
	out = append(out, addr4(yours)...)
	out = append(out, addr4(server)...)
	out = append(out, 0, 0, 0, 0) // no relay
	out = append(out, mac(client)...)
	out = append(out, make([]byte, 10+64+128)...) // rest of the hardware address, server name, file
	out = append(out, 0x63, 0x82, 0x53, 0x63)     // magic cookie: options follow
	out = append(out, options...)
	return append(out, 255)
}

// DHCPv6Solicit is a client's first message (RFC 8415), for Raw behind UDP{546, 547}. The transaction id has 24 bits.
func DHCPv6Solicit(client net.HardwareAddr, xid uint32) []byte {
	out := dhcpv6Head(1, xid)
	out = dhcpv6Option(out, 1, duid(client))          // client identifier
	out = dhcpv6Option(out, 3, dhcpv6IANA(client))    // an address, please
	out = dhcpv6Option(out, 8, []byte{0, 0})          // elapsed time
	return dhcpv6Option(out, 6, []byte{0, 23, 0, 24}) // asks for: name servers, domains
}

// DHCPv6Advertise is a server's answer, for Raw behind UDP{547, 546}: client is to be offered, by server.
func DHCPv6Advertise(client, server net.HardwareAddr, xid uint32, offered netip.Addr) []byte {
	address := addr6(offered)
	address = binary.BigEndian.AppendUint32(address, 3600) // preferred, in seconds
	address = binary.BigEndian.AppendUint32(address, 7200) // valid
	out := dhcpv6Head(2, xid)
	out = dhcpv6Option(out, 1, duid(client))
	out = dhcpv6Option(out, 2, duid(server)) // server identifier
	return dhcpv6Option(out, 3, dhcpv6Option(dhcpv6IANA(client), 5, address))
}

func dhcpv6Head(kind byte, xid uint32) []byte {
	return []byte{kind, byte(xid >> 16), byte(xid >> 8), byte(xid)}
}

func dhcpv6Option(out []byte, code uint16, data []byte) []byte {
	out = binary.BigEndian.AppendUint16(out, code)
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
	return append(out, data...)
}

// duid is the DHCP unique identifier of the kind DUID-LL: a hardware address (RFC 8415 11.4).
func duid(a net.HardwareAddr) []byte { return append([]byte{0, 3, 0, 1}, mac(a)...) }

// dhcpv6IANA is the body of an IA_NA option without addresses: an id, here of the MAC's end, T1 and T2.
func dhcpv6IANA(client net.HardwareAddr) []byte {
	return append(mac(client)[2:], 0, 0, 0, 0, 0, 0, 0, 0)
}
