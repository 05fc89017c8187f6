package bridge

import (
	"bytes"
	"net"
	"slices"

	"vifd/internal/rtnl"
)

// defaultMTU is what the kernel gives a new bridge (ETH_DATA_LEN).
const defaultMTU = 1500

// Actual is what the kernel says.
type Actual struct {
	Link   rtnl.Link
	Bridge *rtnl.Link         // nil: there is none of that name
	Pinned []net.HardwareAddr // static FDB entries of the link; only looked at for Port.StaticFDB

	Filtering rtnl.Filtering // the bridge's; this and VLANs are only looked at for Port.VLAN
	VLANs     []rtnl.VLANs   // the link's
}

// Diff lists what must be done, in this order, to make have what is wanted: nothing where it is so already.
func Diff(want Port, have Actual) []Step {
	want = want.withDefaults()
	steps := diffBridge(want, have.Bridge)
	index, mtu := 0, want.BridgeMTU // index 0: the bridge is still to be created, so nothing is its port
	if mtu == 0 {
		mtu = defaultMTU
	}
	if have.Bridge != nil {
		index = have.Bridge.Index
		if !isUnfinished(have.Bridge) {
			mtu = have.Bridge.MTU
		}
	}
	steps = append(steps, filteringSteps(want, have)...)
	return append(steps, diffPort(want, have, index, mtu)...)
}

// diffBridge lists what there is to do to the bridge, which may only be one that vifd makes or has made.
func diffBridge(want Port, have *rtnl.Link) []Step {
	switch {
	case have == nil:
		return []Step{{op: opCreate, dev: want.Bridge}, {op: opFinish, dev: want.Bridge, mtu: want.BridgeMTU}}
	case isUnfinished(have):
		return []Step{{op: opFinish, dev: want.Bridge, mtu: want.BridgeMTU}}
	case have.Alias == Alias && !have.Up():
		return []Step{{op: opBridgeUp, dev: want.Bridge}}
	}
	return nil
}

// isUnfinished recognises a bridge that vifd has created but not yet named its own.
func isUnfinished(bridge *rtnl.Link) bool { return bridge.Group == Unfinished && bridge.Alias == "" }

// diffPort lists what there is to do to the vif, given the bridge's ifindex and MTU.
func diffPort(want Port, have Actual, bridge, bridgeMTU int) []Step {
	var steps []Step
	add := func(s Step) {
		s.dev = want.Interface
		steps = append(steps, s)
	}
	link := &have.Link
	joined := bridge != 0 && link.Master == bridge
	newMAC := !bytes.Equal(link.MAC, want.MAC)
	port := rtnl.NewPort()
	if joined && link.Port != nil {
		port = *link.Port
	}

	// A driver may refuse a new MAC while the link is up. And what a link that is up in another bridge, or in none, gets to say
	// in this one must not depend on how far we are.
	down := link.Up() && (newMAC || !joined)
	if down {
		add(Step{op: opDown})
	}
	if !joined && link.Master != 0 {
		add(Step{op: opLeave}) // before the MTU, which would become the old bridge's
	}
	if newMAC {
		add(Step{op: opMAC, mac: want.MAC})
	}
	mtu := want.MTU
	if mtu == 0 && !joined {
		mtu = bridgeMTU // once only: to follow a bridge that follows its smallest port can only ever shrink both
	}
	if mtu != 0 && link.MTU != mtu {
		add(Step{op: opMTU, mtu: mtu})
	}
	if !joined {
		add(Step{op: opJoin, bridge: want.Bridge})
	}
	if missing := want.Flags.Missing(port); missing != (rtnl.PortFlags{}) {
		add(Step{op: opFlags, flags: missing})
	}
	vlans := vlanSteps(want, have, joined)
	for _, s := range vlans {
		add(s)
	}
	if want.StaticFDB {
		pinned := have.Pinned
		if !joined {
			pinned = nil // they go when it leaves
		}
		for _, mac := range without(pinned, want.GuestMACs) {
			add(Step{op: opUnpin, mac: mac})
		}
		if len(vlans) > 0 {
			pinned = nil // an entry is made for each VLAN that the port is in by then
		}
		for _, mac := range without(want.GuestMACs, pinned) {
			add(Step{op: opPin, mac: mac})
		}
	}
	if down || !link.Up() {
		add(Step{op: opUp})
	}
	return steps
}

// without returns the addresses of a that are not in b.
func without(a, b []net.HardwareAddr) []net.HardwareAddr {
	return slices.DeleteFunc(slices.Clone(a), func(mac net.HardwareAddr) bool {
		return slices.ContainsFunc(b, func(other net.HardwareAddr) bool { return bytes.Equal(mac, other) })
	})
}
