package firewall

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

// part is one thing that a rule does before its verdict. A part that does not hold ends the rule.
type part interface {
	// text is the part in nft's syntax.
	text() string
	// emit writes the part's expressions.
	emit(w *writer)
	// holds tells whether a packet gets past the part.
	holds(j *judgement) bool
}

// match compares fields with values that are the same for every guest.
type match struct {
	fields []*stmt.Field
	op     stmt.Op
	mask   []byte
	set    bool
	tuples []stmt.Tuple
	hidden bool // nft adds it by itself, and does not list it
}

// own looks one of the guest's own values up, together with its interface.
type own struct {
	dir    direction
	field  *stmt.Field
	negate bool
	set    valueSet
}

// counter counts.
type counter struct{}

// limit holds while packets come no faster than a rate, or with over while they come faster.
type limit struct{ stmt.Limit }

// connections holds while there are no more than so many, or with over while there are more.
type connections struct{ stmt.CtCount }

// logged writes the packet to a log.
type logged struct{ stmt.Log }

// assign sets a mark or a priority.
type assign struct {
	field *stmt.Field
	value []byte // in network order
}

// update keeps a part's state for each key apart.
type update struct {
	dir  direction
	set  *stateSet
	add  bool
	key  []*stmt.Field // nil stands for the guest's interface
	own  time.Duration // a timeout of its own; 0: the set's
	each part
}

// stateSet is a set that packets fill, declared by the statements that name it.
type stateSet struct {
	name    string
	key     nftables.SetDatatype
	typeof  string        // the key as the statements name it
	timeout time.Duration // 0: elements stay
	each    string        // what is kept for each key
}

// stateSetSize bounds what guests can make the kernel remember; nft's default.
const stateSetSize = 65535

func (s *stateSet) encode(l *layout) *nftables.Set {
	set := &nftables.Set{
		Table: l.table, Name: s.name, KeyType: s.key, Dynamic: true, Size: stateSetSize,
		HasTimeout: s.timeout > 0, Timeout: s.timeout, Concatenation: len(nftables.ConcatSetTypeElements(s.key)) > 1,
	}
	if s.key.Name == nftables.TypeIFName.Name {
		set.KeyByteOrder = binaryutil.NativeEndian // or nft lists every name as ""
	}
	return set
}

// keyType is the type of a key made of fields.
func keyType(fields []*stmt.Field) (nftables.SetDatatype, error) {
	types := make([]nftables.SetDatatype, len(fields))
	for i, f := range fields {
		if f == nil {
			types[i] = nftables.TypeIFName
			continue
		}
		t, ok := keyTypes[f.Type]
		if !ok {
			t = nftables.TypeInteger
		}
		t.Bytes = uint32(len(encode(f, make([]byte, f.Size())))) // of a field that shares its bytes more than its own
		types[i] = t
	}
	if len(types) == 1 {
		return types[0], nil
	}
	return nftables.ConcatSetType(types...)
}

// keyTypes are nft's names for what a set holds, so that `nft list` shows symbols and addresses.
var keyTypes = map[*stmt.Datatype]nftables.SetDatatype{
	stmt.EtherAddr: nftables.TypeEtherAddr, stmt.IPv4Addr: nftables.TypeIPAddr, stmt.IPv6Addr: nftables.TypeIP6Addr,
	stmt.InetService: nftables.TypeInetService, stmt.InetProto: nftables.TypeInetProto, stmt.EtherType: nftables.TypeEtherType,
	stmt.ARPOp: nftables.TypeARPOp, stmt.ICMPType: nftables.TypeICMPType, stmt.ICMPv6Type: nftables.TypeICMP6Type,
	stmt.ICMPCode: nftables.TypeICMPCode, stmt.ICMPv6Code: nftables.TypeICMPV6Code, stmt.PktType: nftables.TypePktType,
	stmt.TCPFlag: nftables.TypeTCPFlag, stmt.DSCP: nftables.TypeDSCP, stmt.ECN: nftables.TypeECN, stmt.MHType: nftables.TypeMHType,
	stmt.CtState: nftables.TypeCTState, stmt.CtStatus: nftables.TypeCTStatus, stmt.CtDirection: nftables.TypeCTDir, stmt.Mark: nftables.TypeMark,
	stmt.ClassID: nftables.TypeClassID, stmt.DevGroup: nftables.TypeDevGroup, stmt.Ifname: nftables.TypeIFName, stmt.FibType: nftables.TypeFIBAddr,
}

func (m *match) text() string {
	if m.hidden {
		return ""
	}
	if len(m.fields) == 1 && strings.HasPrefix(m.fields[0].Name, "nd ") {
		m = m.raw()
	}
	names := make([]string, len(m.fields))
	for i, f := range m.fields {
		names[i] = fieldText(f)
	}
	var b strings.Builder
	b.WriteString(strings.Join(names, " . ") + " ")
	typ := m.fields[0].Type
	if m.mask != nil {
		b.WriteString("& " + parenthesised(typ.Print(m.mask)) + " ")
	}
	switch {
	case m.op == stmt.Neq:
		b.WriteString("!= ")
	case m.mask != nil && !m.set, typ.Bitmask && m.op == stmt.Eq && !m.set:
		b.WriteString("== ")
	}
	values := make([]string, len(m.tuples))
	for i, t := range m.tuples {
		values[i] = tupleText(m.fields, t)
	}
	if m.set || len(m.fields) > 1 { // nft takes a concatenation's value in a set only
		b.WriteString("{ " + strings.Join(values, ", ") + " }")
	} else {
		b.WriteString(values[0])
	}
	return b.String()
}

