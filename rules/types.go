package rules

import (
	"net"
	"net/netip"

	"vifd/internal/stmt"
)

// Pos is a place in a rules file. Line and Col count from 1, Col and Len in bytes of the line; Len is 0 where only the place is known.
type Pos struct {
	File string
	Line int
	Col  int
	Len  int
}

// Set is everything one load read: files merged, checked and ready to be matched. It is immutable.
type Set struct {
	Files     []string // as read, in order
	Rules     []Rule   // in order: the first that matches decides
	Networks  map[string]Network
	Guests    []Guest
	Templates map[string]Template
	Tests     []Test // in order, those of the library first
	Defaults  Defaults
}

// Defaults is the top-level key `defaults`.
type Defaults struct {
	Unmatched ActionKind // Ignore or Block: what becomes of a vif that no rule matches
}

// Rule is one entry of `rules`.
type Rule struct {
	Name     string
	Pos      Pos
	Match    Match
	Action   Action
	Firewall []TemplateRef // in the order they judge
	Guest    GuestOverride
	Rate     Rate
	Link     Link
	Hooks    Hooks

	late *late // nil: no value waits for facts
}

// Match is a conjunction: every term must hold, and none of Not may.
type Match struct {
	Terms []Term // in the order written
	Not   []Term
}

// Term holds when any of the vif's values for Key matches any of Patterns.
type Term struct {
	Key      string // interface, domid, mac, env.NAME, attr.NAME …
	Pos      Pos
	Patterns []Pattern
}

// ActionKind is what a rule does with a vif.
type ActionKind int

// The actions.
const (
	Ignore ActionKind = iota
	Block
	Bridge
	Route
	NAT
)

// Action is what the winning rule asks for. Of Bridge, Route and NAT the one that Kind names is set.
type Action struct {
	Kind   ActionKind
	Pos    Pos
	Bridge BridgePort
	Route  RouteAction
	NAT    NATAction
}

// BridgePort is the action `bridge`. A nil flag is left as the kernel has it (linux/if_link.h, IFLA_BRPORT_*).
type BridgePort struct {
	Name          Text
	Create        *bool // overrides the network's
	Isolated      *bool
	Hairpin       *bool
	Learning      *bool
	Flood         *bool
	McastFlood    *bool
	NeighSuppress *bool
	Guard         *bool
	RootBlock     *bool
	StaticFDB     bool  // a permanent FDB entry for the guest's MAC; with learning off
	MTU           int   // the rule's Link.MTU, set before the port is enslaved; 0: the bridge's
	VLAN          *VLAN // nil: as the bridge has it for every port
}

// TemplateRef names a template in a rule's `firewall`, or in a test, with its arguments.
type TemplateRef struct {
	Name string
	Pos  Pos
	With map[string][]Text

	with map[string]argument // while loading
}

// GuestOverride is a rule's `guest`: it goes before the inventory.
type GuestOverride struct {
	MAC *Text
	IP  []Text
}

// Guest is one entry of the inventory `guests`: who is behind a vif. Interface, Domain (with Vif) and MAC are what it is found by.
type Guest struct {
	Pos       Pos
	Interface string
	Domain    string
	UUID      string // of the domain, in lower case
	Vif       int    // -1: any
	MAC       net.HardwareAddr
	IP        []netip.Prefix // an address is a prefix of full length
}

// Template is a firewall template, from `templates` or from the library.
type Template struct {
	Name        string
	Pos         Pos
	Description string
	Params      map[string]Param
	FromGuest   []Statement
	ToGuest     []Statement
	Library     bool // built in
}

// Statement is one parsed statement and where it stands.
type Statement struct {
	Pos Pos
	stmt.Stmt

	place func(col, length int) Pos // while loading: from columns of the statement to places in the file
}

// Param is one declared parameter of a template.
type Param struct {
	Types   []stmt.Type // one, or of values that belong together one for each part
	List    bool
	Default []string // nil: required
	Values  []string // of an enum: the words it may be
	Pos     Pos
}
