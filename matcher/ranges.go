package matcher

import (
	"slices"

	"vifd/rules"
)

// ranges finds, of many ranges of numbers, those that hold a number: a segment tree. The numbers at which a range begins or has
// ended cut all numbers into segments; a range is noted at the few nodes that cover its segments and nothing else, so that n ranges
// take n log n entries however they lie, and a number is in those that are noted on the way from its segment to the root.
type ranges struct {
	bounds []int64 // sorted: segment i is what is below bounds[i] and not below the one before
	nodes  []span  // of node i the parent is i/2; the segments are the upper half
}

// rangeEntry is an item that is found by the numbers from lo to hi.
type rangeEntry struct {
	lo, hi int64
	id     uint32
}

func newRanges(entries []rangeEntry, flat *flattener) ranges {
	var r ranges
	if len(entries) == 0 {
		return r
	}
	for _, e := range entries {
		r.bounds = append(r.bounds, e.lo, e.hi+1)
	}
	slices.Sort(r.bounds)
	r.bounds = slices.Compact(r.bounds)
	segments := len(r.bounds) + 1
	noted := make([][]uint32, 2*segments)
	for _, e := range entries {
		from, to := r.segment(e.lo)+segments, r.segment(e.hi)+1+segments
		for ; from < to; from, to = from/2, to/2 {
			if from%2 == 1 {
				noted[from] = append(noted[from], e.id)
				from++
			}
			if to%2 == 1 {
				to--
				noted[to] = append(noted[to], e.id)
			}
		}
	}
	r.nodes = make([]span, len(noted))
	for i, ids := range noted {
		r.nodes[i] = flat.add(ids)
	}
	return r
}

// segment is the number of the segment that n is in.
func (r *ranges) segment(n int64) int {
	i, found := slices.BinarySearch(r.bounds, n)
	if found {
		i++
	}
	return i
}

// find queues the ranges that hold value.
func (r *ranges) find(value string, q *queue) {
	if len(r.nodes) == 0 {
		return
	}
	n, ok := rules.NumberFact(value)
	if !ok {
		return
	}
	for i := r.segment(n) + len(r.nodes)/2; i > 0; i /= 2 {
		if s := r.nodes[i]; !s.empty() { // as most are, and a call costs more than this
			q.push(s, false)
		}
	}
}
