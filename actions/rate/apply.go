package rate

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// Result says what Apply has done. It holds as well when Apply fails.
type Result struct {
	Steps []Step // done, in this order; empty when all was as wanted
	State State  // what Undo needs
}

// Plan lists what Apply would do now, and changes nothing. Its errors are Apply's.
func Plan(ctx context.Context, conn Reader, k Kernel, want Rate) ([]Step, error) {
	steps, err := plan(ctx, conn, k, want)
	if err != nil {
		return nil, failure(want, err)
	}
	return steps, nil
}

func plan(ctx context.Context, conn Reader, k Kernel, want Rate) ([]Step, error) {
	if err := k.Supports(want); err != nil {
		return nil, err
	}
	have, err := read(ctx, conn, want)
	switch {
	case err != nil:
		return nil, err
	case have.Link == nil:
		return nil, ErrGone
	case have.Link.Name != want.Interface:
		return nil, fmt.Errorf("%w: it is called %s now", ErrRenamed, have.Link.Name)
	}
	return Diff(k, want, have)
}

// Apply makes the vif carry no more than is wanted; where it is so already it only reads. ErrGone, ErrRenamed, ErrForeign, ErrUnsupported and
// ErrUnmet say what stands against it; anything else is a rate or a burst that no kernel keeps, the kernel's refusal (rtnl.Error) or the
// context's end.
func Apply(ctx context.Context, conn Conn, k Kernel, want Rate) (Result, error) {
	result := Result{State: want.State()}
	steps, err := plan(ctx, conn, k, want)
	if err != nil {
		return result, failure(want, err)
	}
	if len(steps) == 0 {
		return result, nil
	}
	if result.Steps, err = do(ctx, conn, want.Ifindex, steps); err != nil {
		return result, failure(want, orGone(conn, want.Ifindex, err))
	}
	left, err := plan(ctx, conn, k, want)
	if err != nil {
		return result, failure(want, err)
	}
	var errs []error
	for _, s := range left {
		errs = append(errs, fmt.Errorf("%w: still to be done: %v", ErrUnmet, s))
	}
	if len(errs) > 0 {
		return result, failure(want, errors.Join(errs...))
	}
	return result, nil
}

func failure(want Rate, err error) error {
	return fmt.Errorf("limit the rate of %s (ifindex %d): %w", want.Interface, want.Ifindex, err)
}

// Undo takes back what Apply did, and returns what it has done. It is for a vif that goes, that another rule decides about, or whose
// Apply failed or was killed half-way. It may be repeated. What is ours is taken away, whatever the vif is called by now; that
// the vif has already gone, or parts of it, is as it should be.
func Undo(ctx context.Context, conn Conn, state State) ([]Step, error) {
	steps, err := undo(ctx, conn, Rate{Ifindex: state.Ifindex, Interface: state.Interface})
	if err != nil {
		return steps, fmt.Errorf("lift the rate of %s (ifindex %d): %w", state.Interface, state.Ifindex, err)
	}
	return steps, nil
}

func undo(ctx context.Context, conn Conn, none Rate) ([]Step, error) {
	have, err := read(ctx, conn, none)
	if err != nil {
		return nil, err
	}
	if have.Link != nil {
		none.Interface = have.Link.Name
	}
	steps, err := Diff(Kernel{}, none, have)
	if err != nil {
		return nil, err
	}
	var done []Step
	for _, s := range steps {
		one, err := do(ctx, conn, none.Ifindex, []Step{s})
		done = append(done, one...)
		if err != nil && !hasGone(s, err) {
			return done, err
		}
	}
	return done, nil
}

// hasGone reports that what a step was to take away is not there any more: the kernel says EINVAL of a qdisc that another has taken the
// place of.
func hasGone(s Step, err error) bool {
	return errors.Is(err, rtnl.ErrNotFound) || s.op != opDelete && errors.Is(err, unix.EINVAL)
}

// read asks the kernel for all that Diff wants to know.
func read(ctx context.Context, conn Reader, want Rate) (Actual, error) {
	var have Actual
	if err := readVif(ctx, conn, want.Ifindex, &have); errors.Is(err, unix.ENODEV) {
		have = Actual{}
	} else if err != nil {
		return Actual{}, err
	}
	ifb, err := conn.LinkByName(Name(want.Ifindex))
	if errors.Is(err, rtnl.ErrNotFound) {
		return have, nil
	}
	if err != nil {
		return Actual{}, err
	}
	have.IFB = &ifb
	have.IFBRoot, err = conn.RootQdisc(ifb.Index)
	return have, err
}

func readVif(ctx context.Context, conn Reader, index int, have *Actual) error {
	link, err := conn.LinkByIndex(index)
	if err != nil {
		return err
	}
	have.Link = &link
	if have.Root, err = conn.RootQdisc(index); err != nil {
		return err
	}
	if have.Ingress, err = conn.IngressQdisc(index); err != nil || have.Ingress.Kind == "" {
		return err
	}
	have.Filters, err = conn.IngressFilters(ctx, index)
	return err
}

// do carries steps out and returns those that are done.
func do(ctx context.Context, conn Conn, vif int, steps []Step) ([]Step, error) {
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return steps[:i], err
		}
		if err := send(conn, vif, s); err != nil {
			return steps[:i], err
		}
	}
	return steps, nil
}

// send carries out one step.
func send(conn Conn, vif int, s Step) error {
	index := vif
	if s.op != opCreate && s.dev == Name(vif) || s.op == opRedirect {
		ifb, err := conn.LinkByName(Name(vif))
		if err != nil {
			return err
		}
		index = ifb.Index
	}
	switch s.op {
	case opCreate:
		return lacks(conn.CreateIFB(s.dev, unfinished, ifbQueue), unix.EOPNOTSUPP, partIFB, fromGuest)
	case opOwn:
		return conn.Set(index, rtnl.Change{Alias: aliasPrefix + s.vif, Group: new(uint32(0))})
	case opShape:
		return lacks(conn.AddTBF(index, s.root, s.tbf), unix.ENOENT, partTBF, eitherWay)
	case opReshape:
		return conn.ChangeTBF(index, s.root, s.tbf)
	case opReplace:
		return conn.ReplaceTBF(index, s.root, s.tbf)
	case opUp:
		return conn.Set(index, rtnl.Change{Up: new(true)})
	case opIngress:
		return lacks(conn.AddIngress(vif), unix.ENOENT, partIngress, fromGuest)
	case opRedirect:
		return lacks(conn.Redirect(vif, pref, s.by, index), unix.ENOENT, partMirred, fromGuest)
	case opUnredirect:
		return conn.Unredirect(vif, pref)
	case opNoIngress:
		return conn.DeleteIngress(vif)
	case opUnshape:
		return conn.DeleteRootQdisc(index, rtnl.KindTBF, s.root)
	case opDelete:
		return conn.DeleteLink(index)
	}
	return fmt.Errorf("%v is no step of a rate", s)
}

// lacks makes ErrUnsupported of what the kernel says of a part that it does not have (any more: Probe has seen it).
func lacks(err error, errno unix.Errno, p part, way string) error {
	if errors.Is(err, errno) {
		return fmt.Errorf("%w: %w", p.missing(way), err)
	}
	return err
}

// orGone tells a refusal from its cause, where that is that the vif has gone.
func orGone(conn Reader, vif int, err error) error {
	if _, lookup := conn.LinkByIndex(vif); errors.Is(lookup, rtnl.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}
