package matcher

import (
	"maps"
	"net/netip"
	"slices"

	"vifd/rules"
)

// networks finds, of many prefixes, those that an address or a prefix lies within: one look for each length that there is.
type networks struct {
	nets   map[netip.Prefix]span
	v4, v6 []int // lengths
}

func newNetworks(of map[netip.Prefix][]uint32, flat *flattener) networks {
	n := networks{nets: make(map[netip.Prefix]span, len(of))}
	v4, v6 := map[int]bool{}, map[int]bool{}
	for p, ids := range of {
		n.nets[p] = flat.add(ids)
		if p.Addr().Is4() {
			v4[p.Bits()] = true
		} else {
			v6[p.Bits()] = true
		}
	}
	n.v4, n.v6 = slices.Sorted(maps.Keys(v4)), slices.Sorted(maps.Keys(v6))
	return n
}

// find queues the prefixes that a lies within.
func (n *networks) find(a rules.Address, q *queue) {
	lengths := n.v4
	if !a.Net.Addr().Is4() {
		lengths = n.v6
	}
	for _, bits := range lengths {
		if bits > a.Net.Bits() {
			return
		}
		q.push(n.nets[netip.PrefixFrom(a.Net.Addr(), bits).Masked()], false)
	}
}
