package takeover

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/rtnl"
)

// step is a part of the way that may be repeated.
type step struct {
	name string
	do   func(ctx context.Context) error
}

// there is the way to the bridge.
func (w *work) there() []step {
	return []step{
		{"create the bridge", w.create},
		{"prepare the bridge", w.prepare},
		{"add the addresses to the bridge", w.toBridge(func(ctx context.Context, s side) error {
			return errors.Join(w.linkLocal(ctx, s), s.addAddresses(ctx))
		})},
		{"put the uplink into the bridge", w.join},
		{"move the neighbours", w.toBridge(func(ctx context.Context, s side) error { return s.moveNeighbours(ctx) })},
		{"move the rules", w.toBridge(func(ctx context.Context, s side) error { return s.moveRules(ctx) })},
		{"move the routes", w.toBridge(func(ctx context.Context, s side) error { return s.moveRoutes(ctx, false) })},
		{"take the addresses from the uplink", w.toBridge(func(ctx context.Context, s side) error { return s.dropAddresses(ctx) })},
		{"put the routes in order", w.toBridge(func(ctx context.Context, s side) error { return s.moveRoutes(ctx, true) })},
	}
}

// back is the way back, from anywhere. Routes leave the bridge while it is still connected, and the host's addresses are the last to
// leave it.
func (w *work) back() []step {
	return []step{
		{"add the addresses to the uplink", w.toUplink(func(ctx context.Context, s side) error { return s.addAddresses(ctx) })},
		{"move the neighbours", w.toUplink(func(ctx context.Context, s side) error { return s.moveNeighbours(ctx) })},
		{"move the rules", w.toUplink(func(ctx context.Context, s side) error { return s.moveRules(ctx) })},
		{"move the routes", w.toUplink(func(ctx context.Context, s side) error { return s.moveRoutes(ctx, false) })},
		{"take the uplink out of the bridge", w.leave},
		{"take the addresses from the bridge", w.toUplink(func(ctx context.Context, s side) error {
			if s.from.Index == 0 {
				return nil
			}
			return s.dropAddresses(ctx)
		})},
		{"give the bridge back", w.giveBack},
		{"put the routes in order", w.toUplink(func(ctx context.Context, s side) error { return s.moveRoutes(ctx, true) })},
	}
}

// bridge reads the bridge, nil where there is none, or only one that has nothing to do with this take-over.
func (w *work) bridge() (*rtnl.Link, error) {
	l, err := w.k.links.LinkByName(w.rec.Bridge)
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case w.rec.Snapshot.Bridge != nil && l.Index != w.rec.Snapshot.Bridge.Index,
		w.rec.Snapshot.Bridge == nil && !w.ours(&l):
		return nil, nil
	}
	return &l, nil
}

// ours reports a bridge that vifd made, be it for a guest, be it not finished (see actions/bridge).
func (w *work) ours(l *rtnl.Link) bool {
	return l.Kind == rtnl.KindBridge && (l.Alias == w.m.cfg.Alias || l.Alias == "" && l.Group == w.m.cfg.Group)
}

// sideBridge is the wanted state with the bridge, which must be there.
func (w *work) sideBridge() (side, error) {
	b, err := w.bridge()
	if err != nil {
		return side{}, err
	}
	if b == nil {
		return side{}, fmt.Errorf("the bridge %s has gone", w.rec.Bridge)
	}
	return toBridge(w.k, w.rec.Snapshot, w.before, linkOf(b)), nil
}

// sideUplink is the wanted state as it was.
func (w *work) sideUplink() (side, error) {
	b, err := w.bridge()
	if err != nil {
		return side{}, err
	}
	from := Link{Name: w.rec.Bridge}
	if b != nil {
		from = linkOf(b)
	}
	s := toUplink(w.k, w.rec.Snapshot, w.before, from)
	s.all = w.interrupted
	return s, nil
}

func (w *work) toBridge(f func(context.Context, side) error) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := w.sideBridge()
		if err != nil {
			return err
		}
		return f(ctx, s)
	}
}

func (w *work) toUplink(f func(context.Context, side) error) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := w.sideUplink()
		if err != nil {
			return err
		}
		return f(ctx, s)
	}
}

