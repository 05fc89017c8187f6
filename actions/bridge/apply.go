package bridge

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/rtnl"
)

// attempts is how often Apply begins because a bridge came or went under its hands. Each costs some system calls; more than a
// few take many vifs that come to, and leave, one bridge all at once and again and again.
const attempts = 20

// errRace says that somebody else has created or deleted the bridge meanwhile.
var errRace = errors.New("the bridge was created or deleted meanwhile")

// Result says what Apply has done. It holds as well when Apply fails.
type Result struct {
	Steps         []Step    // done, in this order; empty when all was as wanted
	Skipped       []Skipped // what a driver cannot do and the vif can live without
	BridgeCreated bool
	State         State // what Undo needs
}

// Skipped is a step the driver does not support, and its words.
type Skipped struct {
	Step Step
	Err  error
}

// Plan lists what Apply would do now, and changes nothing. Its errors are Apply's.
func Plan(ctx context.Context, conn Reader, want Port) ([]Step, error) {
	want, err := want.check()
	if err != nil {
		return nil, failure(want, err)
	}
	link, err := findLink(conn, want.Ifindex, want.Interface)
	if err != nil {
		return nil, failure(want, err)
	}
	bridge, err := findBridge(ctx, conn, want)
	if err != nil {
		return nil, failure(want, err)
	}
	have := Actual{Link: link, Bridge: bridge}
	if err := readVLANs(ctx, conn, want, &have); err != nil {
		return nil, failure(want, err)
	}
	if bridge != nil {
		if have.Pinned, err = pinned(ctx, conn, want, link, *bridge); err != nil {
			return nil, failure(want, err)
		}
	}
	return Diff(want, have), nil
}

// Apply makes the vif the port that is wanted; where it is so already it only reads. ErrGone, ErrRenamed, ErrNoBridge,
// ErrNotBridge and ErrUnmet say what stands against it; anything else is the kernel's refusal (rtnl.Error) or the context's end.
func Apply(ctx context.Context, conn Conn, want Port) (Result, error) {
	r := run{conn: conn, want: want}
	r.result.State = want.State()
	var err error
	if r.want, err = want.check(); err != nil {
		return r.result, failure(want, err)
	}
	for range attempts {
		if err = r.apply(ctx); !errors.Is(err, errRace) {
			break
		}
	}
	if err != nil {
		return r.result, failure(want, err)
	}
	return r.result, nil
}

func failure(want Port, err error) error {
	return fmt.Errorf("make %s (ifindex %d) a port of %s: %w", want.Interface, want.Ifindex, want.Bridge, err)
}

// run is one Apply under way.
type run struct {
	conn   Conn
	want   Port
	result Result
	macOff bool // the driver cannot change the MAC
}

func (r *run) apply(ctx context.Context) error {
	link, err := findLink(r.conn, r.want.Ifindex, r.want.Interface)
	if err != nil {
		return err
	}
	bridge, err := r.ensureBridge(ctx)
	if err != nil {
		return err
	}
	r.result.State.BridgeIndex = bridge.Index
	have := Actual{Link: link, Bridge: &bridge}
	if err := r.ensureFiltering(ctx, &have); err != nil {
		return r.orRace(err, bridge.Index)
	}
	if have.Pinned, err = pinned(ctx, r.conn, r.want, link, bridge); err != nil {
		return err
	}
	steps := diffPort(r.want, have, bridge.Index, bridge.MTU)
	if len(steps) == 0 {
		return nil
	}
	if err := r.do(ctx, steps, bridge.Index); err != nil {
		return r.orRace(err, bridge.Index)
	}
	return r.orRace(r.verify(ctx, steps, bridge), bridge.Index)
}

// orRace tells a refusal from its cause, where that is that the bridge has gone. Not so for a vif that has gone.
func (r *run) orRace(err error, bridge int) error {
	if err == nil || errors.Is(err, ErrGone) {
		return err
	}
	if _, lookup := r.conn.LinkByIndex(bridge); errors.Is(lookup, rtnl.ErrNotFound) {
		return fmt.Errorf("%w: %w", errRace, err)
	}
	return err
}

