package handler

import (
	"cmp"
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
	users map[netip.Prefix]map[int]holder // by ifindex
	has   map[int][]netip.Prefix          // by ifindex
}

// holder is an interface that an address is routed to.
type holder struct {
	name string
	seat string // the guest's; an emulated interface and the paravirtual one that takes its place have one seat
}

// place is what is routed to one interface, for processes that come later and see no other way.
type place struct {
	Seat     string         `json:"seat"`
	Prefixes []netip.Prefix `json:"prefixes"`
}

func newPlaces() *places {
	return &places{users: make(map[netip.Prefix]map[int]holder), has: make(map[int][]netip.Prefix)}
}

// take gives an interface its addresses, and no others any more; an error says that another guest has one of them.
func (p *places) take(ifindex int, who holder, addresses []netip.Prefix) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(ifindex)
	for _, a := range addresses {
		for _, other := range p.users[a] {
			if who.seat != other.seat {
				return fmt.Errorf("%s is %s's already: give one of the two another address (guest: {ip: …}), or the network a larger subnet", brief(a), other.name)
			}
		}
	}
	for _, a := range addresses {
		if p.users[a] == nil {
			p.users[a] = make(map[int]holder)
		}
		p.users[a][ifindex] = who
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
	plan.seat = cmp.Or(plan.seat, seatOf(l.Name))
	if err := p.take(l.Index, holder{l.Name, plan.seat}, plan.Route.Guest); err != nil {
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

// seatOf is the seat of an interface about which its name says all there is to know.
func seatOf(name string) string {
	if xen, ok := vif.ParseXenName(name); ok {
		return seat(xen.Domid, xen.Vifid)
	}
	return name
}

// seat is the seat of a domain's vif.
func seat(domid, vifid int) string { return fmt.Sprintf("%d.%d", domid, vifid) }
