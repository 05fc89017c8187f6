package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vifd/internal/rtnl"
)

var (
	// ErrNoVLANs: the kernel cannot tell VLANs apart on a bridge.
	ErrNoVLANs = errors.New("the kernel cannot filter VLANs: it is built without CONFIG_BRIDGE_VLAN_FILTERING")
	// ErrNotFiltering: the bridge does not tell VLANs apart, and is not vifd's to change.
	ErrNotFiltering = errors.New("does not filter VLANs")
)

// maxVLAN is the highest number of a VLAN; 4095 is reserved (IEEE 802.1Q).
const maxVLAN = 4094

// VLAN is the VLANs that a port is to be in; zero leaves them as they are.
type VLAN struct {
	Untagged uint16      // frames without a tag are in this one, in and out; 0: in none, and are dropped
	Tagged   [][2]uint16 // from and to, both included
}

// Wanted reports whether it is anything but zero.
func (v VLAN) Wanted() bool { return v.Untagged != 0 || len(v.Tagged) > 0 }

// check reports what no kernel would have to be asked for.
func (v VLAN) check() error {
	if v.Untagged > maxVLAN {
		return fmt.Errorf("VLAN %d: the highest is %d", v.Untagged, maxVLAN)
	}
	for _, r := range v.Tagged {
		switch {
		case r[0] == 0 || r[1] > maxVLAN || r[0] > r[1]:
			return fmt.Errorf("VLANs %d-%d: a range goes up, from 1 to %d at most", r[0], r[1], maxVLAN)
		case v.Untagged >= r[0] && v.Untagged <= r[1]:
			return fmt.Errorf("VLAN %d is to be both untagged and tagged", v.Untagged)
		}
	}
	return nil
}

// membership is how a port is in a VLAN: not at all, if zero.
type membership struct{ in, pvid, untagged bool }

// members are a port's VLANs by their number.
type members [maxVLAN + 2]membership

func (v VLAN) members() *members {
	var m members
	if v.Untagged != 0 {
		m[v.Untagged] = membership{in: true, pvid: true, untagged: true}
	}
	for _, r := range v.Tagged {
		for id := r[0]; id <= r[1]; id++ {
			m[id] = membership{in: true}
		}
	}
	return &m
}

func membersOf(list []rtnl.VLANs) *members {
	var m members
	for _, v := range list {
		for id := v.First; id <= min(v.Last, maxVLAN); id++ {
			m[id] = membership{in: true, pvid: v.PVID, untagged: v.Untagged}
		}
	}
	return &m
}

// diffVLANs lists what to leave, then what to join, in ranges: what a port is in too much, it is in for shorter.
func diffVLANs(want VLAN, have []rtnl.VLANs) (leave, join []rtnl.VLANs) {
	if !want.Wanted() {
		return nil, nil
	}
	old, wanted := membersOf(have), want.members()
	for id := uint16(1); id <= maxVLAN; id++ {
		is, will := old[id], wanted[id]
		switch {
		case is == will:
		case !will.in:
			leave = extend(leave, rtnl.VLANs{First: id, Last: id})
		default:
			join = extend(join, rtnl.VLANs{First: id, Last: id, PVID: will.pvid, Untagged: will.untagged})
		}
	}
	return leave, join
}

// extend appends a VLAN to ranges, to the last one where it goes on. The kernel takes no range that is untagged for frames without a tag.
func extend(list []rtnl.VLANs, v rtnl.VLANs) []rtnl.VLANs {
	if n := len(list); n > 0 && list[n-1].Last+1 == v.First && !v.PVID && !list[n-1].PVID && list[n-1].Untagged == v.Untagged {
		list[n-1].Last = v.Last
		return list
	}
	return append(list, v)
}

// vlanSteps are for a port that is, or is about to be, in the bridge.
func vlanSteps(want Port, have Actual, joined bool) []Step {
	now := have.VLANs
	if !joined {
		now = nil // a port that joins is in the default one
		if pvid := have.Filtering.DefaultPVID; pvid != 0 {
			now = []rtnl.VLANs{{First: pvid, Last: pvid, PVID: true, Untagged: true}}
		}
	}
	leave, join := diffVLANs(want.VLAN, now)
	var steps []Step
	for _, v := range leave {
		steps = append(steps, Step{op: opLeaveVLANs, vlans: v})
	}
	for _, v := range join {
		steps = append(steps, Step{op: opJoinVLANs, vlans: v})
	}
	return steps
}

// filteringSteps are for the bridge, which may only be one that vifd makes or has made.
func filteringSteps(want Port, have Actual) []Step {
	ours := have.Bridge == nil || have.Bridge.Alias == Alias || isUnfinished(have.Bridge)
	if !want.VLAN.Wanted() || have.Filtering.On || !ours {
		return nil
	}
	return []Step{{op: opFiltering, dev: want.Bridge}}
}

// readVLANs adds to have what matters of VLANs, and tells what stands against those that are wanted. Of a bridge that is yet to be created
// it assumes what the kernel gives a new one.
func readVLANs(ctx context.Context, conn Reader, want Port, have *Actual) (err error) {
	switch {
	case !want.VLAN.Wanted():
		return nil
	case have.Bridge == nil:
		have.Filtering = rtnl.Filtering{Supported: true, DefaultPVID: 1}
		return nil
	}
	have.Filtering, err = conn.Filtering(have.Bridge.Index)
	switch {
	case err != nil:
		return err
	case !have.Filtering.Supported:
		return fmt.Errorf("VLANs of %s: %w", want.Interface, ErrNoVLANs)
	case !have.Filtering.On && len(filteringSteps(want, *have)) == 0:
		return fmt.Errorf("%s %w, and was not made by vifd: turn that on (ip link set dev %s type bridge vlan_filtering 1)", want.Bridge, ErrNotFiltering, want.Bridge)
	case have.Link.Master == have.Bridge.Index:
		have.VLANs, err = conn.PortVLANs(ctx, have.Link.Index)
	}
	return err
}

// ensureFiltering has a bridge of vifd's filter VLANs, where those are wanted. Ports that were there before are in the default VLAN.
func (r *run) ensureFiltering(ctx context.Context, have *Actual) error {
	if err := readVLANs(ctx, r.conn, r.want, have); err != nil {
		return err
	}
	for _, s := range filteringSteps(r.want, *have) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.conn.SetFiltering(have.Bridge.Index); err != nil {
			return err
		}
		have.Filtering.On = true
		r.result.Steps = append(r.result.Steps, s)
	}
	return nil
}

// ProbeVLANs returns ErrNoVLANs when the kernel cannot filter VLANs. It makes a bridge, which alone can tell, and deletes it; so it is for once,
// when rules that speak of VLANs are loaded. Another error is that it could not find out.
func ProbeVLANs(conn Conn) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrNoVLANs) {
			err = fmt.Errorf("find out whether the kernel can filter VLANs: %w", err)
		}
	}()
	name := fmt.Sprintf("br-p%d", os.Getpid())
	if err := conn.CreateBridge(name, Unfinished); err != nil && !errors.Is(err, rtnl.ErrExists) { // left by a killed process of that number
		return err
	}
	link, err := conn.LinkByName(name)
	if err != nil {
		return err
	}
	f, err := conn.Filtering(link.Index)
	if isUnfinished(&link) {
		err = errors.Join(err, conn.DeleteLink(link.Index))
	}
	if err == nil && !f.Supported {
		return ErrNoVLANs
	}
	return err
}
