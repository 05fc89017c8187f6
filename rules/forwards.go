package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// maxCompared bounds the pairs of forwards of one port that are looked at: so many that share one, for as many sources, nobody has.
const maxCompared = 2_000_000

// checkForwards reports forwards that have a packet in common, of whichever rules: a forward without address is for all of the
// host's, whatever the uplink. One that facts decide is held against those of its own rule alone: what it is for guests of several rules
// shows when they are there, and then the second is refused.
func (b *builder) checkForwards(rep *Report) {
	var all []*Forward // in the order of the files
	for i := range b.set.Rules {
		own := forwardsOf(&b.set.Rules[i])
		if b.set.Rules[i].Late("nat.forward") {
			checkShared(rep, own)
		}
		all = append(all, slices.DeleteFunc(own, func(f *Forward) bool { return f.Late })...)
	}
	checkShared(rep, all)
}

func forwardsOf(r *Rule) []*Forward {
	list := r.Action.NAT.Forward
	all := make([]*Forward, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}

// checkShared reports forwards that have a packet in common with one before them.
func checkShared(rep *Report, all []*Forward) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(all[i].Proto, all[j].Proto), cmp.Compare(all[i].First, all[j].First))
	})
	var open []int // forwards that end at the current port or behind it
	reported := map[int]bool{}
	compared := 0
	for _, i := range order {
		f := all[i]
		open = slices.DeleteFunc(open, func(j int) bool { return all[j].Proto != f.Proto || all[j].Last < f.First })
		for _, j := range open {
			first, second := min(i, j), max(i, j)
			compared += 1 + len(all[i].From)*len(all[j].From)
			if compared > maxCompared || rep.full {
				return
			}
			if !reported[second] && all[first].shares(all[second]) {
				reported[second] = true
				msg := fmt.Sprintf("%s is forwarded already", all[second])
				if all[first].Late || all[second].Late {
					msg = "with its defaults: " + msg
				}
				rep.add(Problem{
					Pos: all[second].Pos, Code: codeForwarded, Msg: msg,
					Hint: "choose another port, or another address of the host's", Related: &Related{Pos: all[first].Pos, Msg: fmt.Sprintf("%s is forwarded here", all[first])},
				})
			}
		}
		open = append(open, i)
	}
}

// shares reports whether two forwards that have a port in common have a packet in common.
func (f *Forward) shares(g *Forward) bool {
	if f.Address.IsValid() && g.Address.IsValid() && f.Address != g.Address {
		return false
	}
	return sourcesOverlap(f.From, g.From) && familiesOverlap(f, g) && familiesOverlap(g, f)
}

func sourcesOverlap(a, b []netip.Prefix) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

// familiesOverlap reports whether anybody whom g is open to can send to f's address.
func familiesOverlap(f, g *Forward) bool {
	return !f.Address.IsValid() || len(g.From) == 0 || slices.ContainsFunc(g.From, func(p netip.Prefix) bool { return p.Addr().Is4() == f.Address.Is4() })
}

// String is the forward for messages: tcp 8080-8089 of 192.0.2.1.
func (f *Forward) String() string {
	s := f.Proto + " " + strconv.Itoa(int(f.First))
	if f.Last > f.First {
		s += "-" + strconv.Itoa(int(f.Last))
	}
	if f.Address.IsValid() {
		s += " of " + f.Address.String()
	}
	return s
}
