package firewall

import (
	"encoding/binary"
	"slices"

	"vifd/internal/stmt"
)

// A bridge's frames that are not IP have no connections. Where they come in by a port the kernel marks them untracked (nf_ct_bridge_pre,
// net/bridge/netfilter/nf_conntrack_bridge.c), but what the host itself sends comes in by none: its ARP has no mark, and is invalid to
// `ct state` (nft_ct_get_eval, net/netfilter/nft_ct.c). A guest to which nothing invalid may come would never learn where the host is.
// And where there is no connection `ct count` looks for one that the packet could begin, finds that ARP and neighbour discovery have none, and
// drops them, whatever the statement says (nft_connlimit_do_eval, net/netfilter/nft_connlimit.c). In the bridge family statements therefore
// make sure that there is what they ask about. A routed guest's ARP is in a family of its own, which has no connections at all.

// askState adds, before a bridge compares a connection's state, the test that the frame is IP, unless the comparison holds of
// connections alone.
func (b *builder) askState(m *match) {
	if f := m.fields[0]; b.family != Bridge || f.Base != stmt.Ct || f.Ct != stmt.CtKeyState { // it stands in no concatenation
		return
	}
	if m.connected() {
		b.known[connected] = true
		return
	}
	for _, p := range []stmt.Proto{stmt.IP, stmt.IP6, stmt.ICMP, stmt.ICMPv6, stmt.TCP, stmt.UDP} {
		if b.known[p] {
			return // the kernel knows of none of these in anything but IP
		}
	}
	if !b.known.learn(anyIP) {
		return
	}
	test := &match{fields: []*stmt.Field{stmt.FieldByName("meta protocol")}, set: true}
	for _, p := range []stmt.Proto{stmt.IP, stmt.IP6} {
		test.tuples = append(test.tuples, stmt.Tuple{{Lo: ethertypes[p], Hi: ethertypes[p], Prefix: -1}})
	}
	b.parts = append(b.parts, test)
}

// askCount adds, before a bridge counts connections, the test that the frame is of one.
func (b *builder) askCount() {
	if b.family != Bridge || !b.known.learn(connected) {
		return
	}
	states := binary.BigEndian.AppendUint32(nil, StateNew|StateEstablished|StateRelated)
	b.parts = append(b.parts, &match{
		fields: []*stmt.Field{stmt.FieldByName("ct state")}, op: stmt.Some, tuples: []stmt.Tuple{{{Lo: states, Hi: states, Prefix: -1}}},
	})
}

// connected reports whether m, of a connection's state, holds of no packet without a connection.
func (m *match) connected() bool {
	const without = StateInvalid | StateUntracked
	return m.op != stmt.Neq && m.mask == nil && !slices.ContainsFunc(m.tuples, func(t stmt.Tuple) bool {
		return !t[0].Single() || binary.BigEndian.Uint32(t[0].Lo)&without != 0
	})
}
