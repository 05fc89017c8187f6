package main

import (
	"fmt"
	"net/netip"

	"vifd/actions/nat"
	"vifd/rules"
)

// maxDerived bounds the interfaces whose addresses are derived to find two with the same: twice as many as Xen has domains.
const maxDerived = 1 << 16

// derivedTwice finds rules that say themselves for which domains they are, and these have one derived address among them. Where
// guests gives addresses nobody can tell who gets a derived one, and nothing is said.
func derivedTwice(set *rules.Set) []rules.Problem {
	for i := range set.Guests {
		if len(set.Guests[i].IP) > 0 {
			return nil
		}
	}
	ids := map[netip.Prefix][]nat.ID{}
	asks := map[netip.Prefix]map[nat.ID]int{} // the first rule for it
	left := maxDerived
	for i := range set.Rules {
		r := &set.Rules[i]
		for _, subnet := range subnetsOf(set, r) {
			for _, id := range idsOf(&r.Match, &left) {
				if _, known := asks[subnet][id]; known {
					continue
				}
				if asks[subnet] == nil {
					asks[subnet] = map[nat.ID]int{}
				}
				asks[subnet][id] = i
				ids[subnet] = append(ids[subnet], id)
			}
		}
	}
	var found []rules.Problem
	for subnet, list := range ids {
		said := map[int]bool{}
		collisions, err := nat.Collide(subnet, list)
		if err != nil {
			continue // what is wrong with the subnet has been said
		}
		for _, c := range collisions {
			first, second := asks[subnet][c.IDs[0]], asks[subnet][c.IDs[1]]
			if late := max(first, second); !said[late] {
				said[late] = true
				found = append(found, rules.Problem{
					Pos: set.Rules[late].Action.Pos, Severity: rules.Warning, Code: rules.CodeDerivedTwice, Msg: c.Error(),
					Hint: fmt.Sprintf("rule %q is for both, or for one of them", set.Rules[late].Name),
				})
			}
		}
	}
	return found
}

// subnetsOf are the subnets out of which a rule's guests get addresses.
func subnetsOf(set *rules.Set, r *rules.Rule) []netip.Prefix {
	if r.Action.Kind != rules.NAT || len(r.Guest.IP) > 0 {
		return nil
	}
	if name, ok := r.Action.NAT.Network.Literal(); ok && name != "" {
		return set.Networks[name].NAT.Subnet
	}
	return r.Action.NAT.Subnet
}

// idsOf are the interfaces that a match names by their domids, and by their vifids; of a domain of whose interfaces it says nothing
// the first.
func idsOf(m *rules.Match, left *int) []nat.ID {
	var ids []nat.ID
	for _, domids := range rangesOf(m, "domid", nil) {
		for _, vifids := range rangesOf(m, "vifid", [][2]int64{{0, 0}}) {
			count := (domids[1] - domids[0] + 1) * (vifids[1] - vifids[0] + 1)
			if count > int64(*left) {
				return nil
			}
			*left -= int(count)
			for d := domids[0]; d <= domids[1]; d++ {
				for v := vifids[0]; v <= vifids[1]; v++ {
					ids = append(ids, nat.ID{Domid: int(d), Vifid: int(v)})
				}
			}
		}
	}
	return ids
}

func rangesOf(m *rules.Match, key string, otherwise [][2]int64) [][2]int64 {
	var list [][2]int64
	for i := range m.Terms {
		if m.Terms[i].Key != key {
			continue
		}
		for j := range m.Terms[i].Patterns {
			if lo, hi, ok := m.Terms[i].Patterns[j].Numbers(); ok {
				list = append(list, [2]int64{lo, hi})
			}
		}
		return list
	}
	return otherwise
}
