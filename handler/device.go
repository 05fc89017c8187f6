package handler

import (
	"context"
	"errors"
	"strconv"

	"vifd/actions/bridge"
	"vifd/actions/link"
	"vifd/internal/rtnl"
	"vifd/matcher"
)

// device plans what is set of the vif as such; nil: nothing. The MTU goes with the port or the route.
func device(d *matcher.Decision, l *rtnl.Link) *link.Link {
	want := &d.Rule.Link
	if want.TxQueueLen == nil && want.Group == nil && want.Alias == nil && len(want.Offload)+len(want.Sysctl) == 0 {
		return nil
	}
	out := &link.Link{Ifindex: l.Index, Interface: l.Name, Group: want.Group, Offload: make(map[string]bool), Sysctl: make(map[string]string)}
	if want.TxQueueLen != nil {
		out.TxQueueLen = new(uint32(*want.TxQueueLen))
	}
	if want.Alias != nil {
		out.Alias = &d.Alias
	}
	for _, o := range want.Offload {
		out.Offload[o.Feature] = o.On
	}
	for _, s := range want.Sysctl {
		out.Sysctl[s.Name] = strconv.FormatInt(s.Value, 10)
	}
	return out
}

// devices is where links are set up.
func (h *Handler) devices(conn Links) link.Host {
	return link.Host{Links: conn, Offloads: h.cfg.Offloads, Settings: h.cfg.Sysctls}
}

// errNoOffloads says what a kernel before 5.6 cannot do.
var errNoOffloads = errors.New("this kernel has no netlink interface for offloads (CONFIG_ETHTOOL_NETLINK)")

// note keeps what setting the vif up will change.
func (h *Handler) note(conn Links, k *known, want *link.Link) error {
	if len(want.Offload) > 0 && h.cfg.Offloads == nil {
		return errNoOffloads
	}
	var before link.State
	if k.own.Link != nil {
		before = *k.own.Link
	}
	state, err := link.Remember(h.devices(conn), *want, before)
	if err == nil {
		k.own.Link = &state
	}
	return err
}

// setUp sets what the plan wants of the vif as such, or gives back what was there where it wants nothing any more.
func (h *Handler) setUp(ctx context.Context, conn Links, k *known, plan *Plan) (wrote bool, err error) {
	if plan.Link == nil {
		return h.giveBack(ctx, conn, k)
	}
	result, err := link.Apply(ctx, h.devices(conn), *plan.Link, *k.own.Link)
	if err == nil {
		k.own.Link = &result.State
	}
	return len(result.Steps) > 0, err
}

func (h *Handler) giveBack(ctx context.Context, conn Links, k *known) (wrote bool, err error) {
	if k.own.Link == nil {
		return false, nil
	}
	steps, err := link.Undo(ctx, h.devices(conn), *k.own.Link)
	if err == nil {
		k.own.Link = nil
	}
	return len(steps) > 0, err
}

// deviceText is what setting the vif up would take, in the words of ip, ethtool and sysctl.
func deviceText(want *link.Link, now bridge.Actual) []string {
	var lines []string
	for _, s := range link.Fresh(*want, now.Link) {
		lines = append(lines, s.String())
	}
	return lines
}
