package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"vifd/internal/rtnl"
)

// findLink reads the vif, which must still bear its name.
func findLink(conn Reader, index int, name string) (rtnl.Link, error) {
	link, err := conn.LinkByIndex(index)
	if err != nil {
		return rtnl.Link{}, goneIsGone(err)
	}
	if link.Name != name {
		return rtnl.Link{}, fmt.Errorf("%w: it is called %s now", ErrRenamed, link.Name)
	}
	return link, nil
}

// goneIsGone makes ErrGone of what the kernel says when the vif is not there.
func goneIsGone(err error) error {
	if errors.Is(err, rtnl.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// findBridge reads the wanted bridge: nil where there is none and it may be created.
func findBridge(ctx context.Context, conn Reader, want Port) (*rtnl.Link, error) {
	bridge, err := conn.LinkByName(want.Bridge)
	switch {
	case errors.Is(err, rtnl.ErrNotFound) && want.Create:
		return nil, nil
	case errors.Is(err, rtnl.ErrNotFound):
		return nil, noBridge(ctx, conn, want.Bridge)
	case err != nil:
		return nil, err
	case bridge.Kind != rtnl.KindBridge:
		return nil, fmt.Errorf("%s (ifindex %d) is %w but %s", want.Bridge, bridge.Index, ErrNotBridge, kindName(bridge.Kind))
	}
	return &bridge, nil
}

func kindName(kind string) string {
	if kind == "" {
		return "a device without a kind"
	}
	return "of kind " + kind
}

// noBridge says which bridges there are instead.
func noBridge(ctx context.Context, conn Reader, name string) error {
	bridges, err := conn.Bridges(ctx)
	if err != nil {
		return fmt.Errorf("%w as %s (and the host's bridges cannot be listed: %w)", ErrNoBridge, name, err)
	}
	if len(bridges) == 0 {
		return fmt.Errorf("%w as %s: this host has no bridge; create it, or let the network say create: true", ErrNoBridge, name)
	}
	var names []string
	for _, b := range bridges {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	return fmt.Errorf("%w as %s: this host has %s; create it, or let the network say create: true", ErrNoBridge, name, strings.Join(names, ", "))
}

// pinned reads the vif's FDB entries, where these matter and there can be any.
func pinned(ctx context.Context, conn Reader, want Port, link, bridge rtnl.Link) ([]net.HardwareAddr, error) {
	if !want.StaticFDB || link.Master != bridge.Index {
		return nil, nil
	}
	return conn.PinnedFDB(ctx, link.Index)
}
