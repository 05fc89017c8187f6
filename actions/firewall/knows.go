package firewall

import (
	"encoding/binary"

	"vifd/internal/packet"
	"vifd/internal/stmt"
)

func (j *judgement) loadMeta(key stmt.MetaKey) ([]byte, bool) {
	be := binary.BigEndian
	switch key {
	case stmt.MetaProtocol:
		return be.AppendUint16(nil, j.packet.Protocol()), true
	case stmt.MetaNFProto:
		for p, number := range nfprotos {
			if j.packet.Protocol() == be.Uint16(ethertypes[p]) {
				return []byte{number}, true
			}
		}
	case stmt.MetaL4Proto:
		l4, ok := j.packet.L4Proto()
		return []byte{l4}, ok
	case stmt.MetaPktType:
		if j.family != Bridge && j.dir == toGuest {
			return []byte{byte(packet.Host)}, true // the host has received it for itself, or has made it
		}
		kind, ok := j.packet.PktType(j.in.Hosts...)
		return []byte{byte(kind)}, ok
	case stmt.MetaMark:
		return be.AppendUint32(nil, j.in.Mark), true
	case stmt.MetaPriority:
		return be.AppendUint32(nil, j.priorityNow()), true
	case stmt.MetaLength:
		return be.AppendUint32(nil, j.packet.Length()), true
	case stmt.MetaIifname:
		return ifnameBytes(j.ifname(fromGuest)), true
	case stmt.MetaOifname:
		return ifnameBytes(j.ifname(toGuest)), true
	case stmt.MetaIbrname, stmt.MetaObrname:
		return ifnameBytes(j.in.Bridge), true
	case stmt.MetaIifgroup, stmt.MetaOifgroup:
		j.assume("interfaces are in the default group")
		return make([]byte, 4), key == stmt.MetaOifgroup || j.ifname(fromGuest) != "" // what the host sends itself comes in by none
	}
	return nil, false
}

// priorityNow is what a statement has set; else a packet has none, but that a router gives one of IPv4 what its header asks for
// before it judges what is forwarded (ip_forward, net/ipv4/ip_forward.c; ip_tos2prio, net/ipv4/route.c).
func (j *judgement) priorityNow() uint32 {
	if j.prioritised {
		return j.priority
	}
	tos, ok := j.packet.Payload(packet.NetworkHeader, 1, 1)
	if j.family == Inet && j.dir == toGuest && j.in.Other != "" && ok && j.packet.Protocol() == binary.BigEndian.Uint16(ethertypes[stmt.IP]) {
		const bestEffort, bulk, interactive, interactiveBulk = 0, 2, 6, 4 // <linux/pkt_sched.h>
		return [...]uint32{bestEffort, bulk, interactive, interactiveBulk}[tos[0]&0x1e>>3]
	}
	j.assume("the packet has no priority yet")
	return 0
}

// ifname is the interface that a packet comes in by (fromGuest) or goes out by.
func (j *judgement) ifname(end direction) string {
	if end == j.dir {
		return j.guest.Interface
	}
	return j.in.Other
}

func ifnameBytes(name string) []byte {
	b := make([]byte, stmt.IfnameSize)
	copy(b, name)
	return b
}

// loadCt reads a key of the packet's connection. What is not tracked, or fits no connection, has none, and a state alone.
func (j *judgement) loadCt(key stmt.CtKey) ([]byte, bool) {
	ct := j.connection()
	be := binary.BigEndian
	known := ct.State&(StateUntracked|StateInvalid) == 0
	switch key {
	case stmt.CtKeyState:
		return be.AppendUint32(nil, ct.State), true
	case stmt.CtKeyStatus:
		return be.AppendUint32(nil, ct.Status), known
	case stmt.CtKeyMark:
		return be.AppendUint32(nil, ct.Mark), known
	case stmt.CtKeyZone:
		return be.AppendUint16(nil, ct.Zone), known
	case stmt.CtKeyDirection:
	}
	return []byte{oneIf(ct.Reply)}, known
}

// States of a connection, as in `ct state`.
const (
	StateInvalid     = 1 << 0
	StateEstablished = 1 << 1
	StateRelated     = 1 << 2
	StateNew         = 1 << 3
	StateUntracked   = 1 << 6
)

// connection is what tracking would say: unless the caller knows better a packet is the first of its connection, but for
// what is never tracked, which is all that is not IP, and neighbour discovery and MLD (nf_conntrack_icmpv6_error).
func (j *judgement) connection() Connection {
	if j.in.Ct != nil {
		return *j.in.Ct
	}
	j.assume("the packet is the first of its connection")
	switch j.packet.Protocol() {
	case binary.BigEndian.Uint16(ethertypes[stmt.IP]):
		return Connection{State: StateNew}
	case binary.BigEndian.Uint16(ethertypes[stmt.IP6]):
		l4, ok := j.packet.L4Proto()
		kind, read := j.packet.Payload(packet.TransportHeader, 0, 1)
		if ok && l4 == protoNumbers[stmt.ICMPv6] && read && (kind[0] >= 130 && kind[0] <= 136 || kind[0] == 143) {
			return Connection{State: StateUntracked}
		}
		return Connection{State: StateNew}
	}
	return Connection{State: StateUntracked}
}
