package firewall

import (
	"bytes"
	"slices"

	"github.com/google/nftables"

	"vifd/internal/stmt"
)

// setElements encodes the values of an anonymous set; interval reports whether any of them is a range.
func setElements(f *stmt.Field, values []stmt.Elem) (elems []nftables.SetElement, interval bool) {
	interval = slices.ContainsFunc(values, func(e stmt.Elem) bool { return !e.Single() })
	if !interval {
		for _, e := range values {
			elems = append(elems, nftables.SetElement{Key: shift(f, e.Lo)})
		}
		return elems, false
	}
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, func(a, b stmt.Elem) int { return bytes.Compare(a.Lo, b.Lo) })
	if slices.ContainsFunc(sorted[0].Lo, func(c byte) bool { return c != 0 }) {
		// nft closes the space before the first range, and lists a set that lacks this badly.
		elems = append(elems, nftables.SetElement{Key: make([]byte, span(f)), IntervalEnd: true})
	}
	for _, e := range sorted {
		elems = append(elems, nftables.SetElement{Key: shift(f, e.Lo)})
		if end, ok := successor(shift(f, e.Hi)); ok {
			elems = append(elems, nftables.SetElement{Key: end, IntervalEnd: true})
		}
	}
	return elems, true
}

// successor is the number after v; false where v is the last one.
func successor(v []byte) ([]byte, bool) {
	next := bytes.Clone(v)
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return next, true
		}
	}
	return nil, false
}
