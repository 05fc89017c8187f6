package firewall

import (
	"bytes"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// Registers of nf_tables, 16 bytes each: the first holds the interface's name where a second holds a value of its guest.
const (
	reg1 = 1
	reg2 = 2
)

// ifnameSize is IFNAMSIZ of <linux/if.h>.
const ifnameSize = 16

var metaKeys = map[stmt.MetaKey]expr.MetaKey{
	stmt.MetaProtocol: expr.MetaKeyPROTOCOL, stmt.MetaL4Proto: expr.MetaKeyL4PROTO, stmt.MetaPktType: expr.MetaKeyPKTTYPE,
}

var bases = map[stmt.Base]expr.PayloadBase{
	stmt.LinkHeader: expr.PayloadBaseLLHeader, stmt.NetworkHeader: expr.PayloadBaseNetworkHeader, stmt.TransportHeader: expr.PayloadBaseTransportHeader,
}

// keyTypes are nft's names for what an anonymous set holds, so that `nft list` shows symbols and addresses.
var keyTypes = map[*stmt.Datatype]nftables.SetDatatype{
	stmt.EtherAddr: nftables.TypeEtherAddr, stmt.IPv4Addr: nftables.TypeIPAddr, stmt.IPv6Addr: nftables.TypeIP6Addr,
	stmt.InetService: nftables.TypeInetService, stmt.InetProto: nftables.TypeInetProto, stmt.EtherType: nftables.TypeEtherType,
	stmt.ARPOp: nftables.TypeARPOp, stmt.ICMPType: nftables.TypeICMPType, stmt.ICMPv6Type: nftables.TypeICMP6Type,
	stmt.PktType: nftables.TypePktType,
}

// emit adds r to b at the end of ch.
func (r *rule) emit(b *nft.Batch, l *layout, ch *nftables.Chain) {
	w := writer{b: b, l: l, what: r.what}
	if r.dispatch {
		w.load(reg1, ifnameKey(chainDirection(ch)), nil)
		w.add(&expr.Lookup{SourceRegister: reg1, DestRegister: 0, IsDestRegSet: true, SetName: l.vmaps[chainDirection(ch)].Name})
	}
	if r.ifname != "" {
		w.load(reg1, ifnameKey(chainDirection(ch)), nil)
		w.add(&expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: ifnamePattern(r.ifname)})
	}
	var known protocols
	for i := range r.items {
		it := &r.items[i]
		if it.counter {
			w.add(&expr.Counter{})
			continue
		}
		for _, p := range it.field.Needs {
			if known.learn(p) {
				w.test(p)
			}
		}
		known.tested(it)
		w.match(it, r.dir)
	}
	if r.verdict != nil {
		w.add(r.verdict)
	}
	b.AddRule(&nftables.Rule{Table: l.table, Chain: ch, Exprs: w.exprs, UserData: r.digest()}, r.what)
}

func chainDirection(ch *nftables.Chain) direction {
	if ch.Name == basePrerouting {
		return fromGuest
	}
	return toGuest
}

func ifnameKey(d direction) expr.MetaKey {
	if d == fromGuest {
		return expr.MetaKeyIIFNAME
	}
	return expr.MetaKeyOIFNAME
}

// ifnamePattern is what the kernel compares a name with: all 16 bytes, or for a prefix* its own bytes alone.
func ifnamePattern(name string) []byte {
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		return []byte(prefix)
	}
	return ifnameBytes(name)
}

func ifnameBytes(name string) []byte {
	b := make([]byte, ifnameSize)
	copy(b, name)
	return b
}

// writer collects the expressions of one rule.
type writer struct {
	b     *nft.Batch
	l     *layout
	what  string
	exprs []expr.Any
}

func (w *writer) add(e expr.Any) { w.exprs = append(w.exprs, e) }

// load puts a field, or with a nil field a meta key, into a register.
func (w *writer) load(reg uint32, key expr.MetaKey, f *stmt.Field) {
	switch {
	case f == nil:
		w.add(&expr.Meta{Key: key, Register: reg})
	case f.Base == stmt.Meta:
		w.add(&expr.Meta{Key: metaKeys[f.Meta], Register: reg})
	case f.Base == stmt.Fragment:
		w.add(&expr.Exthdr{DestRegister: reg, Type: ipv6FragmentHeader, Offset: uint32(f.Offset / 8), Len: span(f), Op: expr.ExthdrOpIpv6})
	default:
		w.add(&expr.Payload{DestRegister: reg, Base: bases[f.Base], Offset: uint32(f.Offset / 8), Len: span(f)})
	}
}

// ipv6FragmentHeader is IPPROTO_FRAGMENT (RFC 8200, 4.5).
const ipv6FragmentHeader = 44

