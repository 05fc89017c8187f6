package plan

import (
	"net"
	"net/netip"

	"vifd/internal/importer/model"
)

// Output is what is to be written.
type Output struct {
	Networks []Network
	Guests   []Guest
	Rules    []Rule
	Notes    []model.Note
}

// Network is an entry of `networks`.
type Network struct {
	Sources []model.Pos
	Name    string
	Kind    model.Action
	Uplink  string
	Subnet  string
	DHCP    bool
}

// Guest is an entry of `guests`.
type Guest struct {
	Sources   []model.Pos
	Interface string
	Domain    string
	Vif       int // -1: not written
	MAC       net.HardwareAddr
	IP        []netip.Prefix
}

// Rule is an entry of `rules`.
type Rule struct {
	Sources []model.Pos
	Name    string
	Match   Match
	Does    Does
	MAC     net.HardwareAddr // the rule's own guest, where no inventory can find it
	IP      []netip.Prefix
}

// Match is what a rule is about. Empty keys are not written.
type Match struct {
	Interfaces []string // globs where Glob is set, else names
	Glob       bool
	Kind       string
	Address    string // of the interface itself, in sysfs
	Domains    []string
	Vifs       []int
}

// Does is what a rule does.
type Does struct {
	Action   model.Action
	Network  string // a network's or bridge's name, or a text with facts
	Uplink   string // of route, without a network
	VLAN     model.VLAN
	Isolated bool
	Neighbor bool
	Firewall []Template
	From, To string
	Burst    string
	MTU      int
}

// Template is a use of a firewall template.
type Template struct {
	Name string
	With []Argument // in the order written
}

// Argument is one argument of a template, a list of values.
type Argument struct {
	Name   string
	Values []string
	Bool   bool
}
