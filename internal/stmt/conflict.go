package stmt

import (
	"fmt"
	"slices"
)

// protoNames are what messages call protocols.
var protoNames = map[Proto]string{
	VLAN: "vlan", ARP: "arp", IP: "ip", IP6: "ip6", ICMP: "icmp", ICMPv6: "icmpv6", TCP: "tcp", UDP: "udp", otherProto: "another protocol",
}

// Values of `meta protocol`, `meta nfproto` and `meta l4proto` (<linux/if_ether.h>, <linux/netfilter.h>, <linux/in.h>).
var (
	networkTypes   = map[string]Proto{"\x08\x06": ARP, "\x08\x00": IP, "\x86\xdd": IP6}
	families       = map[string]Proto{"\x02": IP, "\x0a": IP6}
	transportTypes = map[string]Proto{"\x01": ICMP, "\x06": TCP, "\x11": UDP, "\x3a": ICMPv6}
)

// otherProto is one that no field needs, and that therefore goes with none; noProto stands for any.
const (
	noProto    Proto = -2
	otherProto Proto = -1
)

// asked is what a statement has asked of a packet so far.
type asked struct {
	network, transport Proto
	kinds              []byte // of ICMP or ICMPv6: the message types that are left; nil: all
}

// conflict finds what makes s hold for no packet at all, as nft does: two protocols of one layer, two message types. Silence
// would be a rule that looks as if it protected. A reject's words are from col on.
func (s *Stmt) conflict(col, length int) *Error {
	a := asked{network: noProto, transport: noProto}
	for _, it := range s.Items {
		var err *Error
		switch it := it.(type) {
		case Match:
			if err = a.all(it.Fields, it.Col, it.Len); err == nil {
				err = a.tested(&it)
			}
		case Update:
			err = a.all(it.Key, it.Col, it.Len)
		}
		if err != nil {
			return err
		}
	}
	if s.Reject == nil {
		return nil
	}
	proto := map[RejectKind]Proto{RejectICMP: IP, RejectICMPv6: IP6, RejectTCPReset: TCP}
	if p, ok := proto[s.Reject.Kind]; ok {
		return a.add(p, col, length)
	}
	return nil
}

func (a *asked) all(fields []*Field, col, length int) *Error {
	for _, f := range fields {
		if f == nil {
			continue // the guest's interface
		}
		for _, p := range f.Needs {
			if p == VLAN && a.network != noProto {
				// The other way round nft takes it, whose text the statement is to be.
				return &Error{Col: col, Len: length, Msg: f.Name + " after a field of what the frame carries", Hint: "write the vlan match first"}
			}
			if err := a.add(p, col, length); err != nil {
				return err
			}
		}
		if f.Kinds != nil && !a.narrow(f.Kinds) {
			return &Error{Col: col, Len: length, Msg: "no message here has the field " + f.Name + ": the statement asks for another type"}
		}
	}
	return nil
}

// add asks for p. ARP, and what is neither it nor IP, has no layer above.
func (a *asked) add(p Proto, col, length int) *Error {
	mine, above := &a.transport, noProto
	switch p {
	case VLAN:
		return nil
	case ARP, IP, IP6:
		mine, above = &a.network, a.transport
	case ICMP, ICMPv6, TCP, UDP, noProto, otherProto:
	}
	other := *mine
	switch {
	case other != noProto && other != p:
	case p == ARP && above != noProto:
		other = above
	case mine == &a.transport && (a.network == ARP || a.network == otherProto):
		other = a.network
	default:
		*mine = p
		return nil
	}
	return &Error{Col: col, Len: length, Msg: fmt.Sprintf("no packet here is of %s: the statement asks for %s already", protoNames[p], protoNames[other])}
}

// narrow leaves the message types that are among kinds; false where there are none.
func (a *asked) narrow(kinds []byte) bool {
	if a.kinds == nil {
		a.kinds = kinds
		return true
	}
	a.kinds = slices.DeleteFunc(slices.Clone(a.kinds), func(k byte) bool { return !slices.Contains(kinds, k) })
	return len(a.kinds) > 0
}

// tested takes note of a protocol or message type that m compares with itself.
func (a *asked) tested(m *Match) *Error {
	if m.Op != Eq || m.Value.Set || m.Value.Param != "" || m.Mask != nil || len(m.Fields) > 1 || !m.Value.Tuples[0][0].Single() {
		return nil
	}
	value := m.Value.Tuples[0][0].Lo
	switch m.Fields[0].Name {
	case "meta protocol":
		return a.equals(networkTypes, &a.network, value, m)
	case "meta nfproto":
		return a.equals(families, &a.network, value, m)
	case "meta l4proto":
		return a.equals(transportTypes, &a.transport, value, m)
	case "icmp type", "icmpv6 type":
		if !a.narrow(value) {
			return &Error{Col: m.Col, Len: m.Len, Msg: "no message here has this type: the statement asks for another already"}
		}
	}
	return nil
}

func (a *asked) equals(known map[string]Proto, mine *Proto, value []byte, m *Match) *Error {
	p, ok := known[string(value)]
	switch {
	case ok:
		return a.add(p, m.Col, m.Len)
	case *mine != noProto, mine == &a.network && a.transport != noProto:
		return a.add(otherProto, m.Col, m.Len)
	}
	*mine = otherProto
	return nil
}
