package route

import (
	"context"
	"net/netip"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Reader is what this package asks the kernel. Errors are rtnl's; a list is complete or an error.
type Reader interface {
	LinkByIndex(index int) (rtnl.Link, error)
	ListAddresses(ctx context.Context, index int) ([]rtnl.Address, error)
	Routes(ctx context.Context, f rtnl.RouteFilter) ([]rtnl.Route, error)
	Neighbours(ctx context.Context, index int) ([]rtnl.Neighbour, error)
	Proxies(ctx context.Context, index int) ([]rtnl.Neighbour, error)
	Proxy(index int, addr netip.Addr) (rtnl.Neighbour, error)
}

// Conn is a Reader that changes things as well. Every method returns when the kernel has done it, or has refused.
type Conn interface {
	Reader
	Set(index int, change rtnl.Change) error
	ReplaceAddress(a rtnl.Address) error
	DeleteAddress(a rtnl.Address) error
	ReplaceRoute(r rtnl.Route) error
	DeleteRoute(r rtnl.Route) error
	SetNeighbour(n rtnl.Neighbour) error
	DeleteNeighbour(index int, addr netip.Addr) error
	AddProxy(index int, addr netip.Addr, protocol uint8) error
	DeleteProxy(index int, addr netip.Addr) error
}

// Sysctls are the settings of the same network namespace.
type Sysctls interface {
	Get(name sysctl.Name) (string, error)
	Set(name sysctl.Name, value string, still func() error) (old string, err error)
	List(folder ...string) ([]string, error)
}

// Host is where routes are made.
type Host struct {
	Conn    Conn
	Sysctls Sysctls
	Shared  *Forwarding
}

var (
	_ Conn    = (*rtnl.Conn)(nil)
	_ Sysctls = (*sysctl.Dir)(nil)
)
