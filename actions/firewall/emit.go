package firewall

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// writer collects the expressions of one rule.
type writer struct {
	b     *nft.Batch
	l     *layout
	what  string
	exprs []expr.Any
}

func (w *writer) add(e expr.Any) { w.exprs = append(w.exprs, e) }

// emit adds r to b at the end of ch.
func (r *rule) emit(b *nft.Batch, l *layout, ch *nftables.Chain) {
	w := writer{b: b, l: l, what: r.what}
	for _, p := range r.parts {
		p.emit(&w)
	}
	switch v := r.verdict; {
	case v.leave:
		w.add(&expr.Verdict{Kind: expr.VerdictGoto, Chain: v.jump})
	case v.jump != "":
		w.add(&expr.Verdict{Kind: expr.VerdictJump, Chain: v.jump})
	case v.kind == stmt.Rejected:
		w.add(rejectExpr(v.reject))
	case v.kind != stmt.None:
		w.add(&expr.Verdict{Kind: verdictKinds[v.kind]})
	}
	b.AddRule(&nftables.Rule{Table: l.table, Chain: ch, Exprs: w.exprs, UserData: r.userData()}, r.what, r.text)
}

// rejectExpr takes enum nft_reject_types of <linux/netfilter/nf_tables.h>: ICMP unreachable of the packet's family, TCP
// reset, and the kernel's choice of the family.
func rejectExpr(r stmt.Reject) *expr.Reject {
	types := map[stmt.RejectKind]uint32{stmt.RejectICMP: 0, stmt.RejectICMPv6: 0, stmt.RejectTCPReset: 1, stmt.RejectICMPX: 2}
	return &expr.Reject{Type: types[r.Kind], Code: r.Code}
}

// register is where the value at so many bytes of a key is kept: nf_tables has four registers of 16 bytes, which it also
// numbers, from 8, as sixteen of four.
func register(offset int) uint32 {
	if offset%16 == 0 {
		return uint32(1 + offset/16)
	}
	return uint32(8 + offset/4)
}

// padded is how many bytes a value of a key takes: whole registers of four.
func padded(size int) int { return (size + 3) &^ 3 }

// native is v, a number in network order, in the host's.
func native(v []byte) []byte {
	out := bytes.Clone(v)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		slices.Reverse(out)
	}
	return out
}

// encode is a value as it is compared in a register: shifted to where its field stands in the bytes that were loaded, and
// a number of the host's in the host's order.
func encode(f *stmt.Field, v []byte) []byte {
	if f.Type.HostOrder {
		return native(v)
	}
	return shift(f, v)
}

func (p protocolTest) emit(w *writer) {
	key, value := p.value()
	switch p.proto {
	case stmt.VLAN:
		w.add(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseLLHeader, Offset: 12, Len: 2})
		value = ethertypes[stmt.VLAN]
	case etherLink:
		w.add(&expr.Meta{Key: key, Register: 1})
		value = native([]byte{0, 1})
	default:
		w.add(&expr.Meta{Key: key, Register: 1})
	}
	w.add(&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value})
}

func (counter) emit(w *writer)       { w.add(counterExpr()) }
func (l limit) emit(w *writer)       { w.add(l.expr()) }
func (c connections) emit(w *writer) { w.add(c.expr()) }

func counterExpr() expr.Any { return &expr.Counter{} }

func (l limit) expr() expr.Any {
	e := &expr.Limit{Type: expr.LimitTypePkts, Rate: l.Rate.Amount, Over: l.Over, Unit: expr.LimitTime(l.Rate.Per / time.Second), Burst: uint32(l.Rate.Burst)}
	if l.Rate.Bytes {
		e.Type = expr.LimitTypePktBytes
	}
	return e
}

func (c connections) expr() expr.Any {
	const inverted = 1 // NFT_CONNLIMIT_F_INV
	e := &expr.Connlimit{Count: c.Count}
	if c.Over {
		e.Flags = inverted
	}
	return e
}

func (l logged) emit(w *writer) {
	const group, prefix, snaplen, threshold, level, flags = 1, 2, 3, 4, 5, 6 // enum nft_log_attributes
	e := &expr.Log{}
	if l.Prefix != "" {
		e.Key |= 1 << prefix
		e.Data = []byte(l.Prefix)
	}
	if l.Group >= 0 {
		e.Key |= 1 << group
		e.Group, e.Snaplen, e.QThreshold = uint16(l.Group), l.Snaplen, l.Threshold
		if l.Snaplen > 0 {
			e.Key |= 1 << snaplen
		}
		if l.Threshold > 0 {
			e.Key |= 1 << threshold
		}
	} else {
		e.Key |= 1 << level
		e.Level = expr.LogLevel(l.LevelNumber())
		if l.Flags != 0 {
			e.Key |= 1 << flags
			e.Flags = expr.LogFlags(l.Flags)
		}
	}
	w.add(e)
}

func (a assign) emit(w *writer) {
	w.add(&expr.Immediate{Register: 1, Data: encode(a.field, a.value)})
	if a.field.Base == stmt.Ct {
		w.add(&expr.Ct{Key: ctKeys[a.field.Ct], SourceRegister: true, Register: 1})
		return
	}
	w.add(&expr.Meta{Key: metaKeys[a.field.Meta], SourceRegister: true, Register: 1})
}

func (o *own) emit(w *writer) {
	w.add(&expr.Meta{Key: directions[o.dir].key, Register: register(0)})
	value := register(stmt.IfnameSize)
	w.load(value, o.field)
	if o.set.plen > 0 {
		w.and(value, mask(o.set.plen, o.set.bits()/8))
	}
	w.add(&expr.Lookup{SourceRegister: register(0), SetName: o.set.name(), Invert: o.negate})
}

func (u *update) emit(w *writer) {
	offset := 0
	for _, f := range u.key {
		if f == nil {
			w.add(&expr.Meta{Key: directions[u.dir].key, Register: register(offset)})
			offset += stmt.IfnameSize
			continue
		}
		w.load(register(offset), f)
		offset += padded(f.Size())
	}
	const opAdd, opUpdate = 0, 1 // enum nft_dynset_ops
	e := &expr.Dynset{SrcRegKey: 1, SetName: u.set.name, Operation: opUpdate, Timeout: u.own}
	if u.add {
		e.Operation = opAdd
	}
	switch each := u.each.(type) {
	case limit:
		e.Exprs = []expr.Any{each.expr()}
	case connections:
		e.Exprs = []expr.Any{each.expr()}
	default:
		e.Exprs = []expr.Any{counterExpr()}
	}
	w.add(e)
}
