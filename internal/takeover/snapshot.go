package takeover

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// dadPatience is how long an address is waited for that the kernel still looks for in duplicate (RFC 4862, 5.4: a second or two).
const dadPatience = 6 * time.Second

// Snapshot is what there was before the first change. Its messages are the kernel's own.
type Snapshot struct {
	Time       time.Time         `json:"time"`
	Taken      time.Duration     `json:"taken"` // CLOCK_BOOTTIME, from which lifetimes count
	Uplink     Link              `json:"uplink"`
	Bridge     *Link             `json:"bridge,omitempty"` // nil: there was none
	Addresses  [][]byte          `json:"addresses"`        // RTM_NEWADDR, of both links
	Routes     [][]byte          `json:"routes"`           // RTM_NEWROUTE, by one of the links, and those of the same destination
	Rules      [][]byte          `json:"rules"`            // RTM_NEWRULE, about the uplink, and those of the same priority
	Neighbours [][]byte          `json:"neighbours"`       // RTM_NEWNEIGH, of both links, made by people
	Gateways   []string          `json:"gateways"`         // that answered
	Sysctls    map[string]string `json:"sysctls,omitempty"`
}

// view is a snapshot, or what is, taken apart.
type view struct {
	addresses  []address
	routes     []route
	rules      []rule
	neighbours []neighbour
}

// read reads all of a host that is concerned. bridge is 0 where there is none.
func (k *kernel) read(ctx context.Context, uplink Link, bridge int) (view, error) {
	var v view
	all, err := k.addresses(ctx)
	if err != nil {
		return v, err
	}
	for _, a := range all {
		if a.link() == uplink.Index || bridge != 0 && a.link() == bridge {
			v.addresses = append(v.addresses, a)
		}
	}
	if v.routes, err = k.routes(ctx); err != nil {
		return v, err
	}
	v.routes = related(v.routes, func(r route) bool { return !r.left() && (r.uses(uplink.Index) || bridge != 0 && r.uses(bridge)) })
	if v.rules, err = k.rules(ctx); err != nil {
		return v, err
	}
	if v.neighbours, err = k.kept(ctx, uplink.Index, bridge); err != nil {
		return v, err
	}
	return v, nil
}

// related picks the items that are concerned and those that the kernel keeps in one list with them.
func related[T listed](all []T, concerned func(T) bool) []T {
	keys := make(map[string]bool)
	for _, item := range all {
		if concerned(item) {
			keys[item.key()] = true
		}
	}
	return slices.DeleteFunc(all, func(item T) bool { return !keys[item.key()] })
}

// snapshot reads the host before the first change.
func (k *kernel) snapshot(ctx context.Context, uplink rtnl.Link, bridge *rtnl.Link) (*Snapshot, view, error) {
	s := &Snapshot{Time: time.Now().UTC().Round(time.Second), Uplink: linkOf(&uplink)}
	index := 0
	if bridge != nil {
		b := linkOf(bridge)
		s.Bridge, index = &b, b.Index
	}
	var v view
	var err error
	for deadline := time.Now().Add(dadPatience); ; {
		if s.Taken, err = bootTime(); err != nil {
			return nil, v, err
		}
		if v, err = k.read(ctx, s.Uplink, index); err != nil {
			return nil, v, err
		}
		tentative := slices.ContainsFunc(v.addresses, func(a address) bool {
			return a.link() == uplink.Index && a.flags()&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == unix.IFA_F_TENTATIVE
		})
		if !tentative || time.Now().After(deadline) {
			break
		}
		if err := pause(ctx, pollEvery); err != nil {
			return nil, v, err
		}
	}
	v.rules = related(v.rules, func(r rule) bool { return r.names(uplink.Name) })
	for _, a := range v.addresses {
		s.Addresses = append(s.Addresses, a.bytes())
	}
	for _, r := range v.routes {
		s.Routes = append(s.Routes, r.message())
	}
	for _, r := range v.rules {
		s.Rules = append(s.Rules, r.clean().bytes())
	}
	for _, n := range v.neighbours {
		s.Neighbours = append(s.Neighbours, n.bytes())
	}
	return s, v, nil
}

// view takes the snapshot apart.
func (s *Snapshot) view() (view, error) {
	var v view
	for _, b := range s.Addresses {
		o, err := parseObject(b, addressHeader)
		if err != nil {
			return v, fmt.Errorf("address in the snapshot: %w", err)
		}
		v.addresses = append(v.addresses, address{o})
	}
	for _, b := range s.Routes {
		r, err := parseRoutes(b)
		if err != nil {
			return v, fmt.Errorf("route in the snapshot: %w", err)
		}
		v.routes = append(v.routes, r...)
	}
	for _, b := range s.Rules {
		o, err := parseObject(b, ruleHeader)
		if err != nil {
			return v, fmt.Errorf("rule in the snapshot: %w", err)
		}
		v.rules = append(v.rules, rule{o})
	}
	for _, b := range s.Neighbours {
		o, err := parseObject(b, neighbourHeader)
		if err != nil {
			return v, fmt.Errorf("neighbour in the snapshot: %w", err)
		}
		v.neighbours = append(v.neighbours, neighbour{o})
	}
	return v, nil
}

// pollEvery is how often the kernel is asked for what it does on its own time.
const pollEvery = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// bootTime is CLOCK_BOOTTIME, which goes on while the host sleeps and which nobody sets.
func bootTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read CLOCK_BOOTTIME: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
