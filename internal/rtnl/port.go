package rtnl

import (
	"iter"

	"github.com/vishvananda/netlink/nl"
)

// Port is how a bridge treats one of its ports (IFLA_BRPORT_*, linux/if_link.h; bridge(8), "bridge link set").
type Port struct {
	Isolated      bool // no traffic with other isolated ports
	Hairpin       bool // frames may leave through the port they came by
	Learning      bool // source addresses are learned
	Flood         bool // unicast to an unknown address is sent here
	McastFlood    bool // multicast nobody asked for is sent here
	BcastFlood    bool // broadcast is sent here
	NeighSuppress bool // the bridge answers ARP and ND for hosts it knows
	Guard         bool // a BPDU received disables the port
	RootBlock     bool // the port cannot become the root port
}

// NewPort is what the kernel gives a port that joins a bridge (new_nbp, net/bridge/br_if.c).
func NewPort() Port {
	return Port{Learning: true, Flood: true, McastFlood: true, BcastFlood: true}
}

// PortFlags is what is wanted of a Port: nil leaves a flag as it is.
type PortFlags struct {
	Isolated, Hairpin, Learning, Flood, McastFlood, BcastFlood, NeighSuppress, Guard, RootBlock *bool
}

// portFlag names one flag for the kernel and for people.
type portFlag struct {
	attr uint16
	name string // as bridge(8) spells it
}

// portFlags lists the flags in the order they are printed and written.
func portFlags() [9]portFlag {
	return [...]portFlag{
		{nl.IFLA_BRPORT_ISOLATED, "isolated"},
		{nl.IFLA_BRPORT_MODE, "hairpin"},
		{nl.IFLA_BRPORT_LEARNING, "learning"},
		{nl.IFLA_BRPORT_UNICAST_FLOOD, "flood"},
		{nl.IFLA_BRPORT_MCAST_FLOOD, "mcast_flood"},
		{nl.IFLA_BRPORT_BCAST_FLOOD, "bcast_flood"},
		{nl.IFLA_BRPORT_NEIGH_SUPPRESS, "neigh_suppress"},
		{nl.IFLA_BRPORT_GUARD, "guard"},
		{nl.IFLA_BRPORT_PROTECT, "root_block"},
	}
}

// All yields the flags that are set, as bridge(8) spells them, in a fixed order.
func (f PortFlags) All() iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		for _, flag := range portFlags() {
			if v := *f.field(flag.attr); v != nil && !yield(flag.name, *v) {
				return
			}
		}
	}
}

// Missing returns those of the wanted flags that have has otherwise.
func (f PortFlags) Missing(have Port) PortFlags {
	var missing PortFlags
	for _, flag := range portFlags() {
		if v := *f.field(flag.attr); v != nil && *v != *have.field(flag.attr) {
			*missing.field(flag.attr) = v
		}
	}
	return missing
}

// field is where p keeps the flag of attribute attr; nil for an attribute that is none.
func (p *Port) field(attr uint16) *bool {
	switch attr {
	case nl.IFLA_BRPORT_ISOLATED:
		return &p.Isolated
	case nl.IFLA_BRPORT_MODE:
		return &p.Hairpin
	case nl.IFLA_BRPORT_LEARNING:
		return &p.Learning
	case nl.IFLA_BRPORT_UNICAST_FLOOD:
		return &p.Flood
	case nl.IFLA_BRPORT_MCAST_FLOOD:
		return &p.McastFlood
	case nl.IFLA_BRPORT_BCAST_FLOOD:
		return &p.BcastFlood
	case nl.IFLA_BRPORT_NEIGH_SUPPRESS:
		return &p.NeighSuppress
	case nl.IFLA_BRPORT_GUARD:
		return &p.Guard
	case nl.IFLA_BRPORT_PROTECT:
		return &p.RootBlock
	}
	return nil
}

// field is Port.field for what is wanted.
func (f *PortFlags) field(attr uint16) **bool {
	switch attr {
	case nl.IFLA_BRPORT_ISOLATED:
		return &f.Isolated
	case nl.IFLA_BRPORT_MODE:
		return &f.Hairpin
	case nl.IFLA_BRPORT_LEARNING:
		return &f.Learning
	case nl.IFLA_BRPORT_UNICAST_FLOOD:
		return &f.Flood
	case nl.IFLA_BRPORT_MCAST_FLOOD:
		return &f.McastFlood
	case nl.IFLA_BRPORT_BCAST_FLOOD:
		return &f.BcastFlood
	case nl.IFLA_BRPORT_NEIGH_SUPPRESS:
		return &f.NeighSuppress
	case nl.IFLA_BRPORT_GUARD:
		return &f.Guard
	case nl.IFLA_BRPORT_PROTECT:
		return &f.RootBlock
	}
	return nil
}
