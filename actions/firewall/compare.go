package firewall

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

func (m *match) emit(w *writer) {
	if len(m.fields) > 1 || m.set {
		w.lookup(m)
		return
	}
	f, e := m.fields[0], m.tuples[0][0]
	op := expr.CmpOpEq
	if m.op == stmt.Neq {
		op = expr.CmpOpNeq
	}
	switch {
	case m.op == stmt.Some:
		w.load(1, f)
		bits := encode(f, e.Lo)
		w.and(1, bits)
		w.add(&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, len(bits))})
	case m.mask == nil && e.Prefix > 0 && e.Prefix%8 == 0:
		w.beginning(f, op, e)
	case m.mask == nil && e.Prefix >= 0:
		w.load(1, f)
		w.and(1, mask(e.Prefix, len(e.Lo)))
		w.add(&expr.Cmp{Op: op, Register: 1, Data: e.Lo})
	default:
		w.loadMasked(m)
		w.compare(f, op, e)
	}
}

// beginning compares the first bytes of a field. As nft does it loads no more than those of a packet, and compares no more
// of a name.
func (w *writer) beginning(f *stmt.Field, op expr.CmpOp, e stmt.Elem) {
	n := e.Prefix / 8
	if f.Base == stmt.Meta || f.Base == stmt.Fib {
		w.load(1, f)
	} else {
		w.add(&expr.Payload{DestRegister: 1, Base: bases[f.Base], Offset: uint32(f.Offset / 8), Len: uint32(n)})
	}
	w.add(&expr.Cmp{Op: op, Register: 1, Data: e.Lo[:n]})
}

// loadMasked loads the field of a match, and takes away what is not to be compared.
func (w *writer) loadMasked(m *match) {
	f := m.fields[0]
	w.load(1, f)
	bits := bitMask(f)
	if m.mask != nil {
		bits = encode(f, m.mask)
	}
	if bits != nil {
		w.and(1, bits)
	}
}

func (w *writer) compare(f *stmt.Field, op expr.CmpOp, e stmt.Elem) {
	if e.Single() {
		w.add(&expr.Cmp{Op: op, Register: 1, Data: encode(f, e.Lo)})
		return
	}
	if f.Type.HostOrder {
		w.ordered(1, f.Size())
	}
	lo, hi := shift(f, e.Lo), shift(f, e.Hi)
	if op == expr.CmpOpNeq {
		w.add(&expr.Range{Op: expr.CmpOpNeq, Register: 1, FromData: lo, ToData: hi})
		return
	}
	w.add(&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: lo})
	w.add(&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: hi})
}

// lookup compares with an anonymous set, which it adds to the batch before the rule that uses it.
func (w *writer) lookup(m *match) {
	key, err := keyType(m.fields)
	if err != nil {
		w.b.Fail(fmt.Errorf("%s: %w", w.what, err))
		return
	}
	concat := len(m.fields) > 1
	set := &nftables.Set{Table: w.l.table, KeyType: key, Concatenation: concat}
	set.Interval = slices.ContainsFunc(m.tuples, func(t stmt.Tuple) bool {
		return slices.ContainsFunc(t, func(e stmt.Elem) bool { return !e.Single() })
	})
	elems := singleElements(m.fields[0], m.tuples, set.Interval)
	if concat {
		elems = concatElements(m.fields, m.tuples, set.Interval)
		w.loadKey(m.fields, set.Interval)
	} else {
		w.loadMasked(m)
		if set.Interval && m.fields[0].Type.HostOrder {
			w.ordered(1, m.fields[0].Size())
		}
	}
	if !concat && !set.Interval && (m.fields[0].Type.HostOrder || m.fields[0].Type == stmt.Ifname) {
		set.KeyByteOrder = binaryutil.NativeEndian
	}
	w.b.AddAnonymousSet(set, elems, w.what)
	w.add(&expr.Lookup{SourceRegister: 1, SetID: set.ID, SetName: set.Name, Invert: m.op == stmt.Neq})
}

// loadKey loads the fields of a concatenation side by side.
func (w *writer) loadKey(fields []*stmt.Field, interval bool) {
	offset := 0
	for _, f := range fields {
		w.load(register(offset), f)
		if interval && f.Type.HostOrder {
			w.ordered(register(offset), f.Size())
		}
		offset += padded(f.Size())
	}
}

// concatElements encodes tuples, each value in whole registers.
func concatElements(fields []*stmt.Field, tuples []stmt.Tuple, interval bool) []nftables.SetElement {
	elems := make([]nftables.SetElement, len(tuples))
	for i, t := range tuples {
		var lo, hi []byte
		for j, e := range t {
			value := func(v []byte) []byte {
				if fields[j].Type.HostOrder && !interval {
					v = native(v)
				}
				return append(bytes.Clone(v), make([]byte, padded(len(v))-len(v))...)
			}
			lo, hi = append(lo, value(e.Lo)...), append(hi, value(e.Hi)...)
		}
		elems[i].Key = lo
		if interval {
			elems[i].KeyEnd = hi
		}
	}
	return elems
}

// singleElements encodes the values of a set that is no concatenation.
func singleElements(f *stmt.Field, tuples []stmt.Tuple, interval bool) (elems []nftables.SetElement) {
	if !interval {
		for _, t := range tuples {
			elems = append(elems, nftables.SetElement{Key: encode(f, t[0].Lo)})
		}
		return elems
	}
	sorted := slices.Clone(tuples)
	slices.SortFunc(sorted, func(a, b stmt.Tuple) int { return bytes.Compare(a[0].Lo, b[0].Lo) })
	if slices.ContainsFunc(sorted[0][0].Lo, func(c byte) bool { return c != 0 }) {
		// nft closes the space before the first range, and lists a set that lacks this badly.
		elems = append(elems, nftables.SetElement{Key: make([]byte, len(shift(f, sorted[0][0].Lo))), IntervalEnd: true})
	}
	for _, t := range sorted {
		elems = append(elems, nftables.SetElement{Key: shift(f, t[0].Lo)})
		if end, ok := successor(shift(f, t[0].Hi)); ok {
			elems = append(elems, nftables.SetElement{Key: end, IntervalEnd: true})
		}
	}
	return elems
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
