package takeover

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// differences says what is not as it is wanted, in words.
func (s side) differences(ctx context.Context) ([]string, error) {
	all, err := s.k.addresses(ctx)
	if err != nil {
		return nil, err
	}
	now, err := bootTime()
	if err != nil {
		return nil, err
	}
	var diffs []string
	for _, family := range families() {
		present := s.present(all, family)
		want := slices.DeleteFunc(s.wanted(family), func(a address) bool {
			_, lasts := a.after(now - s.snap.Taken) // one that has been renewed is present
			return !lasts && !slices.ContainsFunc(present, func(h address) bool { return h.id() == a.id() })
		})
		remove, add := order(family, present, want)
		for _, a := range remove {
			diffs = append(diffs, fmt.Sprintf("address %v of %s is not as it should be, or not in its place", a, s.to.Name))
		}
		for _, a := range add {
			if len(remove) == 0 {
				diffs = append(diffs, fmt.Sprintf("%s lacks address %v", s.to.Name, a))
			}
		}
	}
	if s.from.Index != 0 {
		old, err := s.old(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range old {
			diffs = append(diffs, fmt.Sprintf("%s still has address %v", s.from.Name, a))
		}
	}
	routes, err := s.routeChanges(true)(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range routes {
		diffs = append(diffs, verb(c.remove)+"route "+c.item.describe(s.name))
	}
	rules, err := s.ruleChanges(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range rules {
		diffs = append(diffs, verb(c.remove)+"rule "+c.item.String())
	}
	have, err := s.k.kept(ctx, s.to.Index, s.from.Index)
	if err != nil {
		return nil, err
	}
	missing, stale := s.neighbours(have)
	for _, n := range missing {
		diffs = append(diffs, "missing: neighbour "+n.String())
	}
	for _, n := range stale {
		diffs = append(diffs, "left over: neighbour "+n.String())
	}
	return diffs, nil
}

func verb(remove bool) string {
	if remove {
		return "left over or out of place: "
	}
	return "missing: "
}

// errDiffers joins differences to an error, nil where there are none.
func errDiffers(diffs []string) error {
	if len(diffs) == 0 {
		return nil
	}
	return fmt.Errorf("not as wanted: %s", strings.Join(diffs, "; "))
}
