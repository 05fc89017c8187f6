package route

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Result says what Apply has done. It holds as well when Apply fails.
type Result struct {
	Steps   []Step    // done, in this order; empty when all was as wanted
	Skipped []Skipped // what a driver cannot do and the vif can live without
	State   State     // what Undo needs from now on
}

// Skipped is a step the driver does not support, and its words.
type Skipped struct {
	Step Step
	Err  error
}

// Plan lists what Apply would do now, and changes nothing. Its errors are Apply's.
func Plan(ctx context.Context, host Host, want Route, state State) ([]Step, error) {
	checked, err := want.check()
	if err != nil {
		return nil, failure(want, err)
	}
	shared, err := host.Shared.Missing(ctx, host.Conn, host.Sysctls, state.done(checked))
	if err != nil {
		return nil, failure(want, err)
	}
	have, err := read(ctx, host, checked, state)
	if err != nil {
		return nil, failure(want, err)
	}
	have.Shared = shared
	return Diff(checked, have), nil
}

// Apply makes the vif's routes and what they need; where all is so already it only reads. state is what Prepare gave for want. ErrGone,
// ErrRenamed, ErrNoUplink and ErrUnmet say what stands against it; anything else is the kernel's refusal (rtnl.Error, sysctl.ErrNotFound)
// or the context's end.
func Apply(ctx context.Context, host Host, want Route, state State) (Result, error) {
	r := run{host: host, result: Result{State: state}}
	var err error
	if r.want, err = want.check(); err == nil {
		err = r.apply(ctx, state)
	}
	if err != nil {
		return r.result, failure(want, err)
	}
	r.result.State = state.done(r.want)
	return r.result, nil
}

func failure(want Route, err error) error {
	return fmt.Errorf("route to %s (ifindex %d): %w", want.Interface, want.Ifindex, err)
}

// run is one Apply under way.
type run struct {
	host   Host
	want   Route
	result Result
	macOff bool // the driver cannot change the MAC
}

