package bridge

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/rtnl"
)

// ensureBridge finds the wanted bridge, or makes it.
//
// A bridge can be told to be ours only by a second request, for the kernel takes no ifalias with the first. So it is created in
// a device group of its own, and leaves that in the request that names it: a kill in between leaves a bridge that whoever comes
// next knows and finishes. The MTU belongs to the second request too: given with the first it would not last, for a bridge
// follows its ports unless it is told later (br_change_mtu, net/bridge/br_device.c).
func (r *run) ensureBridge(ctx context.Context) (rtnl.Link, error) {
	bridge, err := findBridge(ctx, r.conn, r.want)
	if err != nil {
		return rtnl.Link{}, err
	}
	steps := diffBridge(r.want, bridge)
	if len(steps) == 0 {
		return *bridge, nil
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return rtnl.Link{}, err
		}
		if bridge, err = r.sendBridge(s, bridge); err != nil {
			return rtnl.Link{}, err
		}
		r.result.Steps = append(r.result.Steps, s)
	}
	return r.rereadBridge()
}

// sendBridge carries out one step on a bridge and returns what it is about: read anew where it has just been created.
func (r *run) sendBridge(s Step, bridge *rtnl.Link) (*rtnl.Link, error) {
	var err error
	switch s.op {
	case opCreate:
		if err = r.conn.CreateBridge(s.dev, Unfinished); err != nil {
			if errors.Is(err, rtnl.ErrExists) {
				return nil, fmt.Errorf("%w: %w", errRace, err)
			}
			return nil, err
		}
		r.result.BridgeCreated = true
		created, err := r.rereadBridge()
		return &created, err
	case opFinish:
		err = r.conn.Set(bridge.Index, rtnl.Change{Alias: Alias, Group: new(uint32(0)), MTU: s.mtu, Up: new(true)})
	case opBridgeUp:
		err = r.conn.Set(bridge.Index, rtnl.Change{Up: new(true)})
	default:
		err = fmt.Errorf("%v is no step of a bridge", s)
	}
	if errors.Is(err, rtnl.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errRace, err)
	}
	return bridge, err
}

// rereadBridge reads the bridge that has just been changed.
func (r *run) rereadBridge() (rtnl.Link, error) {
	bridge, err := r.conn.LinkByName(r.want.Bridge)
	if errors.Is(err, rtnl.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errRace, err)
	}
	return bridge, err
}
