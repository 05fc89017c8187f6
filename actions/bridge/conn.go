package bridge

import (
	"context"
	"net"
	"net/netip"

	"vifd/internal/rtnl"
)

// Reader is what this package asks the kernel. Errors are rtnl's; a list is complete or an error.
type Reader interface {
	LinkByIndex(index int) (rtnl.Link, error)
	LinkByName(name string) (rtnl.Link, error)
	Bridges(ctx context.Context) ([]rtnl.Link, error)
	Ports(ctx context.Context, bridge int) ([]rtnl.Link, error)
	Addresses(ctx context.Context, index int) ([]netip.Prefix, error)
	PinnedFDB(ctx context.Context, port int) ([]net.HardwareAddr, error)
	Filtering(bridge int) (rtnl.Filtering, error)
	PortVLANs(ctx context.Context, port int) ([]rtnl.VLANs, error)
}

// Conn is a Reader that changes things as well. Every method returns when the kernel has done it, or has refused.
type Conn interface {
	Reader
	Set(index int, change rtnl.Change) error
	SetPort(index int, flags rtnl.PortFlags) error
	PinFDB(port int, mac net.HardwareAddr) error
	UnpinFDB(port int, mac net.HardwareAddr) error
	AddVLANs(port int, v rtnl.VLANs) error
	DeleteVLANs(port int, v rtnl.VLANs) error
	SetFiltering(bridge int) error
	CreateBridge(name string, group uint32) error
	DeleteLink(index int) error
}

var _ Conn = (*rtnl.Conn)(nil)
