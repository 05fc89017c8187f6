package rtnl

import (
	"net"

	"golang.org/x/sys/unix"
)

// KindBridge is the Link.Kind of a bridge.
const KindBridge = "bridge"

// Link is a network interface as the kernel tells of it (struct ifinfomsg and its attributes, linux/if_link.h).
type Link struct {
	Index  int
	Name   string
	Kind   string // IFLA_INFO_KIND: veth, tun, bridge, …; empty for hardware and for xen-netback's vifs
	MAC    net.HardwareAddr
	MTU    int
	Flags  uint32 // IFF_*, netdevice(7)
	Master int    // ifindex of the bridge (or bond, …) this link is a port of; 0: none
	Alias  string // ifalias
	Group  uint32 // ip link … group
	TxQLen int
	Port   *Port // how the bridge treats this port; nil where Master is not a bridge

	// Partial marks what a bridge said of its port (family AF_BRIDGE; only a Monitor gives such): Kind, Alias, Group and TxQLen are
	// unknown.
	Partial bool
}

// Up reports whether the link is administratively up (`ip link set … up`).
func (l *Link) Up() bool { return l.Flags&unix.IFF_UP != 0 }

// Carrier reports whether the link has carrier: the far end is there and up.
func (l *Link) Carrier() bool { return l.Flags&unix.IFF_LOWER_UP != 0 }
