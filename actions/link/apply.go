package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Result says what Apply has done. It holds as well when Apply fails.
type Result struct {
	Steps []Step // done, in this order; empty when all was as wanted
	State State  // what Undo needs
}

// scene is what is known before something is done.
type scene struct {
	wanted   values
	have     values
	features map[string]rtnl.Feature
}

// Remember reads what is there and returns the State to write down before Apply. old is what was written down at the last time, or zero.
// Its errors are Apply's.
func Remember(host Host, want Link, old State) (State, error) {
	s, err := look(host, want, old)
	if err != nil {
		return old, failure(want, err)
	}
	return remember(want, s.wanted, s.have, old), nil
}

// Plan lists what Apply would do now, and changes nothing. Its errors are Apply's.
func Plan(host Host, want Link, state State) ([]Step, error) {
	s, err := look(host, want, state)
	if err != nil {
		return nil, failure(want, err)
	}
	return diff(want.Interface, s.wanted, s.have, state), nil
}

// Fresh lists what Apply would do to a link of which nothing but its own values is known: all offloads and settings that are wanted.
func Fresh(want Link, l rtnl.Link) []Step {
	have := linkValues(l)
	wanted := make(values)
	for name, on := range want.Offload {
		wanted[keyOffload+name] = onOff(on)
	}
	rest := want
	rest.Offload = nil
	if some, err := rest.values(nil); err == nil {
		for key, value := range some {
			wanted[key] = value
		}
	}
	return diff(want.Interface, wanted, have, State{})
}

// Apply makes the link as is wanted, and gives back what state remembers and is no longer wanted; where it is so already it only reads.
// state is what Remember has returned. ErrGone, ErrRenamed, ErrFixed and ErrUnmet say what stands against it; anything else is a name that is no
// setting's, the kernel's refusal or the context's end.
func Apply(ctx context.Context, host Host, want Link, state State) (Result, error) {
	result := Result{State: state}
	s, err := look(host, want, state)
	if err != nil {
		return result, failure(want, err)
	}
	state = remember(want, s.wanted, s.have, state) // nothing new, if the caller did as told
	result.State = state
	steps := diff(want.Interface, s.wanted, s.have, state)
	if len(steps) > 0 {
		if result.Steps, err = do(ctx, host, want.Ifindex, steps); err != nil {
			return result, failure(want, orGone(host.Links, want.Ifindex, err))
		}
		if s, err = look(host, want, state); err != nil {
			return result, failure(want, err)
		}
		state = shown(state, result.Steps, s.have)
		result.State = state
	}
	if err := unmet(want.Interface, s, state); err != nil {
		return result, failure(want, err)
	}
	result.State = settled(state, s.wanted, s.have)
	return result, nil
}

func failure(want Link, err error) error {
	return fmt.Errorf("set up the link %s (ifindex %d): %w", want.Interface, want.Ifindex, err)
}

// look reads the link, and of its offloads and settings those that are wanted or remembered.
func look(host Host, want Link, state State) (scene, error) {
	link, err := findLink(host.Links, want.Ifindex, want.Interface)
	if err != nil {
		return scene{}, err
	}
	s := scene{have: linkValues(link)}
	if len(want.Offload) > 0 || remembers(state, keyOffload) {
		if s.features, err = host.Offloads.Features(want.Ifindex); err != nil {
			return scene{}, orGone(host.Links, want.Ifindex, err)
		}
		for name, f := range s.features {
			s.have[keyOffload+name] = onOff(f.Wanted)
		}
	}
	if s.wanted, err = want.values(s.features); err != nil {
		return scene{}, err
	}
	err = readSettings(host, want.Interface, s.wanted, state, s.have)
	return s, orGone(host.Links, want.Ifindex, err)
}

func linkValues(l rtnl.Link) values {
	return values{
		keyMTU: strconv.Itoa(l.MTU), keyTxQLen: strconv.Itoa(l.TxQLen), keyGroup: strconv.FormatUint(uint64(l.Group), 10), keyAlias: l.Alias,
	}
}

func remembers(state State, prefix string) bool {
	for key := range state.Values {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// readSettings reads those that are wanted or remembered. Of the latter some may not be there any more: with an MTU below 1280 a
// link has none of IPv6.
func readSettings(host Host, iface string, wanted values, state State, have values) error {
	for _, key := range ordered(keys(wanted), keys(state.Values)) {
		short, ok := strings.CutPrefix(key, keySysctl)
		if !ok {
			continue
		}
		name, err := SettingName(iface, short)
		if err != nil {
			return err
		}
		value, err := host.Settings.Get(name)
		if err == nil {
			have[key] = value
		} else if _, isWanted := wanted[key]; isWanted || !errors.Is(err, sysctl.ErrNotFound) {
			return err
		}
	}
	return nil
}

// diff lists what there is to do, offloads together.
func diff(dev string, wanted, have values, state State) []Step {
	var steps []Step
	for _, key := range ordered(keys(wanted), keys(state.Values)) {
		target, ok := wanted[key]
		now, there := have[key]
		c := state.Values[key]
		if !ok {
			if !there || !c.ours(key, now) {
				continue
			}
			target = c.Was
		}
		if there && c.is(key, target, now) {
			continue
		}
		s := Step{dev: dev, key: key, value: target}
		if n := len(steps); n > 0 && strings.HasPrefix(key, keyOffload) && strings.HasPrefix(steps[n-1].key, keyOffload) {
			steps[n-1].more = append(steps[n-1].more, s)
			continue
		}
		steps = append(steps, s)
	}
	return steps
}

// shown notes what the kernel has made of settings that have just been set.
func shown(state State, done []Step, have values) State {
	state.Values = maps.Clone(state.Values)
	for _, step := range done {
		c, ok := state.Values[step.key]
		if now := have[step.key]; ok && strings.HasPrefix(step.key, keySysctl) && c.Set == step.value {
			c.Shown = &now
			state.Values[step.key] = c
		}
	}
	return state
}

// unmet says what is still not as wanted. An offload may have been asked for and not be active, for want of another.
func unmet(dev string, s scene, state State) error {
	var errs []error
	for _, step := range diff(dev, s.wanted, s.have, state) {
		errs = append(errs, fmt.Errorf("%w: still to be done: %v", ErrUnmet, step))
	}
	for _, key := range ordered(keys(s.wanted)) {
		name, ok := strings.CutPrefix(key, keyOffload)
		if active := onOff(s.features[name].Active); ok && len(errs) == 0 && active != s.wanted[key] {
			errs = append(errs, fmt.Errorf("%w: offload %s stays %s, wanted %s: it depends on others", ErrUnmet, name, active, s.wanted[key]))
		}
	}
	return errors.Join(errs...)
}

// do carries steps out and returns those that are done.
func do(ctx context.Context, host Host, index int, steps []Step) ([]Step, error) {
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return steps[:i], err
		}
		if err := s.send(host, index); err != nil {
			return steps[:i], err
		}
	}
	return steps, nil
}

// orGone tells a refusal from its cause, where that is that the vif has gone.
func orGone(links Links, index int, err error) error {
	if err == nil || errors.Is(err, ErrGone) {
		return err
	}
	if _, lookup := links.LinkByIndex(index); errors.Is(lookup, rtnl.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}
