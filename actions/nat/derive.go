package nat

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"vifd/internal/vif"
)

// LinkLocalGateway is how every guest can name the host in IPv6, whatever its own prefix: a router advertises itself by a
// link-local address (RFC 4861, 4.2), and by the same one on every interface a guest that moves keeps its route.
var LinkLocalGateway = netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: 1})

// Addresses are what a guest and the host have on the guest's interface.
type Addresses struct {
	Guest   netip.Prefix // IPv4: one address, /32. IPv6: a /64, in which the guest chooses
	Gateway netip.Addr   // the host's: IPv4 the subnet's last but broadcast, the same for all; IPv6 ::1 of the guest's /64
	Target  netip.Addr   // where forwards go: IPv4 the guest's address, IPv6 ::2 of its /64
}

const (
	gatewayHost = 1 // of an IPv6 guest's /64
	targetHost  = 2
	guestBits   = 64 // of an IPv6 guest's prefix (RFC 4291, 2.5.1)
	longestNet  = 56 // of an IPv6 subnet: 255 guests
	mostVifs    = 256
	mostPlaces  = 1 << 40 // keeps the arithmetic far from 64 bits; nobody has more guests

	maxNumber = 1 << 31
	maxVifid  = 1 << 16
)

// Derive gives the interface vifid of the domain domid its addresses in subnet, the same every time.
//
// A subnet has C places, each an IPv4 address or an IPv6 /64. In IPv4 they are the addresses from the network's, which is not one,
// up to the gateway, which is the last before broadcast: C = 2^(32-bits) - 3. In IPv6 they are all /64 but the first, which is
// left to the host: C = 2^(64-bits) - 1. Each domain has V = C / 32752 of them (at least 1 and at most 256; 32752 is the number of
// domids that Xen has), and the place of an interface is
//
//	1 + (domid * V + vifid % V + vifid / V * S) mod C        S = 5 C / 8, rounded down
//
// A subnet of /8 has V = 256, which makes this 10.<domid/256>.<domid%256>.<vifid+1>, as Xen's vif-nat has it; 10.77.0.0/16 and
// fd77::/48 have V = 2. No two interfaces with domid < 32752 and vifid < V have the same place where C >= 32752. Others may: those of
// domids, or of interfaces, beyond that go round, domids in such a way that the last C/V to be given out differ, and interfaces to
// places far from those of the domains next to theirs.
func Derive(subnet netip.Prefix, domid, vifid int) (Addresses, error) {
	places, err := capacity(subnet)
	if err != nil {
		return Addresses{}, err
	}
	if domid < 0 || domid >= maxNumber || vifid < 0 || vifid >= maxVifid {
		return Addresses{}, fmt.Errorf("derive an address in %s: there is no interface %d of domain %d", subnet, vifid, domid)
	}
	vifs := min(max(places/(vif.MaxDomid+1), 1), mostVifs)
	stride := 5 * places / 8
	d, v := uint64(domid), uint64(vifid)
	place := 1 + (d*vifs+v%vifs+v/vifs*stride)%places
	if subnet.Addr().Is4() {
		base := subnet.Addr().As4()
		net := uint64(binary.BigEndian.Uint32(base[:]))
		guest := addr4(net + place)
		return Addresses{Guest: netip.PrefixFrom(guest, 32), Gateway: addr4(net + places + 1), Target: guest}, nil
	}
	base := subnet.Addr().As16()
	net := binary.BigEndian.Uint64(base[:8]) + place
	return Addresses{
		Guest: netip.PrefixFrom(addr6(net, 0), guestBits), Gateway: addr6(net, gatewayHost), Target: addr6(net, targetHost),
	}, nil
}

// CheckSubnet reports why guests cannot have addresses out of subnet; nil means that they can.
func CheckSubnet(subnet netip.Prefix) error {
	_, err := capacity(subnet)
	return err
}

// capacity is the number of guests that have a place in a subnet.
func capacity(subnet netip.Prefix) (uint64, error) {
	switch addr, bits := subnet.Addr(), subnet.Bits(); {
	case !subnet.IsValid() || addr.Is4In6():
		return 0, fmt.Errorf("subnet %s is none", subnet)
	case subnet != subnet.Masked():
		return 0, fmt.Errorf("subnet %s has bits set behind its length: %s is meant", subnet, subnet.Masked())
	case addr.IsMulticast() || addr.IsLoopback() || addr.IsLinkLocalUnicast():
		return 0, fmt.Errorf("subnet %s: its addresses cannot be routed", subnet)
	case addr.Is4() && (bits > 30 || bits == 0):
		return 0, fmt.Errorf("subnet %s: /1 to /30 have room for a guest and its gateway", subnet)
	case addr.Is4():
		return 1<<(32-bits) - 3, nil
	case bits > longestNet:
		return 0, fmt.Errorf("subnet %s: a guest gets a /64 of its own, so an IPv6 subnet is a /%d or shorter", subnet, longestNet)
	default:
		return min(uint64(1)<<(guestBits-bits)-1, mostPlaces), nil
	}
}

func addr4(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(n))))
}

func addr6(net, host uint64) netip.Addr {
	return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, net), host)))
}
