package route

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vifd/internal/rtnl"
)

// Undo takes back what Apply did, and returns what it has done. It is for a vif that goes or has gone, that another rule decides about, or whose
// Apply failed or was killed half-way. It may be repeated, and what has gone by itself is as it should be.
//
// The vif is taken down, by which it loses routes, neighbours and proxied addresses, loses the host's addresses, and gets its MAC, MTU and
// settings back; but a vif that somebody has put into a bridge stays up, and loses only what is vifd's (and with its last IPv4 address, by
// the kernel's hand, every IPv4 route). What is answered for at the
// uplink goes unless another vif has the same address, and forwarding as it came, with the last.
// ErrRenamed: nothing was touched.
func Undo(ctx context.Context, host Host, state State) ([]Step, error) {
	steps, err := undo(ctx, host, state)
	if err != nil {
		return steps, fmt.Errorf("take back the route to %s (ifindex %d): %w", state.Interface, state.Ifindex, err)
	}
	return steps, nil
}

func undo(ctx context.Context, host Host, state State) ([]Step, error) {
	u := undoing{host: host, state: state}
	link, err := findLink(host.Conn, state.Ifindex, state.Interface)
	switch {
	case errors.Is(err, ErrRenamed):
		return nil, err
	case errors.Is(err, ErrGone):
	case err != nil:
		u.errs = append(u.errs, err)
	default:
		u.vif(ctx, link)
	}
	if err := ctx.Err(); err != nil {
		return u.steps, errors.Join(append(u.errs, err)...)
	}
	answered, err := host.Shared.unanswer(host.Conn, state.Ifindex, state.Proxied, state.Uplink)
	u.steps, u.errs = append(u.steps, answered...), append(u.errs, err)
	if err := errors.Join(u.errs...); err != nil {
		return u.steps, err // the vif still counts as one that needs what is shared
	}
	shared, err := host.Shared.Release(host.Sysctls, state.Ifindex)
	for _, s := range shared {
		u.steps = append(u.steps, Step{op: opShared, setting: s})
	}
	return u.steps, err
}

// undoing is one Undo under way.
type undoing struct {
	host  Host
	state State
	steps []Step
	errs  []error
	gone  bool // the vif, meanwhile
}

// do carries one step out, unless the vif has gone.
func (u *undoing) do(ctx context.Context, s Step) {
	if u.gone || ctx.Err() != nil {
		return
	}
	if s.dev == "" {
		s.dev, s.index = u.state.Interface, u.state.Ifindex
	}
	r := run{host: u.host, want: Route{Ifindex: u.state.Ifindex, Interface: u.state.Interface}}
	switch err := r.send(s); {
	case errors.Is(err, ErrGone):
		u.gone = true
	case err != nil:
		u.errs = append(u.errs, err)
	default:
		u.steps = append(u.steps, r.result.Steps...)
	}
}

func (u *undoing) vif(ctx context.Context, link rtnl.Link) {
	if link.Master == 0 && link.Up() {
		u.do(ctx, Step{op: opDown})
	}
	if link.Master != 0 && link.Up() {
		u.ours(ctx)
	}
	addresses, err := u.host.Conn.ListAddresses(ctx, link.Index)
	if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
		u.errs = append(u.errs, err)
	}
	for _, a := range addresses {
		if slices.Contains(u.state.Host, a.Prefix) {
			u.do(ctx, Step{op: opDeleteAddress, address: a})
		}
	}
	if link.Master == 0 {
		u.device(ctx, link)
	}
	for _, s := range slices.Backward(u.state.Settings) {
		s = s.of(u.state.Interface)
		now, err := u.host.Sysctls.Get(s.Name)
		if err == nil && now == s.New && now != s.Old {
			u.do(ctx, Step{op: opSetting, setting: Setting{Name: s.Name, Old: s.New, New: s.Old}})
		}
	}
}

// ours takes vifd's routes, neighbours and proxied addresses from a vif that stays up.
func (u *undoing) ours(ctx context.Context) {
	routes, err := u.host.Conn.Routes(ctx, rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: u.state.Ifindex})
	u.failed(err)
	for _, r := range routes {
		u.do(ctx, Step{op: opDeleteRoute, route: r})
	}
	neighbours, err := u.host.Conn.Neighbours(ctx, u.state.Ifindex)
	u.failed(err)
	for _, n := range neighbours {
		if n.Protocol == rtnl.Protocol {
			u.do(ctx, Step{op: opForget, addr: n.Addr})
		}
	}
	proxies, err := u.host.Conn.Proxies(ctx, u.state.Ifindex)
	u.failed(err)
	for _, n := range proxies {
		if n.Protocol == rtnl.Protocol {
			u.do(ctx, Step{op: opUnproxy, addr: n.Addr})
		}
	}
}

func (u *undoing) failed(err error) {
	if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
		u.errs = append(u.errs, err)
	}
}

// device puts MAC and MTU back.
func (u *undoing) device(ctx context.Context, link rtnl.Link) {
	if u.state.MTU != 0 && link.MTU != u.state.MTU {
		u.do(ctx, Step{op: opMTU, mtu: u.state.MTU})
	}
	mac := parseMAC(u.state.MAC)
	if mac != nil && link.MAC.String() != u.state.MAC {
		u.do(ctx, Step{op: opMAC, mac: mac})
	}
}
