package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// HotplugEnv is the property of an event that says by which name vifd was called as Xen's hotplug program; rules may match it
// as env.VIFD_HOTPLUG.
const HotplugEnv = "VIFD_HOTPLUG"

// udevEnv is the variable by which Xen's udev rules tell a program that udev calls it.
const udevEnv = "UDEV_CALL"

// StandsIn reports whether as is the name of one of Xen's scripts whose work vifd does where no rule decides: the rules for that are
// to be loaded behind the others.
func StandsIn(as string) bool { return as == "vif-bridge" || as == "vif-route" || as == "vif-nat" }

// CalledAs returns the names by which vifd has been called for the vifs there are records of.
func CalledAs(records []journal.Record) []string {
	var names []string
	for i := range records {
		// A damaged record is reported by who works with it.
		if o, err := ownOf(&records[i]); err == nil && o.Xen != nil && StandsIn(o.Xen.As) && !slices.Contains(names, o.Xen.As) {
			names = append(names, o.Xen.As)
		}
	}
	slices.Sort(names)
	return names
}

// subsystemXen is the subsystem of the kernel's events of backends, and of calls of the hotplug program.
const subsystemXen = "xen-backend"

// asItself is the name of a call as `vifd hotplug`. It says nothing of what is to become of the vif, as a script's does.
const asItself = "hotplug"

// calledBy is the name by which vifd was called for a vif, after another call: libxl calls by a script's name, and udev as itself.
func calledBy(before, now string) string {
	if before != "" && (now == "" || now == asItself) {
		return before
	}
	return now
}

// HotplugEvent is a call of the hotplug program as an event.
func HotplugEvent(c *xen.Call) vif.Event {
	as := c.As
	if as == "" {
		as = asItself
	}
	env := map[string]string{"XENBUS_PATH": c.Device.Path, HotplugEnv: as}
	if c.ByUdev {
		env[udevEnv] = "1"
	}
	return vif.Event{Action: c.Command, Subsystem: subsystemXen, Interface: c.Interface, Env: env}
}

// news is what the kernel, or a call of the hotplug program, says of a device.
type news struct {
	device   xen.Device
	iface    string // as it is called there
	emulated bool
	offline  bool
	as       string // empty: the kernel's own event
	udev     bool   // udev calls, which has no event of an interface that is not there
}

// newsOf reads an event of the subsystem xen-backend; false: it is not about a guest's interface.
func newsOf(ev *vif.Event) (news, bool) {
	if ev.Subsystem != subsystemXen || ev.Interface == "" {
		return news{}, false
	}
	device, err := xen.ParsePath(ev.Env["XENBUS_PATH"])
	if err != nil {
		return news{}, false
	}
	n := news{device: device, iface: ev.Interface, as: ev.Env[HotplugEnv], udev: ev.Env[udevEnv] == "1"}
	switch ev.Action {
	case vif.Online:
	case vif.Offline:
		n.offline = true
	case vif.Add, vif.Remove: // of a tap; the kernel's own name no interface
		n.emulated, n.offline = true, ev.Action == vif.Remove
	default:
		return news{}, false
	}
	return n, true
}

// note puts the news into what is known of an interface.
func (n *news) note(k *known) {
	var state xenState
	if k.own.Xen != nil {
		state = k.own.Xen.of(n.device, n.emulated)
	}
	state.Device, state.Emulated, state.Offline = n.device, n.emulated, n.offline
	state.As = calledBy(state.As, n.as)
	k.own.Xen = &state
}

// deviceOf is the device that the kernel says is behind an interface: xenbus has the path as an attribute (nodename in
// drivers/xen/xenbus/xenbus_probe.c). Only an interface of netback's has one.
func deviceOf(sysfs, iface string) (xen.Device, bool) {
	values := uevent.Attrs(sysfs, iface).Values("attr.device/nodename")
	if len(values) == 0 {
		return xen.Device{}, false
	}
	d, err := xen.ParsePath(values[0])
	return d, err == nil
}

// knownAs returns the ifindexes that are remembered of a device.
func (h *Handler) knownAs(n *news) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []int
	for ifindex, k := range h.known {
		if x := k.own.Xen; x != nil && x.Same(n.device) && x.Emulated == n.emulated {
			found = append(found, ifindex)
		}
	}
	return found
}