// verify reads the link once more. What the last steps asked for must be so, be it that a driver says yes and does no, be it that
// somebody else was at work.
func (r *run) verify(ctx context.Context, done []Step, bridge rtnl.Link) error {
	link, err := findLink(r.conn, r.want.Ifindex, r.want.Interface)
	if err != nil {
		return err
	}
	want := r.want
	want.StaticFDB = false // acknowledged entry by entry
	if r.macOff {
		want.MAC = link.MAC
	}
	for _, s := range done {
		if s.op == opMTU {
			want.MTU = s.mtu // the bridge's, which counts when joining only
		}
	}
	have := Actual{Link: link, Bridge: &bridge}
	if err := readVLANs(ctx, r.conn, want, &have); err != nil {
		return err
	}
	left := diffPort(want, have, bridge.Index, bridge.MTU)
	if len(left) > 0 {
		return unmet(link, left)
	}
	return nil
}

// do carries steps out, as many in one request as the kernel takes.
func (r *run) do(ctx context.Context, steps []Step, bridge int) error {
	for len(steps) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 1
		for n < len(steps) && joinable(steps[n-1].op) && joinable(steps[n].op) {
			n++
		}
		if err := r.send(steps[:n], bridge); err != nil {
			return goneIsGone(err)
		}
		steps = steps[n:]
	}
	return nil
}

// joinable reports which steps go together in one request: the kernel does them in just this order.
func joinable(o op) bool { return o == opMAC || o == opMTU || o == opJoin }

// send makes the request for steps, of which there is more than one only if all are joinable.
func (r *run) send(steps []Step, bridge int) error {
	index := r.want.Ifindex
	var err error
	switch s := steps[0]; s.op {
	case opDown:
		err = r.conn.Set(index, rtnl.Change{Up: new(false)})
	case opLeave:
		err = r.conn.Set(index, rtnl.Change{Master: new(0)})
	case opFlags:
		err = r.conn.SetPort(index, s.flags)
	case opLeaveVLANs:
		err = r.conn.DeleteVLANs(index, s.vlans)
	case opJoinVLANs:
		err = r.conn.AddVLANs(index, s.vlans)
	case opPin:
		err = r.conn.PinFDB(index, s.mac)
	case opUnpin:
		if err = r.conn.UnpinFDB(index, s.mac); errors.Is(err, rtnl.ErrNotFound) {
			err = nil // somebody else was faster
		}
	case opUp:
		err = r.conn.Set(index, rtnl.Change{Up: new(true)})
	case opMAC, opMTU, opJoin:
		return r.sendJoined(steps, bridge)
	default:
		err = fmt.Errorf("%v is no step of a port", s)
	}
	if err == nil {
		r.result.Steps = append(r.result.Steps, steps...)
	}
	return err
}

// sendJoined makes one request of MAC, MTU and master. A driver that cannot change its MAC refuses the whole, so the rest is
// then asked for without it.
func (r *run) sendJoined(steps []Step, bridge int) error {
	if r.macOff && steps[0].op == opMAC {
		steps = steps[1:] // an earlier attempt found out
	}
	err := r.conn.Set(r.want.Ifindex, change(steps, bridge))
	if err == nil {
		r.result.Steps = append(r.result.Steps, steps...)
		return nil
	}
	if len(steps) == 0 || steps[0].op != opMAC || !cannotChangeMAC(err) {
		return err
	}
	if len(steps) > 1 { // was it the MAC?
		err = r.conn.Set(r.want.Ifindex, change(steps[:1], bridge))
	}
	switch {
	case err == nil:
		r.result.Steps = append(r.result.Steps, steps[0])
	case cannotChangeMAC(err):
		r.macOff = true
		r.result.Skipped = append(r.result.Skipped, Skipped{Step: steps[0], Err: err})
	default:
		return err
	}
	if len(steps) == 1 {
		return nil
	}
	return r.sendJoined(steps[1:], bridge)
}

// change is the one request for joinable steps.
func change(steps []Step, bridge int) rtnl.Change {
	var ch rtnl.Change
	for _, s := range steps {
		switch s.op {
		case opMAC:
			ch.MAC = s.mac
		case opMTU:
			ch.MTU = s.mtu
		default: // opJoin
			ch.Master = &bridge
		}
	}
	return ch
}

// cannotChangeMAC reports that the driver has no way to do it, and not that it failed.
func cannotChangeMAC(err error) bool {
	return errors.Is(err, rtnl.ErrUnsupported) || errors.Is(err, rtnl.ErrAddress)
}

// unmet says what is and what was wanted.
func unmet(link rtnl.Link, left []Step) error {
	var errs []error
	for _, s := range left {
		errs = append(errs, fmt.Errorf("%w: %s", ErrUnmet, s.unmet(link)))
	}
	return errors.Join(errs...)
}
