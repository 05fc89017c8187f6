package link

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
)

// Undo gives back what was there before Apply, and returns what it has done. It is for a vif that stays while another rule decides about it, or
// whose Apply failed or was killed half-way; of one that has gone there is nothing to give back. It may be repeated. What is not
// any more what vifd has set stays as it is, whatever the vif is called by now.
func Undo(ctx context.Context, host Host, state State) ([]Step, error) {
	steps, err := undo(ctx, host, state)
	if err != nil {
		return steps, fmt.Errorf("give back the link %s (ifindex %d): %w", state.Interface, state.Ifindex, err)
	}
	return steps, nil
}

func undo(ctx context.Context, host Host, state State) ([]Step, error) {
	link, err := host.Links.LinkByIndex(state.Ifindex)
	if errors.Is(err, rtnl.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	none := Link{Ifindex: state.Ifindex, Interface: link.Name}
	s, err := look(host, none, state)
	if err != nil {
		return nil, unlessGone(err)
	}
	var done []Step
	for _, step := range diff(link.Name, s.wanted, s.have, state) {
		one, err := do(ctx, host, state.Ifindex, []Step{step})
		done = append(done, one...)
		if errors.Is(err, sysctl.ErrNotFound) && !errors.Is(err, ErrRenamed) {
			continue // it went with what was given back before
		}
		if err != nil {
			return done, unlessGone(orGone(host.Links, state.Ifindex, err))
		}
	}
	return done, nil
}

func unlessGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}
