package bridge

import (
	"errors"
	"fmt"
	"net"

	"vifd/internal/rtnl"
	"vifd/internal/vif"
)

// Errors a caller can do something about.
var (
	// ErrGone: there is no link with this ifindex any more.
	ErrGone = errors.New("the vif has gone")
	// ErrRenamed: the link with this ifindex has another name than expected; what is to be done with it must be decided anew.
	ErrRenamed = errors.New("the vif has been renamed")
	// ErrNoBridge: the bridge does not exist and is not to be created.
	ErrNoBridge = errors.New("no such bridge")
	// ErrNotBridge: the link of that name is something else.
	ErrNotBridge = errors.New("not a bridge")
	// ErrUnmet: the kernel took every request, and yet the port is not as wanted.
	ErrUnmet = errors.New("not as configured")
)

// Alias is the ifalias of a bridge that vifd made. Only such a bridge is ever brought up or deleted.
const Alias = "made by vifd"

// Unfinished is the device group a new bridge is in until it has its Alias, so that one left behind by a kill in between is known ("vifd").
const Unfinished = 0x76696664

// Port is the desired state: this vif is a port of that bridge.
type Port struct {
	Ifindex   int
	Interface string // its name, which must still be the link's

	Bridge    string
	Create    bool // create the bridge where it does not exist
	BridgeMTU int  // of a bridge that is created; 0: the kernel's default

	MAC   net.HardwareAddr // of the host's end; nil: HostMAC
	MTU   int              // 0: the bridge's, taken over when joining
	Flags rtnl.PortFlags
	VLAN  VLAN

	StaticFDB bool               // pin GuestMACs, and nothing else, to the port; it learns nothing unless Flags says so
	GuestMACs []net.HardwareAddr // who is behind the vif
}

// HostMAC is what the host's end of a vif is given: fe:ff:ff:ff:ff:ff, the highest address there is, so that a bridge (which
// takes the lowest of its ports) never changes its own because a guest comes or goes.
func HostMAC() net.HardwareAddr {
	return net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// check reports what no kernel would have to be asked for, and fills in what is left to defaults.
func (p Port) check() (Port, error) {
	if err := vif.CheckName(p.Bridge); err != nil {
		return p, fmt.Errorf("bridge: %w", err)
	}
	if p.StaticFDB && len(p.GuestMACs) == 0 {
		return p, errors.New("a static FDB needs the guest's MAC, which is not known")
	}
	if err := p.VLAN.check(); err != nil {
		return p, err
	}
	return p.withDefaults(), nil
}

func (p Port) withDefaults() Port {
	if p.MAC == nil {
		p.MAC = HostMAC()
	}
	if p.StaticFDB && p.Flags.Learning == nil {
		p.Flags.Learning = new(false)
	}
	return p
}

// State is what Undo needs to know of an Apply. It can be written down beforehand, with BridgeIndex left 0.
type State struct {
	Ifindex     int    `json:"ifindex"`
	Interface   string `json:"interface"`
	Bridge      string `json:"bridge"`
	BridgeIndex int    `json:"bridgeIndex,omitempty"` // of the bridge that was joined; 0: not known, so the name decides
}

// State is what to write down before Apply.
func (p Port) State() State {
	return State{Ifindex: p.Ifindex, Interface: p.Interface, Bridge: p.Bridge}
}
