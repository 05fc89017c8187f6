package handler

import (
	"context"
	"encoding/json"
	"net/netip"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/actions/link"
	"vifd/actions/nat"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/conntrack"
	"vifd/internal/dhcp4"
	"vifd/internal/hook"
	"vifd/internal/journal"
	"vifd/internal/radv"
	"vifd/internal/rtnl"
	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// Links is what the handler needs of rtnetlink. Each worker has one of its own.
type Links interface {
	bridge.Conn
	route.Conn
	rate.Conn
	link.Links
	// Links lists every link; a list is complete or an error.
	Links(ctx context.Context) ([]rtnl.Link, error)
}

// Firewall is what the handler needs of a firewall table. Every method is in force, or its error says why not, on return.
type Firewall interface {
	// Install puts a program and exactly these guests in force at once; owners tells the ifindex behind each name.
	Install(p *firewall.Program, guests []firewall.Guest, owners map[string]int) (wrote bool, err error)
	// Ensure puts a program in force and leaves the guests as they are.
	Ensure(p *firewall.Program) (wrote bool, err error)
	// Reread asks the kernel what the table holds, which another process may have changed.
	Reread() error
	Set(g *firewall.Guest, owner int) (wrote bool, err error)
	// Remove forgets a name unless another ifindex owns it by now; it is no error if it is unknown.
	Remove(iface string, owner int) (wrote bool, err error)
}

// NAT is what the handler needs of the tables that translate addresses. Every method is in force, or its error says why not, on return.
type NAT interface {
	// Ensure puts a program in force and leaves the guests as they are.
	Ensure(p *nat.Program) (wrote bool, err error)
	// Reread asks the kernel what the tables hold, which another process may have changed.
	Reread() error
	Set(g *nat.Guest, owner int) (wrote bool, err error)
	// Remove forgets a name unless another ifindex owns it by now; it is no error if it is unknown.
	Remove(iface string, owner int) (wrote bool, err error)
	// Interfaces are the names that the tables know.
	Interfaces() []string
}

// Leases answers guests' DHCP requests.
type Leases interface {
	Set(c dhcp4.Config) error
	Remove(ifindex int)
}

// Router advertises the host to guests.
type Router interface {
	Set(c radv.Config) error
	Remove(ifindex int)
}

// Xenstore is what the handler needs of Xen's store.
type Xenstore interface {
	xen.Reader
	xen.Writer
	// Watch calls f with the path of everything that changes at or below a path, until ctx ends; first, and whenever changes may have
	// been missed, with the path itself.
	Watch(ctx context.Context, path string, f func(path string)) error
	// Present reports whether there is a xenstore, be it that it does not answer at the moment.
	Present() bool
}

// Hooks runs the programs of rules' hooks.
type Hooks interface {
	// Run runs the program argv[0] with exactly the environment env, within a time of its own. It returns the end of what the program
	// said, and an error of one line if it did not succeed.
	Run(ctx context.Context, argv, env []string) (said string, err error)
}

// Records keeps what was done to each vif, across a kill at any instant.
type Records interface {
	Put(r journal.Record) error
	Delete(ifindex int) error
	List() ([]journal.Record, error)
	// PutHost and Host keep what was done to the host for several vifs together; nil is nothing.
	PutHost(data json.RawMessage) error
	Host() (json.RawMessage, error)
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
	_ Hooks    = hook.Runner{}
	_ Links    = (*rtnl.Conn)(nil)
	_ Firewall = (*firewall.Table)(nil)
	_ NAT      = (*nat.Table)(nil)
	_ Leases   = (*dhcp4.Server)(nil)
	_ Router   = (*radv.Server)(nil)
	_ Records  = (*journal.Journal)(nil)
	_ Xenstore = (*xenstore.Store)(nil)
)
