package rules

import (
	"net/netip"
	"time"
)

// NetworkKind is what a network's guests are connected by.
type NetworkKind int

// The kinds of networks. The zero NetworkKind is none: that of a network that is not declared.
const (
	BridgeNetwork NetworkKind = iota + 1
	RouteNetwork
	NATNetwork
)

// Network is one entry of `networks`. Of Bridge, Route and NAT the one that Kind names is set.
type Network struct {
	Name   string
	Pos    Pos
	Kind   NetworkKind
	Bridge BridgeNet
	Route  RouteNet
	NAT    NATNet
}

// BridgeNet is a network of kind bridge.
type BridgeNet struct {
	Uplink string // declared for `vifd network`; never taken over unasked, and never taken for a guest's vif
	Create bool
	MTU    int // 0: the kernel's default
}

// RouteNet is a network of kind route.
type RouteNet struct {
	Uplink string // through which others reach the guests
}

// NATNet is a network of kind nat. DNS, Domain and Lease are told by DHCP, and DNS and Domain by router advertisements: with DHCP only.
type NATNet struct {
	Uplink string         // out of which the guests' packets go masqueraded
	Subnet []netip.Prefix // one or two: IPv4 from /8 to /30, then IPv6 from /16 to /56. No other network's overlaps
	DHCP   bool           // answer DHCPv4, and advertise the host as IPv6 router
	DNS    []netip.Addr
	Domain string        // the guests' domain; empty: none is told
	Lease  time.Duration // whole seconds, from a minute to 365 days
	MTU    int           // of the guests' vifs, and what they are told of it; 0: the vif's as it is
}

// RouteAction is the action `route`. Of Network and Uplink one is set.
type RouteAction struct {
	Network  Text         // a network of kind route
	Uplink   Text         // an interface
	Address  []netip.Addr // the host's on the vif; none: the uplink's primary
	Proxy    bool         // answer ARP, and neighbour solicitations for each guest's address, on the uplink
	Metric   uint32       // of the guest's routes, at most 2^31; 0: as the action has it
	Table    uint32       // of the guest's routes; 254 is main
	Neighbor bool         // a permanent neighbour entry for each address
}

// NATAction is the action `nat`. It has either Network, or Uplink and Subnet.
type NATAction struct {
	Network Text           // a network of kind nat
	Uplink  Text           // an interface
	Subnet  []netip.Prefix // as NATNet's
	Forward []Forward
}

// Forward leads one range of the host's ports to the guest. Two forwards of one load never have a packet in common. Guests of one
// rule do, who cannot be told apart here: the second to come is refused what the first has.
type Forward struct {
	Pos     Pos    // of the ports
	Proto   string // tcp or udp
	First   uint16
	Last    uint16         // First where it is one port
	To      uint16         // the guest's port for First; those for the others follow
	From    []netip.Prefix // who may; none: everybody. They do not overlap
	Address netip.Addr     // the host's; invalid: every one of them
	Late    bool           // facts decide part of it, and this is the default
}

// VLAN is a bridge port's. The bridge's default VLAN is not the port's any more.
type VLAN struct {
	Untagged uint16      // the PVID, 1 to 4094; 0: untagged frames are dropped
	Tagged   []VLANRange // sorted, without overlaps and without Untagged
}

// VLANRange is the VLANs from First to Last.
type VLANRange struct{ First, Last uint16 }

// Rate is a rule's `rate`.
type Rate struct {
	FromGuest Bandwidth
	ToGuest   Bandwidth
	Burst     uint64 // bytes that may go at once in either direction; 0: what Interval asks for, else whoever shapes chooses
}

// Bandwidth is how much may go. The zero Bandwidth is unlimited.
type Bandwidth struct {
	BitsPerSecond uint64
	Interval      time.Duration // of xl's form: what may go in it may go at once; 0: written as tc has it
}

// Link is a rule's `link`: what is set of the vif itself, whatever the action. A nil field is left as it is.
type Link struct {
	MTU        int // bytes; 0: left as the action has it
	TxQueueLen *int
	Group      *uint32
	Alias      *Text
	Offload    []Offload // sorted
	Sysctl     []Sysctl  // sorted
}

// Offload is one feature in the words of ethtool -K.
type Offload struct {
	Feature string // rx, tx, sg, tso, ufo, gso, gro, lro, rxvlan, txvlan, ntuple, rxhash
	On      bool
}

// Sysctl is one setting of the kernel's for one interface.
type Sysctl struct {
	Name  string // ipv4.rp_filter, ipv6.accept_ra, ipv4.neigh.gc_stale_time …
	Value int64
}
