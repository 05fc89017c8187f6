package takeover

import (
	"context"
	"errors"

	"vifd/internal/rtnl"
)

// plan refuses what cannot be done, and reads the host.
func (w *work) plan(ctx context.Context, n Network) ([]string, error) {
	uplink, err := w.k.links.LinkByName(n.Uplink)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil, refuse("there is no link %s", n.Uplink)
	}
	if err != nil {
		return nil, err
	}
	if err := w.refuseTaken(n); err != nil {
		return nil, err
	}
	if err := w.refuseUplink(ctx, &uplink); err != nil {
		return nil, err
	}
	if n.MTU == 0 {
		n.MTU = uplink.MTU
	}
	if n.MTU > uplink.MTU {
		return nil, refuse("the network's MTU is %d, and %s passes %d only (ip link set dev %s mtu %d)", n.MTU, n.Uplink, uplink.MTU, n.Uplink, n.MTU)
	}
	bridge, err := w.existing(ctx, n)
	if err != nil {
		return nil, err
	}
	snap, before, err := w.k.snapshot(ctx, uplink, bridge)
	if err != nil {
		return nil, err
	}
	if err := refuseState(before, snap.Uplink); err != nil {
		return nil, err
	}
	if bridge != nil && w.ours(bridge) {
		have, err := w.k.sysctls(bridge.Name)
		if err != nil {
			return nil, err
		}
		others, err := w.k.sysctls(uplink.Name)
		if err != nil {
			return nil, err
		}
		snap.Sysctls = differing(have, others)
	}
	answered, err := w.k.answering(ctx, uplink.Index, defaultGateways(before.routes, uplink.Index))
	if err != nil {
		return nil, err
	}
	for _, ip := range answered {
		snap.Gateways = append(snap.Gateways, ip.String())
	}
	w.before = before
	w.rec = &record{
		Version: version, ID: newID(snap.Taken), Boot: w.m.store.boot, Network: n.Name, Bridge: n.Name, MTU: n.MTU,
		Phase: phaseStarting, Snapshot: snap,
	}
	return w.warnings(before, snap.Uplink), nil
}

// existing reads the network's bridge, nil where it is to be made.
func (w *work) existing(ctx context.Context, n Network) (*rtnl.Link, error) {
	bridge, err := w.k.links.LinkByName(n.Name)
	switch {
	case errors.Is(err, rtnl.ErrNotFound) && n.Create:
		return nil, nil
	case errors.Is(err, rtnl.ErrNotFound):
		return nil, refuse("there is no bridge %s; make it, or let the network say create: true", n.Name)
	case err != nil:
		return nil, err
	case bridge.Kind != rtnl.KindBridge:
		return nil, refuse("%s is no bridge", n.Name)
	case bridge.Alias == "" && bridge.Group == w.m.cfg.Group:
		return nil, refuse("%s is being made for a guest: try again", n.Name)
	}
	return &bridge, nil
}

// refuseTaken refuses the uplink of another network.
func (w *work) refuseTaken(n Network) error {
	names, err := w.m.store.networks()
	if err != nil {
		return err
	}
	for _, name := range names {
		r, err := w.m.store.get(name)
		if err != nil {
			return err
		}
		if r != nil && name != n.Name && !w.m.store.void(r) && (r.Snapshot.Uplink.Name == n.Uplink || r.Bridge == n.Uplink) {
			return refuse("%s belongs to the network %s", n.Uplink, name)
		}
	}
	return nil
}
