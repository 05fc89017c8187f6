package rate

import (
	"fmt"

	"vifd/internal/rtnl"
)

// op is what a Step does.
type op int

const (
	opCreate     op = iota // the ifb device, in the group unfinished
	opOwn                  // the ifb device: alias, group
	opShape                // a device: its root qdisc
	opReshape              // the same in place
	opReplace              // the same anew
	opUp                   // the ifb device
	opIngress              // the vif, and so on
	opRedirect             //
	opUnredirect           //
	opNoIngress            //
	opUnshape              // a device
	opDelete               // the ifb device
)

// Step is one change, small enough to be said in one command.
type Step struct {
	op   op
	dev  string          // name of the device that is changed
	vif  string          // opOwn
	ifb  string          // opRedirect
	by   rtnl.Classifier // opRedirect
	tbf  rtnl.TBF        // opShape, opReshape, opReplace
	root uint32          // its handle, and opUnshape's
}

// String is the command a person would type for it.
func (s Step) String() string {
	switch s.op {
	case opCreate:
		return fmt.Sprintf("ip link add name %s group %d txqueuelen %d type ifb", s.dev, uint32(unfinished), ifbQueue)
	case opOwn:
		return fmt.Sprintf("ip link set dev %s alias %q group default", s.dev, aliasPrefix+s.vif)
	case opShape:
		return fmt.Sprintf("tc qdisc add dev %s root handle %x: %v", s.dev, s.root>>16, s.tbf)
	case opReshape:
		return fmt.Sprintf("tc qdisc change dev %s root handle %x: %v", s.dev, s.root>>16, s.tbf)
	case opReplace:
		return fmt.Sprintf("tc qdisc replace dev %s root handle %x: %v", s.dev, s.root>>16, s.tbf)
	case opUp:
		return fmt.Sprintf("ip link set dev %s up", s.dev)
	case opIngress:
		return fmt.Sprintf("tc qdisc add dev %s ingress", s.dev)
	case opRedirect:
		match := string(s.by)
		if s.by == rtnl.U32 {
			match += " match u32 0 0 at -12"
		}
		return fmt.Sprintf("tc filter add dev %s parent ffff: protocol all pref %d %s action mirred egress redirect dev %s", s.dev, pref, match, s.ifb)
	case opUnredirect:
		return fmt.Sprintf("tc filter del dev %s parent ffff: pref %d", s.dev, pref)
	case opNoIngress:
		return fmt.Sprintf("tc qdisc del dev %s ingress", s.dev)
	case opUnshape:
		return fmt.Sprintf("tc qdisc del dev %s root handle %x:", s.dev, s.root>>16)
	case opDelete:
		return fmt.Sprintf("ip link delete dev %s type ifb", s.dev)
	}
	return fmt.Sprintf("step %d of %s", s.op, s.dev)
}
