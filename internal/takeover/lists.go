package takeover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/rtnl"
)

// rounds is how often routes and rules are compared and written until they agree: adding, taking away and turning make three, and a route
// may lean on one that is new itself.
const rounds = 8

// moveNeighbours adds the entries and takes the old ones away.
func (s side) moveNeighbours(ctx context.Context) error {
	have, err := s.k.kept(ctx, s.to.Index, s.from.Index)
	if err != nil {
		return err
	}
	missing, stale := s.neighbours(have)
	for _, n := range missing {
		if err := s.k.send(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, n.bytes(), fmt.Sprintf("ip neigh replace %v dev %s", n, s.to.Name)); err != nil {
			return err
		}
	}
	for _, n := range stale {
		err := s.k.send(unix.RTM_DELNEIGH, 0, n.bytes(), fmt.Sprintf("ip neigh del %v dev %s", n, s.from.Name))
		if err != nil && !errors.Is(err, rtnl.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (s side) neighbours(have []neighbour) (missing, stale []neighbour) {
	wanted, exists := make(map[string]bool), make(map[string]bool)
	for _, n := range have {
		exists[n.ident()] = true
	}
	for _, n := range s.want.neighbours {
		wanted[n.ident()] = true
		if n.link() == s.to.Index && !exists[n.ident()] {
			missing = append(missing, n)
		}
	}
	for _, n := range have {
		if n.link() == s.from.Index && !wanted[n.ident()] && wanted[n.on(s.to.Index).ident()] {
			stale = append(stale, n)
		}
	}
	return missing, stale
}

// ruleChanges compares the policy rules.
func (s side) ruleChanges(ctx context.Context) ([]change[rule], error) {
	have, err := s.k.rules(ctx)
	if err != nil {
		return nil, err
	}
	wanted := idents(s.want.rules)
	return arrange(s.want.rules, have,
		func(r rule) bool { return s.all || r.names(s.to.Name) },
		func(r rule) bool { return r.names(s.from.Name) && wanted[r.on(s.from.Name, s.to.Name).ident()] }), nil
}

func (s side) moveRules(ctx context.Context) error {
	return settle(ctx, s.ruleChanges, func(c change[rule]) error {
		payload := c.item.clean().bytes()
		if c.remove {
			return s.k.send(unix.RTM_DELRULE, 0, payload, fmt.Sprintf("ip rule del %v", c.item))
		}
		return s.k.send(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, payload, fmt.Sprintf("ip rule add %v", c.item))
	})
}

// routeChanges compares the routes. Those that the kernel made for an address are only looked at once the old addresses have
// gone, and they with them: all but the prefix of an address that ends by itself (ipv6_del_addr, net/ipv6/addrconf.c).
func (s side) routeChanges(kernels bool) func(ctx context.Context) ([]change[route], error) {
	wanted := idents(s.want.routes)
	return func(ctx context.Context) ([]change[route], error) {
		have, err := s.k.routes(ctx)
		if err != nil {
			return nil, err
		}
		have = slices.DeleteFunc(have, func(r route) bool { return r.left() })
		changes := arrange(s.want.routes, have,
			func(r route) bool { return (s.all || r.uses(s.to.Index)) && (kernels || !r.kernel()) },
			func(r route) bool {
				switch {
				case r.kernel() && !kernels:
					return false
				case r.kernel() && r.uses(s.to.Index):
					return s.madeFor(r) // and somebody had taken away
				}
				return s.from.Index != 0 && r.uses(s.from.Index) && wanted[r.on(s.from.Index, s.to.Index).ident()]
			})
		exists := idents(have)
		changes = slices.DeleteFunc(changes, func(c change[route]) bool { // their order cannot be changed by us
			return c.item.byWorker() && wanted[c.item.ident()] && exists[c.item.ident()]
		})
		byNeed(changes)
		return changes, nil
	}
}

// madeFor reports a route that the kernel made for one of the addresses.
func (s side) madeFor(r route) bool {
	src, _ := netip.AddrFromSlice(r.get(unix.RTA_PREFSRC))
	dst, _ := netip.AddrFromSlice(r.get(unix.RTA_DST))
	return slices.ContainsFunc(s.want.addresses, func(a address) bool {
		p := a.prefix()
		if r.family() == unix.AF_INET {
			return src == p.Addr()
		}
		return dst == p.Addr() || dst == p.Masked().Addr()
	})
}

func (s side) moveRoutes(ctx context.Context, kernels bool) error {
	return settle(ctx, s.routeChanges(kernels), func(c change[route]) error {
		what := c.item.describe(s.name)
		if c.remove {
			c.item.expires = 0
			return s.k.send(unix.RTM_DELROUTE, 0, c.item.message(), "ip route del "+what)
		}
		if c.item.byWorker() {
			return fmt.Errorf("ip route append %s: %w", what, errLater)
		}
		return s.k.send(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, c.item.message(), "ip route append "+what)
	})
}

// name names a link in a command.
func (s side) name(index int) string {
	for _, l := range []Link{s.to, s.from} {
		if l.Index == index {
			return l.Name
		}
	}
	if l, err := s.k.links.LinkByIndex(index); err == nil {
		return l.Name
	}
	return fmt.Sprintf("if%d", index)
}

func idents[T listed](items []T) map[string]bool {
	ids := make(map[string]bool)
	for _, item := range items {
		ids[item.ident()] = true
	}
	return ids
}

// errLater says that the kernel will do it by itself.
var errLater = errors.New("the kernel has not yet made it")

// laterPatience is how long the kernel's workers may take: they wait for a lock, at most.
const laterPatience = 3 * time.Second

// settle writes what differs, and compares again, until nothing does. What is refused may be possible once the rest is done; if
// nothing was, the refusals are the error.
func settle[T listed](ctx context.Context, diff func(context.Context) ([]change[T], error), write func(change[T]) error) error {
	refused := errors.New("it never was as wanted")
	for round, deadline := 0, time.Now().Add(laterPatience); round < rounds; {
		changes, err := diff(ctx)
		if err != nil || len(changes) == 0 {
			return err
		}
		var refusals error
		done, later := false, false
		for _, c := range changes {
			err := write(c)
			later = later || errors.Is(err, errLater)
			done = done || err == nil
			refusals = errors.Join(refusals, err)
		}
		if later && !done && time.Now().Before(deadline) {
			if err := pause(ctx, pollEvery); err != nil {
				return err
			}
			continue
		}
		if !done {
			return refusals
		}
		if refusals != nil {
			refused = refusals
		}
		round++
	}
	return refused
}