// find returns the ifindexes of a device's interface, of now and of one that has gone but left something.
func (h *Handler) find(ctx context.Context, n *news) ([]int, error) {
	found, err := h.named(ctx, n, n.iface, h.knownAs(n))
	if err != nil || n.offline || len(found) > 0 || !h.isXen() {
		return found, err
	}
	// libxl goes on calling it by the name that it had from the kernel.
	asking, cancel := context.WithTimeout(ctx, xenTimeout)
	defer cancel()
	x := xen.NewFacts(asking, patient{h}, n.device, nil)
	name, ok := x.Name()
	switch {
	case x.Absent(): // it went before it was looked for: none will come
		return nil, fmt.Errorf("there is neither an interface %s nor, in xenstore, a folder %s", n.iface, n.device.Path)
	case !ok:
		return nil, nil
	}
	if n.emulated {
		name += emulatedSuffix
	}
	return h.named(ctx, n, name, nil)
}

// borrow waits for a connection to the kernel that no worker has. There is one: whoever has it gives it back before it waits for
// anything else.
func (h *Handler) borrow(ctx context.Context) (conn Links, giveBack func(), err error) {
	select {
	case conn := <-h.conns:
		return conn, func() { h.conns <- conn }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// named adds the device's interface of that name to those found, of which those that have gone are left out where the device comes.
func (h *Handler) named(ctx context.Context, n *news, name string, found []int) ([]int, error) {
	conn, giveBack, err := h.borrow(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	if !n.offline {
		found = present(conn, found)
	}
	if vif.CheckName(name) != nil {
		return found, nil // no interface can have it; who is to rename one will say so
	}
	l, err := conn.LinkByName(name)
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return found, nil
	case err != nil:
		return nil, err
	case slices.Contains(found, l.Index) || !h.isOf(&l, n):
		return found, nil
	}
	return append(found, l.Index), nil
}

// isOf reports whether a link is the device's, and not another that has come to bear the name.
func (h *Handler) isOf(l *rtnl.Link, n *news) bool {
	if d, ok := deviceOf(h.cfg.Sysfs, l.Name); ok {
		return d.Same(n.device) && !n.emulated
	}
	name, ok := vif.ParseXenName(l.Name)
	return ok && xen.DeviceOf(name).Same(n.device) && name.Emulated == n.emulated
}

// present keeps those of ifindexes that there is a link of.
func present(conn Links, ifindexes []int) []int {
	return slices.DeleteFunc(ifindexes, func(i int) bool {
		_, err := conn.LinkByIndex(i)
		return errors.Is(err, rtnl.ErrNotFound)
	})
}

// appearWithin is how long an interface may take to appear after libxl has called: some kernels tell the toolstack first.
const appearWithin = 10 * time.Second

// appear waits for the device's interface.
func (h *Handler) appear(ctx context.Context, n *news) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, appearWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := h.find(ctx, n)
		switch {
		case err != nil && ctx.Err() == nil:
			return nil, err
		case len(found) > 0:
			return found, nil
		case n.udev:
			return nil, fmt.Errorf("interface %s, of %s, is not there any more", n.iface, n.device.Path)
		}
		select {
		case <-tick.C:
		case <-h.queue.ended:
			return nil, ErrStopped // another process looks after it when it comes, and may give it a name that only that one knows
		case <-ctx.Done():
			return nil, fmt.Errorf("interface %s, of %s, has not appeared within %v: is the kernel's backend there (modprobe xen-netback)?", n.iface, n.device.Path, appearWithin)
		}
	}
}

// backend takes an event of the kernel's about a backend. One whose interface nobody knows yet has nothing to add to the events of
// the interface itself, which come before it and after it.
func (h *Handler) backend(ev *vif.Event) {
	n, ok := newsOf(ev)
	if !ok {
		return
	}
	for _, ifindex := range h.knownAs(&n) {
		h.queue.pushNews(ifindex, n, nil)
	}
}

// hotplug takes a call of the hotplug program, and waits until its vif is in order.
func (h *Handler) hotplug(ctx context.Context, n *news) (ctl.Outcome, error) {
	found, err := h.seek(ctx, n)
	out := ctl.Outcome{Interface: n.iface}
	if err != nil {
		return out, err
	}
	for _, ifindex := range found {
		for {
			done := make(chan ctl.Outcome, 1)
			h.queue.pushNews(ifindex, *n, done)
			outs, err := h.queue.await(ctx, 1, done)
			if err != nil {
				return out, fmt.Errorf("wait for %s (ifindex %d): %w", n.iface, ifindex, err)
			}
			if out = outs[0]; out.State != StateWorking {
				break
			}
		}
	}
	return out, nil
}

// seek finds the interfaces that a call is about: one that comes is waited for.
func (h *Handler) seek(ctx context.Context, n *news) ([]int, error) {
	if n.offline {
		return h.find(ctx, n)
	}
	return h.appear(ctx, n)
}
