package model

import (
	"net"
	"net/netip"
)

// Action is how a vif is connected.
type Action int

// The actions. Default is what the host has for vifs of which nothing is said.
const (
	Default Action = iota
	Bridge
	Route
	NAT
	Ignore
	Block
)

// String is the action's key in a rule.
func (a Action) String() string {
	return [...]string{"default", "bridge", "route", "nat", "ignore", "block"}[a]
}

// Input is everything that was read, in the order in which it was.
type Input struct {
	Host     Host
	Networks []Network
	Vifs     []Vif
	Libvirt  map[string]LibvirtNetwork // by name
	Filters  map[string]Filter         // by name: nwfilters that are not libvirt's own
	Qubes    Qubes
	Notes    []Note
}

// Setting is one of the host's settings, and where it was read. A zero Pos is one that was not.
type Setting struct {
	Pos   Pos
	Value string
}

// Host is what holds for all Xen vifs of which nothing else is said.
type Host struct {
	Xen       bool    // a file of Xen's was read
	Script    Setting // vif-bridge, vif-route, …
	Bridge    Setting
	Uplink    Setting // gatewaydev, netdev
	Antispoof Setting
	Backend   Setting // a driver domain
}

// Network is the host's side.
type Network struct {
	Pos    Pos
	Kind   Action // Bridge, Route or NAT
	Name   string // of a bridge, else empty
	Uplink string // empty: it is to be assumed
	DHCP   bool
}

// VLAN is that of a bridge's port; the zero VLAN is none.
type VLAN struct {
	Untagged int
	Tagged   [][2]int
}

func (v VLAN) none() bool { return v.Untagged == 0 && v.Tagged == nil }

// Vif is one interface of a guest's.
type Vif struct {
	Pos      Pos
	Also     []Pos // other places that say something of it
	Xen      bool  // it is called vif<domid>.<vifid>, and xenstore knows its domain
	Domain   string
	Index    int
	Names    []string // what the interface is called besides, or instead
	MAC      net.HardwareAddr
	IP       []netip.Prefix
	Action   Action
	Named    Setting // the bridge as it is written; Open vSwitch's form has VLANs in it
	OVS      bool    // the script is Open vSwitch's
	Bridge   string
	Network  string // a libvirt network; its bridge is to be found
	Group    string // the network's portgroup
	Uplink   string
	VLAN     VLAN
	MTU      int
	From, To string // rates as rules have them
	Burst    string
	Isolated bool
	Joined   bool // it is said that it is not isolated, whatever its network has
	Neighbor bool
	Held     bool      // it was given addresses, whether they can be carried over or not
	Filter   FilterRef // an nwfilter
}

// LibvirtNetwork is what a network's file says of how its guests are connected.
type LibvirtNetwork struct {
	Pos      Pos
	Bridge   string // empty: it has none
	VLAN     VLAN
	Isolated bool            // its guests are, from each other
	Groups   map[string]VLAN // portgroups
	Hosts    []Reservation
}

// Reservation is an address that a network's DHCP server keeps for a guest.
type Reservation struct {
	Pos Pos
	MAC net.HardwareAddr
	IP  netip.Prefix
}

// Filter is an nwfilter that somebody wrote.
type Filter struct {
	Pos   Pos
	Rules bool // it has rules of its own, which are not carried over
	Refs  []FilterRef
}

// FilterRef names an nwfilter.
type FilterRef struct {
	Pos    Pos
	Name   string
	Params map[string][]string
}

// Qubes is what Qubes OS says besides of vifs.
type Qubes struct {
	Pos    Pos      // of its tables; zero where there are none
	Listed []Listed // addresses of which nothing says whose they are
}

// Listed is an address in a list.
type Listed struct {
	Pos Pos
	IP  netip.Prefix
}

// Lose notes what is not carried over.
func (in *Input) Lose(pos Pos, what, why, do string) {
	in.Notes = append(in.Notes, Note{Pos: pos, What: what, Why: why, Do: do, Lost: true})
}

// Change notes what is carried over in another form.
func (in *Input) Change(pos Pos, what, why, do string) {
	in.Notes = append(in.Notes, Note{Pos: pos, What: what, Why: why, Do: do})
}

// Set fills s in, or notes that it has been filled in otherwise: the file that was read first holds.
func (in *Input) Set(s *Setting, pos Pos, what, value string) {
	switch {
	case s.Pos == Pos{}:
		*s = Setting{pos, value}
	case s.Value != value:
		in.Lose(pos, what, "it contradicts "+s.Pos.String()+", which was read first", "keep one of the two")
	}
}
