package handler

import (
	"context"
	"errors"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/internal/ctl"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/rules"
)

// TakeBack is Once where the rules cannot be had. It does what takes none: an interface that is gone, or that Xen takes away, is to be
// connected to nothing, and its record says what was done to it. False: the event is about another that is there, of which nothing
// was touched.
func TakeBack(ctx context.Context, cfg Config, ev vif.Event) (out ctl.Outcome, done bool, err error) {
	if n, ok := newsOf(&ev); ok && !n.offline {
		return out, false, nil
	} else if !ok {
		gone, err := isGone(&cfg, &ev)
		if err != nil || !gone {
			return out, false, err
		}
	}
	rs, err := NewRuleset(&rules.Set{})
	if err != nil {
		return out, false, err
	}
	cfg.Firewall, cfg.NAT = onlyRemoving{cfg.Firewall}, asItIs{cfg.NAT}
	out, err = Once(ctx, cfg, rs, ev)
	return out, true, err
}

// isGone reports whether an event of the kernel's is of an interface that is not there any more, whatever it says of it.
func isGone(cfg *Config, ev *vif.Event) (bool, error) {
	if ev.Subsystem != "net" || ev.Ifindex <= 0 {
		return false, nil
	}
	conn, err := cfg.Dial()
	if err != nil {
		return false, err
	}
	if _, err = conn.LinkByIndex(ev.Ifindex); errors.Is(err, rtnl.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// onlyRemoving leaves the program of the rules that were, and the guests that it judges. A vif that would be blocked is taken out: it is
// down, in no bridge, and by rules that claim its name it passes nothing until they decide about it.
type onlyRemoving struct{ Firewall }

func (onlyRemoving) Ensure(*firewall.Program) (bool, error) { return false, nil }

func (f onlyRemoving) Set(g *firewall.Guest, owner int) (bool, error) {
	return f.Remove(g.Interface, owner)
}

// asItIs leaves the tables of the rules that were.
type asItIs struct{ NAT }

func (asItIs) Ensure(*nat.Program) (bool, error) { return false, nil }
