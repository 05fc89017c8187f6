package bridge

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/rtnl"
)

// Undo takes back what Apply did to a vif and its bridge, and returns what it has done. It is for a vif that goes, that another rule
// decides about, or whose Apply failed or was killed half-way. It may be repeated.
//
// The vif is taken down and out of the bridge, and with that loses its port flags and FDB entries; but only if it still is in
// that bridge: one that somebody has moved is theirs. A bridge that vifd made goes when it has no port and no address left.
// That the vif or the bridge has already gone is as it should be; a vif whose bridge has gone is taken down, or its guest
// would now talk to the host itself. ErrRenamed: nothing was touched.
func Undo(ctx context.Context, conn Conn, state State) ([]Step, error) {
	steps, err := undo(ctx, conn, state)
	if err != nil {
		return steps, fmt.Errorf("take %s (ifindex %d) out of %s: %w", state.Interface, state.Ifindex, state.Bridge, err)
	}
	return steps, nil
}

func undo(ctx context.Context, conn Conn, state State) ([]Step, error) {
	bridge, err := joinedBridge(conn, state)
	if err != nil {
		return nil, err
	}
	if bridge == nil {
		return leave(ctx, conn, state, 0)
	}
	steps, err := leave(ctx, conn, state, bridge.Index)
	if err != nil {
		return steps, err
	}
	deleted, err := deleteUnused(ctx, conn, bridge)
	return append(steps, deleted...), err
}

// joinedBridge reads the bridge that Apply used; nil where it has gone.
func joinedBridge(conn Reader, state State) (*rtnl.Link, error) {
	var bridge rtnl.Link
	var err error
	if state.BridgeIndex != 0 {
		bridge, err = conn.LinkByIndex(state.BridgeIndex)
	} else {
		bridge, err = conn.LinkByName(state.Bridge)
	}
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case bridge.Kind != rtnl.KindBridge:
		return nil, nil // something else by now, which is not ours
	}
	return &bridge, nil
}

// leave takes the vif down and out of the bridge, if it is there. Bridge 0 is one that has gone.
func leave(ctx context.Context, conn Conn, state State, bridge int) ([]Step, error) {
	link, err := findLink(conn, state.Ifindex, state.Interface)
	if errors.Is(err, ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if link.Master != bridge {
		return nil, nil
	}
	var steps []Step
	if link.Up() {
		steps = append(steps, Step{op: opDown, dev: state.Interface})
	}
	if bridge != 0 {
		steps = append(steps, Step{op: opLeave, dev: state.Interface})
	}
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return steps[:i], err
		}
		change := rtnl.Change{Master: new(0)}
		if s.op == opDown {
			change = rtnl.Change{Up: new(false)}
		}
		if err := conn.Set(state.Ifindex, change); errors.Is(err, rtnl.ErrNotFound) {
			return steps[:i], nil
		} else if err != nil {
			return steps[:i], err
		}
	}
	return steps, nil
}

// deleteUnused deletes a bridge that vifd made and nobody uses. At any moment somebody else may be faster.
func deleteUnused(ctx context.Context, conn Conn, bridge *rtnl.Link) ([]Step, error) {
	if bridge.Alias != Alias && !isUnfinished(bridge) {
		return nil, nil
	}
	used, err := inUse(ctx, conn, bridge.Index)
	if err == nil && !used {
		err = conn.DeleteLink(bridge.Index)
	}
	switch {
	case errors.Is(err, rtnl.ErrNotFound):
		return nil, nil
	case err != nil || used:
		return nil, err
	}
	return []Step{{op: opDeleteBridge, dev: bridge.Name}}, nil
}

// inUse reports whether a bridge has ports, or addresses that somebody gave it.
func inUse(ctx context.Context, conn Reader, bridge int) (bool, error) {
	ports, err := conn.Ports(ctx, bridge)
	if err != nil || len(ports) > 0 {
		return true, err
	}
	addresses, err := conn.Addresses(ctx, bridge)
	return len(addresses) > 0, err
}