// raw is m, of a field of neighbour discovery, in the only words that nft has for it: raw payload, and numbers.
func (m *match) raw() *match {
	f, out := *m.fields[0], *m
	f.Type, out.fields = stmt.RawInteger, []*stmt.Field{&f}
	out.tuples = make([]stmt.Tuple, len(m.tuples))
	for i, t := range m.tuples {
		e := t[0]
		switch plen := e.Prefix; {
		case plen < 0 || m.set:
		case plen > 0 && plen%8 == 0 && m.mask == nil:
			f.Bits, e.Lo, e.Hi = plen, e.Lo[:plen/8], e.Lo[:plen/8]
		default:
			out.mask, e.Hi = mask(plen, len(e.Lo)), e.Lo
		}
		e.Prefix = -1
		out.tuples[i] = stmt.Tuple{e}
	}
	f.Name = fmt.Sprintf("@th,%d,%d", f.Offset, f.Bits)
	return &out
}

func tupleText(fields []*stmt.Field, t stmt.Tuple) string {
	parts := make([]string, len(t))
	for i, e := range t {
		parts[i] = e.Print(fields[i].Type)
	}
	return strings.Join(parts, " . ")
}

func parenthesised(flags string) string {
	if strings.Contains(flags, "|") {
		return "(" + flags + ")"
	}
	return flags
}

// fieldText is the field as nft names it, which has no words for what neighbour discovery says.
func fieldText(f *stmt.Field) string {
	if f.Base == stmt.Meta && f.Type == stmt.Ifname {
		return strings.TrimPrefix(f.Name, "meta ")
	}
	if strings.HasPrefix(f.Name, "nd ") {
		return fmt.Sprintf("@th,%d,%d", f.Offset, f.Bits)
	}
	return f.Name
}

func (o *own) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s . %s ", directions[o.dir].ifname, fieldText(o.field))
	if o.set.plen > 0 {
		fmt.Fprintf(&b, "& %s ", maskText(o.set.plen, o.set.bits()/8))
	}
	if o.negate {
		b.WriteString("!= ")
	}
	return b.String() + "@" + o.set.name()
}

func (counter) text() string { return "counter" }

func (l limit) text() string { return "limit rate " + over(l.Over) + l.Rate.String() }

func (c connections) text() string { return fmt.Sprintf("ct count %s%d", over(c.Over), c.Count) }

func over(yes bool) string {
	if yes {
		return "over "
	}
	return ""
}

func (l logged) text() string { return l.Log.String() }

func (a assign) text() string { return a.field.Name + " set " + a.field.Type.Print(a.value) }

func (u *update) text() string {
	word, timeout := "update", ""
	if u.add {
		word = "add"
	}
	if u.own > 0 {
		timeout = fmt.Sprintf(" timeout %ds", int64(u.own/time.Second))
	}
	return fmt.Sprintf("%s @%s { %s%s %s }", word, u.set.name, keyText(u.dir, u.key), timeout, u.each.text())
}

func keyText(d direction, key []*stmt.Field) string {
	names := make([]string, len(key))
	for i, f := range key {
		names[i] = directions[d].ifname
		if f != nil {
			names[i] = fieldText(f)
		}
	}
	return strings.Join(names, " . ")
}

// protocolTest makes sure that a packet is of a protocol before a field of it is read.
type protocolTest struct {
	family Family
	proto  stmt.Proto
	shown  bool // nft's own choice would be another
}

// etherLink stands for the test that a packet came from an Ethernet device at all, without which inet has no link header.
const etherLink stmt.Proto = -1

func (p protocolTest) text() string {
	if !p.shown {
		return ""
	}
	switch p.proto {
	case etherLink:
		return "meta iiftype ether"
	case stmt.ARP:
		return "meta protocol arp"
	case stmt.IP, stmt.IP6:
		if p.family == Inet {
			return map[stmt.Proto]string{stmt.IP: "meta nfproto ipv4", stmt.IP6: "meta nfproto ipv6"}[p.proto]
		}
		return map[stmt.Proto]string{stmt.IP: "meta protocol ip", stmt.IP6: "meta protocol ip6"}[p.proto]
	case stmt.VLAN:
		return "ether type 8021q"
	case stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP:
		return fmt.Sprintf("meta l4proto %d", protoNumbers[p.proto])
	}
	return ""
}

// value is what the protocol is told by: a meta key, or for VLAN and IEEE 802.1Q's tag a field of the link header.
func (p protocolTest) value() (key expr.MetaKey, value []byte) {
	switch p.proto {
	case etherLink:
		return expr.MetaKeyIIFTYPE, []byte{1, 0} // ARPHRD_ETHER, in the host's order; see emit
	case stmt.ARP, stmt.IP, stmt.IP6:
		if number, ok := nfprotos[p.proto]; ok && p.family == Inet {
			return expr.MetaKeyNFPROTO, []byte{number}
		}
		return expr.MetaKeyPROTOCOL, ethertypes[p.proto]
	case stmt.VLAN, stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP:
	}
	return expr.MetaKeyL4PROTO, []byte{protoNumbers[p.proto]}
}
