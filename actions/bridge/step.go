package bridge

import (
	"fmt"
	"net"

	"vifd/internal/rtnl"
)

// op is what a Step does.
type op int

const (
	opCreate       op = iota // the bridge, in the group Unfinished
	opFinish                 // the bridge: alias, MTU, up
	opBridgeUp               // the bridge
	opFiltering              // the bridge
	opDown                   // the link, and so on
	opLeave                  // the bridge it is in
	opMAC                    //
	opMTU                    //
	opJoin                   // the wanted bridge
	opFlags                  // of the port
	opLeaveVLANs             //
	opJoinVLANs              //
	opPin                    // an FDB entry
	opUnpin                  //
	opUp                     //
	opDeleteBridge           // a bridge nobody uses any more
)

// Step is one change, small enough to be said in one command.
type Step struct {
	op     op
	dev    string           // name of the link or bridge that is changed
	bridge string           // opJoin
	mac    net.HardwareAddr // opMAC, opPin, opUnpin
	mtu    int              // opMTU, opFinish (0: none)
	flags  rtnl.PortFlags   // opFlags
	vlans  rtnl.VLANs       // opLeaveVLANs, opJoinVLANs
}

// String is the command a person would type for it.
func (s Step) String() string {
	switch s.op {
	case opCreate:
		return fmt.Sprintf("ip link add name %s group %d type bridge stp_state 0 forward_delay 0 no_linklocal_learn 1", s.dev, uint32(Unfinished))
	case opFinish:
		if s.mtu != 0 {
			return fmt.Sprintf("ip link set dev %s alias %q group default mtu %d up", s.dev, Alias, s.mtu)
		}
		return fmt.Sprintf("ip link set dev %s alias %q group default up", s.dev, Alias)
	case opDown:
		return fmt.Sprintf("ip link set dev %s down", s.dev)
	case opLeave:
		return fmt.Sprintf("ip link set dev %s nomaster", s.dev)
	case opMAC:
		return fmt.Sprintf("ip link set dev %s address %s", s.dev, s.mac)
	case opMTU:
		return fmt.Sprintf("ip link set dev %s mtu %d", s.dev, s.mtu)
	case opJoin:
		return fmt.Sprintf("ip link set dev %s master %s", s.dev, s.bridge)
	case opFlags:
		text := "bridge link set dev " + s.dev
		for name, on := range s.flags.All() {
			text += " " + name + " " + onOff(on)
		}
		return text
	case opLeaveVLANs:
		return fmt.Sprintf("bridge vlan del dev %s %v", s.dev, s.vlans)
	case opJoinVLANs:
		return fmt.Sprintf("bridge vlan add dev %s %v", s.dev, s.vlans)
	case opFiltering:
		return fmt.Sprintf("ip link set dev %s type bridge vlan_filtering 1", s.dev)
	case opPin:
		return fmt.Sprintf("bridge fdb replace %s dev %s master static sticky", s.mac, s.dev)
	case opUnpin:
		return fmt.Sprintf("bridge fdb del %s dev %s master", s.mac, s.dev)
	case opUp, opBridgeUp:
		return fmt.Sprintf("ip link set dev %s up", s.dev)
	case opDeleteBridge:
		return fmt.Sprintf("ip link delete dev %s type bridge", s.dev)
	}
	return fmt.Sprintf("step %d of %s", s.op, s.dev)
}

// unmet says what of link is not as the step would have it.
func (s Step) unmet(link rtnl.Link) string {
	switch s.op {
	case opMAC:
		return fmt.Sprintf("the address is %s, wanted %s", link.MAC, s.mac)
	case opMTU:
		return fmt.Sprintf("the mtu is %d, wanted %d", link.MTU, s.mtu)
	case opJoin, opLeave:
		return fmt.Sprintf("the master has ifindex %d, wanted %s", link.Master, s.bridge)
	case opFlags:
		text := "the port's flags are wrong, wanted"
		for name, on := range s.flags.All() {
			text += " " + name + " " + onOff(on)
		}
		return text
	case opUp, opDown:
		return "the link is down, wanted up"
	default:
		return "still to be done: " + s.String()
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
