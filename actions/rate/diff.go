package rate

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/rtnl"
)

// Actual is what the kernel says.
type Actual struct {
	Link    *rtnl.Link // nil: the vif has gone
	Root    rtnl.Qdisc // the vif's
	Ingress rtnl.Qdisc // the vif's
	Filters []rtnl.Filter
	IFB     *rtnl.Link // the link of that name; nil: there is none
	IFBRoot rtnl.Qdisc // the ifb device's, where it is ours
}

// Diff lists what must be done, in this order, to make have what is wanted: nothing where it is so already. ErrForeign when something
// that somebody else has put there would have to give way.
func Diff(k Kernel, want Rate, have Actual) ([]Step, error) {
	to, err := diffRoot(want.Interface, want.ToGuest, want.Burst, mtuOf(have.Link), have.Root)
	if err != nil {
		return nil, err
	}
	from, err := diffFrom(k, want, have)
	if err != nil {
		return nil, err
	}
	return append(to, from...), nil
}

func mtuOf(link *rtnl.Link) int {
	if link == nil {
		return 0
	}
	return link.MTU
}

// diffRoot is about a device's root qdisc. It is changed in place where that can be: a packet that waits and is larger than a new,
// smaller burst would wait for ever, and so would the guest.
func diffRoot(dev string, bits, burst uint64, mtu int, have rtnl.Qdisc) ([]Step, error) {
	ours := have.Kind == rtnl.KindTBF && (have.Handle == handle || have.Handle == handle2)
	if bits == 0 {
		if ours {
			return []Step{{op: opUnshape, dev: dev, root: have.Handle}}, nil
		}
		return nil, nil
	}
	tbf, err := shape(bits, burst, mtu)
	switch {
	case err != nil:
		return nil, err
	case ours && tbf.Same(have.TBF):
		return nil, nil
	case ours && tbf.Burst >= have.TBF.Burst:
		return []Step{{op: opReshape, dev: dev, tbf: tbf, root: have.Handle}}, nil
	case ours:
		return []Step{{op: opReplace, dev: dev, tbf: tbf, root: handle ^ handle2 ^ have.Handle}}, nil
	case have.Handle != 0:
		return nil, fmt.Errorf("the root qdisc %s %x: of %s %w: delete it (tc qdisc del dev %s root), or limit no rate here",
			have.Kind, have.Handle>>16, dev, ErrForeign, dev)
	}
	return []Step{{op: opShape, dev: dev, tbf: tbf, root: handle}}, nil
}

// diffFrom is about the ifb device and what sends frames to it.
func diffFrom(k Kernel, want Rate, have Actual) ([]Step, error) {
	if want.FromGuest == 0 {
		return diffNoFrom(want, have), nil
	}
	if err := foreign(want, have); err != nil {
		return nil, err
	}
	name := Name(want.Ifindex)
	var steps []Step
	add := func(s Step) { steps = append(steps, s) }
	ifb := have.IFB
	if ifb == nil {
		add(Step{op: opCreate, dev: name})
		ifb = &rtnl.Link{}
	}
	if ifb.Alias != aliasPrefix+want.Interface || ifb.Group == unfinished {
		add(Step{op: opOwn, dev: name, vif: want.Interface})
	}
	root, err := diffRoot(name, want.FromGuest, want.Burst, mtuOf(have.Link), have.IFBRoot)
	if err != nil {
		return nil, err
	}
	steps = append(steps, root...)
	if !ifb.Up() {
		add(Step{op: opUp, dev: name})
	}
	if have.Ingress.Kind == "" {
		add(Step{op: opIngress, dev: want.Interface})
	}
	ours, right := ourFilters(have.Filters, ifb.Index)
	if ours && !right {
		add(Step{op: opUnredirect, dev: want.Interface})
	}
	if !right {
		add(Step{op: opRedirect, dev: want.Interface, by: k.classifier, ifb: name})
	}
	return steps, nil
}

// diffNoFrom takes away what is ours. An ingress qdisc without filters is one that a kill has left: ours if the device is there, which
// is made before it and deleted after it.
func diffNoFrom(want Rate, have Actual) []Step {
	var steps []Step
	device := have.IFB != nil && isOurs(have.IFB)
	ours, _ := ourFilters(have.Filters, 0)
	empty := have.Ingress.Kind == rtnl.KindIngress && len(have.Filters) == 0
	switch {
	case ours && hasOthers(have.Filters):
		steps = append(steps, Step{op: opUnredirect, dev: want.Interface})
	case ours && have.Ingress.Kind == rtnl.KindIngress, empty && device:
		steps = append(steps, Step{op: opNoIngress, dev: want.Interface})
	}
	if device {
		steps = append(steps, Step{op: opDelete, dev: Name(want.Ifindex)})
	}
	return steps
}

// foreign tells what of somebody else's is in the way of a limit from the guest.
func foreign(want Rate, have Actual) error {
	dev := want.Interface
	if have.IFB != nil && !isOurs(have.IFB) {
		return fmt.Errorf("the device %s %w: it is to be the ifb device of %s; rename it", have.IFB.Name, ErrForeign, dev)
	}
	ours, _ := ourFilters(have.Filters, 0)
	switch {
	case have.Ingress.Kind != "" && have.Ingress.Kind != rtnl.KindIngress:
		return fmt.Errorf("the %s qdisc of %s %w: delete it (tc qdisc del dev %s %s), or limit no rate from the guest",
			have.Ingress.Kind, dev, ErrForeign, dev, have.Ingress.Kind)
	case !ours && len(have.Filters) > 0:
		return fmt.Errorf("the ingress qdisc of %s has filters and %w: delete it (tc qdisc del dev %s ingress), or limit no rate from the guest",
			dev, ErrForeign, dev)
	}
	return nil
}

// isOurs recognises an ifb device of vifd's, also one that a kill has left without its alias.
func isOurs(l *rtnl.Link) bool {
	return l.Kind == rtnl.KindIFB && (strings.HasPrefix(l.Alias, aliasPrefix) || l.Alias == "" && l.Group == unfinished)
}

// ourFilters reports whether there are any of ours, and whether they send all there is to the device, and do so once.
func ourFilters(filters []rtnl.Filter, ifb int) (ours, right bool) {
	n := 0
	for _, f := range filters {
		if f.Pref != pref {
			continue
		}
		ours = true
		if f.Redirect != 0 || f.Everything {
			n++
		}
		right = right || f.Everything && ifb != 0 && f.Redirect == ifb
	}
	return ours, right && n == 1
}

func hasOthers(filters []rtnl.Filter) bool {
	return slices.ContainsFunc(filters, func(f rtnl.Filter) bool { return f.Pref != pref })
}
