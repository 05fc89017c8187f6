package firewall

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"vifd/internal/packet"
	"vifd/internal/stmt"
)

func (p protocolTest) holds(j *judgement) bool {
	switch p.proto {
	case etherLink:
		return true // every guest's interface is
	case stmt.VLAN:
		v, ok := j.packet.Payload(packet.LinkHeader, 12, 2)
		return ok && bytes.Equal(v, ethertypes[stmt.VLAN])
	case stmt.ARP, stmt.IP, stmt.IP6:
		return j.packet.Protocol() == binary.BigEndian.Uint16(ethertypes[p.proto])
	case stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP:
	}
	l4, ok := j.packet.L4Proto()
	return ok && l4 == protoNumbers[p.proto]
}

func (m *match) holds(j *judgement) bool {
	values := make([][]byte, len(m.fields))
	for i, f := range m.fields {
		v, ok := j.load(f, m.loaded(f))
		if !ok {
			return false // whatever the operator: the kernel leaves the rule
		}
		values[i] = v
	}
	if m.op == stmt.Some {
		for i, c := range values[0] {
			if c&m.tuples[0][0].Lo[i] != 0 {
				return true
			}
		}
		return false
	}
	for i, c := range m.mask {
		values[0][i] &= c
	}
	for _, t := range m.tuples {
		if inside(t, values) {
			return m.op == stmt.Eq
		}
	}
	return m.op == stmt.Neq
}

// loaded is how many bytes of a field are read: of a prefix of whole bytes no more than it has.
func (m *match) loaded(f *stmt.Field) int {
	if e := m.tuples[0][0]; len(m.fields) == 1 && !m.set && m.mask == nil && e.Prefix > 0 && e.Prefix%8 == 0 {
		return e.Prefix / 8
	}
	return int(span(f))
}

func inside(t stmt.Tuple, values [][]byte) bool {
	for i, e := range t {
		v, hi := values[i], e.Hi
		if len(v) < len(e.Lo) {
			return bytes.Equal(v, e.Lo[:len(v)]) // the beginning of a prefix
		}
		if e.Prefix >= 0 && hi == nil {
			return bytes.HasPrefix(v, e.Lo[:e.Prefix/8])
		}
		if bytes.Compare(v, e.Lo) < 0 || bytes.Compare(v, hi) > 0 {
			return false
		}
	}
	return true
}

func (o *own) holds(j *judgement) bool {
	v, ok := j.load(o.field, int(span(o.field)))
	if !ok {
		return false
	}
	return j.guests(o.set, v) != o.negate
}

// guests reports whether a value is the guest's: of whole addresses also one in a prefix of its, for which the kernel has a
// rule of its own only where guests have some.
func (j *judgement) guests(set valueSet, v []byte) bool {
	for e := range j.own {
		if e.family != j.family || e.set.param != set.param || set.plen > 0 && e.set.plen != set.plen {
			continue
		}
		masked := bytes.Clone(v)
		if e.set.plen > 0 {
			for i, c := range mask(e.set.plen, len(v)) {
				masked[i] &= c
			}
		}
		if e.value == string(masked) {
			return true
		}
	}
	return false
}

func (counter) holds(*judgement) bool { return true }
func (logged) holds(*judgement) bool  { return true }

func (l limit) holds(j *judgement) bool {
	j.assume("no limit is exceeded")
	return !l.Over
}

func (c connections) holds(j *judgement) bool {
	j.assume("there are not too many connections")
	return !c.Over
}

func (u *update) holds(j *judgement) bool {
	for _, f := range u.key {
		if f == nil {
			continue
		}
		if _, ok := j.load(f, int(span(f))); !ok {
			return false
		}
	}
	return u.each.holds(j)
}

func (a assign) holds(j *judgement) bool {
	if a.field.Base == stmt.Meta && a.field.Meta == stmt.MetaMark {
		j.in.Mark = binary.BigEndian.Uint32(a.value)
	}
	if a.field.Base == stmt.Meta && a.field.Meta == stmt.MetaPriority {
		j.priority, j.prioritised = binary.BigEndian.Uint32(a.value), true
	}
	if a.field.Base == stmt.Ct {
		ct := j.connection()
		ct.Mark = binary.BigEndian.Uint32(a.value)
		j.in.Ct = &ct
	}
	return true
}

func (dispatch) holds(*judgement) bool { return true }
func (member) holds(*judgement) bool   { return true }

// load reads a field as a number in network order, as stmt.Elem has it; of a packet's bytes the first n. False means that
// there is none.
func (j *judgement) load(f *stmt.Field, n int) ([]byte, bool) {
	switch f.Base {
	case stmt.LinkHeader, stmt.NetworkHeader, stmt.TransportHeader:
		base := map[stmt.Base]packet.Base{stmt.LinkHeader: packet.LinkHeader, stmt.NetworkHeader: packet.NetworkHeader, stmt.TransportHeader: packet.TransportHeader}
		v, ok := j.packet.Payload(base[f.Base], f.Offset/8, n)
		return unshift(f, v, n), ok
	case stmt.Exthdr:
		v, ok := j.packet.Exthdr(f.Header, f.Offset/8, n)
		return unshift(f, v, n), ok
	case stmt.ExthdrPresent:
		exists, ok := j.packet.HasExthdr(f.Header)
		return []byte{oneIf(exists)}, ok
	case stmt.Ct:
		return j.loadCt(f.Ct)
	case stmt.Fib:
		return j.loadFib(f.Fib)
	case stmt.Meta:
	}
	return j.loadMeta(f.Meta)
}

// unshift takes a field that does not fill its bytes out of those that were loaded.
func unshift(f *stmt.Field, v []byte, n int) []byte {
	v = bytes.Clone(v)
	bits := bitMask(f)
	if bits == nil || len(v) < n || n != int(span(f)) {
		return v
	}
	for i := range v {
		v[i] &= bits[i]
	}
	for range (8 - (f.Offset+f.Bits)%8) % 8 {
		carry := byte(0)
		for i := range v {
			v[i], carry = v[i]>>1|carry, v[i]<<7
		}
	}
	return v[len(v)-f.Size():]
}

func oneIf(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

func (j *judgement) loadFib(l stmt.Lookup) ([]byte, bool) {
	addr, ok := j.address(l.Source)
	if !ok {
		return nil, false
	}
	const unicast = 1
	present, oif, kind := true, j.ifname(j.dir), uint32(unicast)
	if j.in.Routes != nil {
		present, oif, kind = j.in.Routes(addr, l)
	} else {
		j.assume("every address has a route")
	}
	switch l.Result {
	case stmt.FibPresent:
		return []byte{0, 0, 0, oneIf(present)}, true
	case stmt.FibOifname:
		return ifnameBytes(oif), true
	case stmt.FibAddrType:
	}
	return binary.BigEndian.AppendUint32(nil, kind), true
}

func (j *judgement) address(source bool) (netip.Addr, bool) {
	name := "daddr"
	if source {
		name = "saddr"
	}
	header := "ip "
	if j.packet.Protocol() == binary.BigEndian.Uint16(ethertypes[stmt.IP6]) {
		header = "ip6 "
	}
	v, ok := j.load(stmt.FieldByName(header+name), stmt.FieldByName(header+name).Size())
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(v)
}