func (r *run) apply(ctx context.Context, state State) error {
	if _, err := findLink(r.host.Conn, r.want.Ifindex, r.want.Interface); err != nil {
		return err // before anything that is shared
	}
	shared, err := r.host.Shared.Use(ctx, r.host.Conn, r.host.Sysctls, state.done(r.want))
	for _, s := range shared {
		r.result.Steps = append(r.result.Steps, Step{op: opShared, setting: s})
	}
	if err != nil {
		return err
	}
	have, err := read(ctx, r.host, r.want, state)
	if err != nil {
		return err
	}
	steps := Diff(r.want, have)
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.send(s); err != nil {
			return err
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return r.verify(ctx)
}

// read asks the kernel for what Diff compares.
func read(ctx context.Context, host Host, want Route, state State) (Actual, error) {
	var have Actual
	var err error
	if have.Link, err = findLink(host.Conn, want.Ifindex, want.Interface); err != nil {
		return Actual{}, err
	}
	if have.Addresses, err = host.Conn.ListAddresses(ctx, want.Ifindex); err != nil {
		return Actual{}, goneIsGone(err)
	}
	if have.Settings, err = readSettings(host.Sysctls, want); err != nil {
		return Actual{}, err
	}
	if have.Link.Up() { // else it has none of these
		if have.Routes, err = host.Conn.Routes(ctx, rtnl.RouteFilter{Protocol: rtnl.Protocol, OIF: want.Ifindex}); err != nil {
			return Actual{}, goneIsGone(err)
		}
		if have.Neighbours, err = host.Conn.Neighbours(ctx, want.Ifindex); err != nil {
			return Actual{}, goneIsGone(err)
		}
		if have.Proxies, err = host.Conn.Proxies(ctx, want.Ifindex); err != nil {
			return Actual{}, goneIsGone(err)
		}
	}
	have.Answered, err = readAnswered(host, want, state)
	return have, err
}

func readSettings(sysctls Sysctls, want Route) (map[string]string, error) {
	have := make(map[string]string)
	for _, s := range want.settings() {
		value, err := sysctls.Get(s.Name)
		switch {
		case errors.Is(err, sysctl.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			have[s.Name.String()] = value
		}
	}
	return have, nil
}

// readAnswered reads who has the host answer at the uplink: for what is wanted, and for what only this vif has wanted before.
func readAnswered(host Host, want Route, state State) (map[Proxied]bool, error) {
	wanted := want.proxied()
	have := make(map[Proxied]bool)
	for _, p := range union(slices.Clone(wanted), state.Proxied) {
		if !slices.Contains(wanted, p) && host.Shared.held(want.Ifindex, p) {
			continue
		}
		n, err := host.Conn.Proxy(p.Uplink, p.Addr)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			have[p] = n.Protocol == rtnl.Protocol
		}
	}
	return have, nil
}

// verify reads the link and its addresses once more: they must be as wanted, be it that a driver says yes and does no, be it that
// somebody else was at work. Routes and neighbours have been acknowledged one by one.
func (r *run) verify(ctx context.Context) error {
	link, err := findLink(r.host.Conn, r.want.Ifindex, r.want.Interface)
	if err != nil {
		return err
	}
	addresses, err := r.host.Conn.ListAddresses(ctx, r.want.Ifindex)
	if err != nil {
		return goneIsGone(err)
	}
	want := r.want
	if r.macOff {
		want.MAC = link.MAC
	}
	d := differ{want: want, have: Actual{Link: link, Addresses: addresses}, lost: make(map[bool]bool)}
	d.link()
	d.addresses()
	if !link.Up() {
		d.add(Step{op: opUp})
	}
	var errs []error
	for _, s := range d.steps {
		errs = append(errs, fmt.Errorf("%w: still to be done: %v", ErrUnmet, s))
	}
	return errors.Join(errs...)
}

// send makes the request for one step.
func (r *run) send(s Step) error {
	err := r.request(s)
	if s.op == opMAC && (errors.Is(err, rtnl.ErrUnsupported) || errors.Is(err, rtnl.ErrAddress)) {
		r.macOff = true
		r.result.Skipped = append(r.result.Skipped, Skipped{Step: s, Err: err})
		return nil
	}
	if err != nil {
		return r.cause(s, err)
	}
	r.result.Steps = append(r.result.Steps, s)
	return nil
}

// cause tells what has gone, where something has.
func (r *run) cause(s Step, err error) error {
	switch {
	case s.op == opAnswer && errors.Is(err, rtnl.ErrNotFound):
		return fmt.Errorf("%w as %s (ifindex %d): %w", ErrNoUplink, s.dev, s.index, err)
	case s.op == opSetting && errors.Is(err, sysctl.ErrNotFound):
		if _, lookup := findLink(r.host.Conn, r.want.Ifindex, r.want.Interface); lookup != nil {
			return lookup
		}
		return err
	}
	return goneIsGone(err)
}

func (r *run) request(s Step) error {
	conn := r.host.Conn
	switch s.op {
	case opSetting:
		_, err := r.host.Sysctls.Set(s.setting.Name, s.setting.New, func() error {
			_, err := findLink(conn, r.want.Ifindex, r.want.Interface)
			return err
		})
		return err
	case opDown:
		return conn.Set(s.index, rtnl.Change{Up: new(false)})
	case opLeave:
		return conn.Set(s.index, rtnl.Change{Master: new(0)})
	case opMAC:
		return conn.Set(s.index, rtnl.Change{MAC: s.mac})
	case opMTU:
		return conn.Set(s.index, rtnl.Change{MTU: s.mtu})
	case opDeleteAddress:
		return unless(conn.DeleteAddress(s.address), rtnl.ErrAddress) // somebody else was faster
	case opAddress:
		return conn.ReplaceAddress(s.address)
	case opUp:
		return conn.Set(s.index, rtnl.Change{Up: new(true)})
	case opForget:
		return unless(conn.DeleteNeighbour(s.index, s.addr), rtnl.ErrNotFound)
	case opNeighbour:
		return conn.SetNeighbour(s.neighbour)
	case opUnproxy:
		return unless(conn.DeleteProxy(s.index, s.addr), rtnl.ErrNotFound)
	case opUnanswer:
		_, err := r.host.Shared.unanswer(conn, r.want.Ifindex, []Proxied{{Uplink: s.index, Addr: s.addr}}, r.want.Uplink)
		return err
	case opProxy, opAnswer:
		return conn.AddProxy(s.index, s.addr, rtnl.Protocol)
	case opDeleteRoute:
		return unless(conn.DeleteRoute(s.route), rtnl.ErrNotFound)
	case opRoute:
		return conn.ReplaceRoute(s.route)
	case opShared: // Use has done these
	}
	return fmt.Errorf("%v is no step of a route", s)
}

// unless is err, but for one kind.
func unless(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}
