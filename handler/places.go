package handler

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"vifd/internal/rtnl"
	"vifd/internal/vif"
)

// places tells which interfaces have an address that is routed to them. An address leads to one guest; were two to have it, the one that comes
// last would get the other's packets.
type places struct {
	mu    sync.Mutex
	users map[netip.Prefix]map[int]string // the interface's name by ifindex
	has   map[int][]netip.Prefix          // by ifindex
}

func newPlaces() *places {
	return &places{users: make(map[netip.Prefix]map[int]string), has: make(map[int][]netip.Prefix)}
}

// take gives an interface its addresses, and no others any more; an error says that another guest has one of them. An emulated interface
// and the paravirtual one that takes its place are one guest's.
func (p *places) take(ifindex int, name string, addresses []netip.Prefix) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(ifindex)
	for _, a := range addresses {
		for _, other := range p.users[a] {
			if !sameGuest(name, other) {
				return fmt.Errorf("%s is %s's already: give one of the two another address (guest: {ip: …}), or the network a larger subnet", brief(a), other)
			}
		}
	}
	for _, a := range addresses {
		if p.users[a] == nil {
			p.users[a] = make(map[int]string)
		}
		p.users[a][ifindex] = name
	}
	p.has[ifindex] = slices.Clone(addresses)
	return nil
}

// drop takes all addresses from an interface.
func (p *places) drop(ifindex int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(ifindex)
}

func (p *places) leave(ifindex int) {
	for _, a := range p.has[ifindex] {
		if delete(p.users[a], ifindex); len(p.users[a]) == 0 {
			delete(p.users, a)
		}
	}
	delete(p.has, ifindex)
}

// place gives a vif that is routed its addresses, or blocks it where another has them: that one may be on its way out.
func (r *Ruleset) place(p *places, l *rtnl.Link, plan *Plan) {
	if plan.Route == nil {
		p.drop(l.Index)
		return
	}
	if err := p.take(l.Index, l.Name, plan.Route.Guest); err != nil {
		plan.Route, plan.NAT, plan.Told, plan.Rate, plan.Link, plan.Retry = nil, nil, Told{}, nil, nil, true
		r.block(plan, l, StateBlocked, err.Error())
	}
}

// brief is an address without the length that all have.
func brief(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func sameGuest(a, b string) bool {
	if a == b {
		return true
	}
	one, ok := vif.ParseXenName(a)
	other, both := vif.ParseXenName(b)
	return ok && both && one.Domid == other.Domid && one.Vifid == other.Vifid
}
