package nat

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// book keeps whose the tables' elements are. It is changed only after the kernel has been.
type book struct {
	guests map[string][]element // by interface, sorted; those under "" are nobody's
	users  map[element]int      // how many interfaces have it
	ports  map[port][]element   // forwards of a port
}

// port is one that can be forwarded, of whatever address.
type port struct {
	family family
	proto  Protocol
	number uint16
}

func (e element) key() port {
	c := e.common.Value()
	return port{c.family, c.proto, e.port}
}

func newBook() *book {
	return &book{guests: make(map[string][]element), users: make(map[element]int), ports: make(map[port][]element)}
}

// changes are what guests are to have, by interface; nil: nothing.
type changes map[string][]element

// plan tells which elements are to be added and deleted, sorted, or which forwards of theirs overlap.
func (b *book) plan(c changes) (add, del []element, err error) {
	delta := make(map[element]int)
	for iface, want := range c {
		for _, e := range b.guests[iface] {
			delta[e]--
		}
		for _, e := range want {
			delta[e]++
		}
	}
	for e, n := range delta {
		switch before := b.users[e]; {
		case before == 0 && n > 0:
			add = append(add, e)
		case before > 0 && before+n == 0:
			del = append(del, e)
		}
	}
	slices.SortFunc(add, element.compare)
	slices.SortFunc(del, element.compare)
	gone := make(map[element]bool, len(del))
	for _, e := range del {
		gone[e] = true
	}
	fresh := make(map[port][]element)
	for _, e := range add {
		if e.in().shape.kind != forwards {
			continue
		}
		for _, others := range [][]element{b.ports[e.key()], fresh[e.key()]} {
			for _, other := range others {
				if !gone[other] && e.overlaps(other) {
					return nil, nil, fmt.Errorf("forward %s: %w to %s", e.text(), ErrOverlap, other.text())
				}
			}
		}
		fresh[e.key()] = append(fresh[e.key()], e)
	}
	return add, del, nil
}

// overlaps reports whether a packet to the port that both have can be led by either.
func (e element) overlaps(f element) bool {
	c, d := e.common.Value(), f.common.Value()
	return (!c.host.IsValid() || !d.host.IsValid() || c.host == d.host) &&
		(!c.addr.IsValid() || !d.addr.IsValid() || c.prefix().Overlaps(d.prefix()))
}

// apply enters what has been done.
func (b *book) apply(c changes) {
	for iface, want := range c {
		for _, e := range b.guests[iface] {
			if b.users[e]--; b.users[e] == 0 {
				delete(b.users, e)
				b.forget(e)
			}
		}
		for _, e := range want {
			if b.users[e]++; b.users[e] == 1 && e.in().shape.kind == forwards {
				b.ports[e.key()] = append(b.ports[e.key()], e)
			}
		}
		if want == nil {
			delete(b.guests, iface)
		} else {
			b.guests[iface] = want
		}
	}
}

func (b *book) forget(e element) {
	if e.in().shape.kind != forwards {
		return
	}
	left := slices.DeleteFunc(b.ports[e.key()], func(f element) bool { return f == e })
	if b.ports[e.key()] = left; len(left) == 0 {
		delete(b.ports, e.key())
	}
}

// all are the elements there are, in no order.
func (b *book) all() []element { return slices.Collect(maps.Keys(b.users)) }

// attribute makes a book of the elements that the kernel listed: a guest's are those of its prefixes, of which the longest counts.
func attribute(elems []element) *book {
	owners := make(map[netip.Prefix][]string)
	var plens [families][]int // longest first
	for i := range elems {
		e := elems[i].common.Value()
		if e.shape.kind != guests {
			continue
		}
		owners[e.prefix()] = append(owners[e.prefix()], e.iface)
		if !slices.Contains(plens[e.family], e.shape.plen) {
			plens[e.family] = append(plens[e.family], e.shape.plen)
		}
	}
	for fam := range plens {
		slices.Sort(plens[fam])
		slices.Reverse(plens[fam])
	}
	c := make(changes)
	for i := range elems {
		e := elems[i].common.Value()
		names := []string{""}
		switch e.shape.kind {
		case guests:
			names = []string{e.iface}
		case uplinks:
			names = orNobody(owners[e.prefix()])
		case forwards:
			for _, n := range plens[e.family] {
				p, _ := e.to.Prefix(n) // a length of its family
				if o := owners[p]; o != nil {
					names = o
					break
				}
			}
		}
		for _, name := range names {
			c[name] = append(c[name], elems[i])
		}
	}
	for _, list := range c {
		slices.SortFunc(list, element.compare)
	}
	b := newBook()
	b.apply(c)
	return b
}

func orNobody(names []string) []string {
	if names == nil {
		return []string{""}
	}
	return names
}