// span is the number of whole bytes that hold f.
func span(f *stmt.Field) uint32 { return uint32((f.Offset%8 + f.Bits + 7) / 8) }

// test compares the packet's protocol, which the fields after it take for granted.
func (w *writer) test(p stmt.Proto) {
	key, value := expr.MetaKeyL4PROTO, []byte{protoNumbers[p]}
	if ethertype, ok := ethertypes[p]; ok {
		key, value = expr.MetaKeyPROTOCOL, ethertype
	}
	w.load(reg1, key, nil)
	w.add(&expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: value})
}

func (w *writer) match(it *item, d direction) {
	f := it.field
	if f.Option != 0 {
		w.add(&expr.Payload{DestRegister: reg1, Base: bases[f.Base], Offset: uint32(f.Offset/8 - 2), Len: 2})
		w.add(&expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: []byte{f.Option, 1}})
	}
	op := expr.CmpOpEq
	if it.negate {
		op = expr.CmpOpNeq
	}
	if it.own != stmt.TypeNone {
		w.load(reg1, ifnameKey(d), nil)
		w.load(reg2, 0, f)
		w.add(&expr.Lookup{SourceRegister: reg1, SetName: w.l.sets[it.own].Name, Invert: it.negate})
		return
	}
	if !it.set && it.elems[0].Prefix > 0 && it.elems[0].Prefix%8 == 0 {
		// As nft does: a prefix of whole bytes is compared by loading no more of them.
		n := it.elems[0].Prefix / 8
		w.add(&expr.Payload{DestRegister: reg1, Base: bases[f.Base], Offset: uint32(f.Offset / 8), Len: uint32(n)})
		w.add(&expr.Cmp{Op: op, Register: reg1, Data: it.elems[0].Lo[:n]})
		return
	}
	w.load(reg1, 0, f)
	w.maskBits(f)
	if it.set {
		w.lookup(it)
		return
	}
	e := it.elems[0]
	lo, hi := shift(f, e.Lo), shift(f, e.Hi)
	switch {
	case e.Prefix >= 0:
		w.mask(prefixMask(e.Prefix, len(lo)))
		w.add(&expr.Cmp{Op: op, Register: reg1, Data: lo})
	case e.Single():
		w.add(&expr.Cmp{Op: op, Register: reg1, Data: lo})
	case it.negate:
		w.add(&expr.Range{Op: expr.CmpOpNeq, Register: reg1, FromData: lo, ToData: hi})
	default:
		w.add(&expr.Cmp{Op: expr.CmpOpGte, Register: reg1, Data: lo})
		w.add(&expr.Cmp{Op: expr.CmpOpLte, Register: reg1, Data: hi})
	}
}

// optionHeader is the type and length of the ND option before f: eight bytes make a length of 1 (RFC 4861, 4.6).
func optionHeader(f *stmt.Field) uint16 { return uint16(f.Option)<<8 | 1 }

// maskBits takes away what shares bytes with a field that does not fill its own.
func (w *writer) maskBits(f *stmt.Field) {
	if f.Base == stmt.Meta || f.Bits%8 == 0 && f.Offset%8 == 0 {
		return
	}
	ones := bytes.Repeat([]byte{0xff}, f.Size())
	if spare := f.Size()*8 - f.Bits; spare > 0 {
		ones[0] >>= spare
	}
	w.mask(shift(f, ones))
}

// shift moves a value to where the field stands in the bytes that were loaded.
func shift(f *stmt.Field, v []byte) []byte {
	if f.Base == stmt.Meta {
		return v
	}
	right := (8 - (f.Offset+f.Bits)%8) % 8
	out := make([]byte, span(f))
	copy(out[len(out)-len(v):], v)
	for range right {
		carry := byte(0)
		for i := len(out) - 1; i >= 0; i-- {
			out[i], carry = out[i]<<1|carry, out[i]>>7
		}
	}
	return out
}

func (w *writer) mask(m []byte) {
	w.add(&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: uint32(len(m)), Mask: m, Xor: make([]byte, len(m))})
}

func prefixMask(bits, size int) []byte {
	m := make([]byte, size)
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// lookup adds the anonymous set of a match to the batch, before the rule that uses it.
func (w *writer) lookup(it *item) {
	key, ok := keyTypes[it.field.Type]
	if !ok {
		key = nftables.TypeInteger
		key.Bytes = span(it.field)
	}
	set := &nftables.Set{Table: w.l.table, KeyType: key}
	elems, interval := setElements(it.field, it.elems)
	set.Interval = interval
	w.b.AddAnonymousSet(set, elems, w.what)
	w.add(&expr.Lookup{SourceRegister: reg1, SetID: set.ID, SetName: set.Name, Invert: it.negate})
}
