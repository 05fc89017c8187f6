package handler

import (
	"context"
	"net/netip"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/internal/conntrack"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
)

// Links is what the handler needs of rtnetlink. Each worker has one of its own.
type Links interface {
	bridge.Conn
	// Links lists every link; a list is complete or an error.
	Links(ctx context.Context) ([]rtnl.Link, error)
}

// Firewall is what the handler needs of a firewall table. Every method is in force, or its error says why not, on return.
type Firewall interface {
	// Install puts a program and exactly these guests in force at once; owners tells the ifindex behind each name.
	Install(p *firewall.Program, guests []firewall.Guest, owners map[string]int) (wrote bool, err error)
	// Ensure puts a program in force and leaves the guests as they are.
	Ensure(p *firewall.Program) (wrote bool, err error)
	Set(g *firewall.Guest, owner int) (wrote bool, err error)
	// Remove forgets a name unless another ifindex owns it by now; it is no error if it is unknown.
	Remove(iface string, owner int) (wrote bool, err error)
}

// Records keeps what was done to each vif, across a kill at any instant.
type Records interface {
	Put(r journal.Record) error
	Delete(ifindex int) error
	List() ([]journal.Record, error)
	// Lock is for processes that work without the listener: it waits until nobody else works on the vif.
	Lock(ctx context.Context, ifindex int) (unlock func(), err error)
}

// Flows is what the handler needs of connection tracking.
type Flows interface {
	// Flows lists the connections of which either end lies in one of the prefixes; a list is complete or an error.
	Flows(ctx context.Context, of []netip.Prefix) ([]conntrack.Flow, error)
	// Delete ends a connection; false: it was gone already.
	Delete(f conntrack.Flow) (bool, error)
	Close() error
}

var (
	_ Flows    = (*conntrack.Conn)(nil)
	_ Links    = (*rtnl.Conn)(nil)
	_ Firewall = (*firewall.Table)(nil)
	_ Records  = (*journal.Journal)(nil)
)