// create makes the bridge where there was none, as actions/bridge does: in a group of its own until it has its name as ours, so that
// one left behind by a kill is known.
func (w *work) create(context.Context) error {
	if w.rec.Snapshot.Bridge != nil {
		return nil
	}
	b, err := w.bridge()
	if err != nil || b != nil {
		return err
	}
	name := w.rec.Bridge
	return w.k.do(fmt.Sprintf("ip link add name %s type bridge stp_state 0 forward_delay 0 no_linklocal_learn 1", name), func() error {
		return w.k.links.CreateBridge(name, w.m.cfg.Group)
	})
}

// prepare gives the bridge the uplink's MAC, by which neighbours know this host, its MTU and its sysctls, and sets it up.
func (w *work) prepare(ctx context.Context) error {
	b, err := w.bridge()
	if err != nil {
		return err
	}
	if b == nil {
		return fmt.Errorf("the bridge %s has gone", w.rec.Bridge)
	}
	up := w.rec.Snapshot.Uplink
	ch := rtnl.Change{MAC: up.mac()}
	what := fmt.Sprintf("ip link set dev %s address %v", b.Name, up.mac())
	if w.ours(b) {
		ch.MTU, ch.Alias, ch.Group = w.rec.MTU, w.m.cfg.Alias, new(uint32(0))
		what += fmt.Sprintf(" mtu %d alias %q group default", ch.MTU, ch.Alias)
	}
	if err := w.k.set(b.Index, what, ch); err != nil {
		return err
	}
	if w.ours(b) {
		values, err := w.k.sysctls(up.Name)
		if err != nil {
			return err
		}
		if err := w.k.setSysctls(b.Name, values); err != nil {
			return err
		}
	}
	if b.Up() {
		return nil
	}
	return w.k.set(b.Index, fmt.Sprintf("ip link set dev %s up", b.Name), rtnl.Change{Up: new(true)})
}

// linkLocal gives a new bridge the link-local address that the kernel would give it, without the seconds in which it is looked for: the
// uplink has the same, by the same MAC, and a gateway is asked for from it.
func (w *work) linkLocal(ctx context.Context, s side) error {
	if w.rec.Snapshot.Bridge != nil {
		return nil
	}
	all, err := w.k.addresses(ctx)
	if err != nil {
		return err
	}
	has := make(map[string]bool)
	for _, a := range all {
		if a.link() == s.to.Index {
			has[a.id()] = true
		}
	}
	for _, a := range w.before.addresses {
		if a.link() == s.from.Index && a.kernelMade(s.from.mac()) && !has[a.id()] {
			if err := w.k.addAddress(a.on(s.to, s.from.Name), s.to); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) join(context.Context) error {
	b, err := w.bridge()
	if err != nil {
		return err
	}
	if b == nil {
		return fmt.Errorf("the bridge %s has gone", w.rec.Bridge)
	}
	up := w.rec.Snapshot.Uplink
	return w.k.set(up.Index, fmt.Sprintf("ip link set dev %s master %s", up.Name, b.Name), rtnl.Change{Master: &b.Index})
}

// leave takes the uplink out of the bridge; out of another one, that somebody has put it into, it is not taken.
func (w *work) leave(context.Context) error {
	b, err := w.bridge()
	if err != nil || b == nil {
		return err
	}
	up := w.rec.Snapshot.Uplink
	l, err := w.k.links.LinkByIndex(up.Index)
	if err != nil {
		return err
	}
	if l.Master != b.Index {
		return nil
	}
	return w.k.set(up.Index, fmt.Sprintf("ip link set dev %s nomaster", up.Name), rtnl.Change{Master: new(0)})
}

// giveBack deletes the bridge that was made, unless guests are in it, or makes the one that was there what it was.
func (w *work) giveBack(ctx context.Context) error {
	b, err := w.bridge()
	if err != nil || b == nil {
		return err
	}
	was := w.rec.Snapshot.Bridge
	if was == nil {
		ports, err := w.k.links.Ports(ctx, b.Index)
		if err != nil || len(ports) > 0 {
			return err
		}
		return w.k.do("ip link delete dev "+b.Name+" type bridge", func() error { return w.k.links.DeleteLink(b.Index) })
	}
	if err := w.k.setSysctls(b.Name, w.rec.Snapshot.Sysctls); err != nil {
		return err
	}
	ch := rtnl.Change{MAC: was.mac()}
	if w.ours(b) {
		ch.MTU = was.MTU
	}
	if err := w.k.set(b.Index, fmt.Sprintf("ip link set dev %s address %v", b.Name, was.mac()), ch); err != nil || was.Up || !b.Up() {
		return err
	}
	return w.k.set(b.Index, fmt.Sprintf("ip link set dev %s down", b.Name), rtnl.Change{Up: new(false)})
}
