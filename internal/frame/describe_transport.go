package frame

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

func (d *description) transport(protocol uint8) {
	switch protocol {
	case ProtoUDP:
		if h, ok := d.take(8); ok {
			d.say("udp")
			d.ports(h)
			d.dhcp(binary.BigEndian.Uint16(h), binary.BigEndian.Uint16(h[2:]))
		}
	case ProtoTCP:
		if h, ok := d.take(20); ok {
			d.say("tcp")
			d.ports(h)
			d.tcpFlags(h[13])
		}
	case ProtoICMP:
		if h, ok := d.take(4); ok {
			d.say("icmp", name(icmpNames(), h[0]))
		}
	case ProtoICMPv6:
		d.icmpv6()
	case ProtoIGMP:
		if h, ok := d.take(8); ok {
			d.say("igmp", name(map[uint8]string{IGMPQuery: "membership-query", IGMPv2Report: "membership-report-v2", IGMPv2Leave: "leave-group", 0x22: "membership-report-v3"}, h[0]), addr(h[4:8]))
		}
	default:
		d.say(fmt.Sprintf("protocol %d length %d", protocol, len(d.rest)))
	}
}

func (d *description) ports(h []byte) {
	d.say(strconv.Itoa(int(binary.BigEndian.Uint16(h))), ">", strconv.Itoa(int(binary.BigEndian.Uint16(h[2:]))))
}

func (d *description) tcpFlags(flags uint8) {
	for i, name := range []string{"fin", "syn", "rst", "psh", "ack", "urg"} {
		if flags&(1<<i) != 0 {
			d.say(name)
		}
	}
}

// dhcp says which message it is, by the ports and the option that tells.
func (d *description) dhcp(src, dst uint16) {
	switch {
	case (src == 67 || src == 68) && (dst == 67 || dst == 68):
		d.say("dhcp")
		if _, ok := d.take(240); ok {
			d.dhcpMessage()
		}
	case (src == 546 || src == 547) && (dst == 546 || dst == 547):
		d.say("dhcpv6")
		if kind, ok := d.take(1); ok {
			d.say(name(map[uint8]string{1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply", 8: "release"}, kind[0]))
		}
	}
}

// dhcpMessage finds option 53, the message's type (RFC 2132 9.6).
func (d *description) dhcpMessage() {
	for len(d.rest) > 0 && d.rest[0] != 255 {
		if d.rest[0] == 0 { // padding has no length
			d.rest = d.rest[1:]
			continue
		}
		head, ok := d.take(2)
		if !ok {
			return
		}
		value, ok := d.take(int(head[1]))
		if !ok {
			return
		}
		if head[0] == 53 && len(value) == 1 {
			d.say(name(map[uint8]string{1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform"}, value[0]))
			return
		}
	}
}

func (d *description) icmpv6() {
	h, ok := d.take(4)
	if !ok {
		return
	}
	kind := h[0]
	d.say("icmpv6", name(icmpv6Names(), kind))
	skip := 0 // from the message's target, or from its fixed part, to its options
	switch kind {
	case ICMPv6NeighborSolicit, ICMPv6NeighborAdvert, ICMPv6Redirect:
		if body, ok := d.take(20); ok {
			d.say("target", addr(body[4:]))
		}
		if kind == ICMPv6Redirect {
			skip = 16
		}
	case ICMPv6RouterSolicit:
		skip = 4
	case ICMPv6RouterAdvert:
		skip = 12
	default:
		return
	}
	if _, ok := d.take(skip); ok {
		d.ndOptions()
	}
}

// ndOptions says the link-layer addresses, which are what guards look at. A length of 0 ends the list: RFC 4861 4.6 has such
// a message thrown away.
func (d *description) ndOptions() {
	for len(d.rest) > 0 {
		head, ok := d.take(2)
		if !ok {
			return
		}
		if head[1] == 0 {
			d.say("option", strconv.Itoa(int(head[0])), "of length 0")
			return
		}
		body, ok := d.take(int(head[1])*8 - 2)
		if !ok {
			return
		}
		switch head[0] {
		case OptionSourceLinkLayer:
			d.say("sll", hex(body[:6]))
		case OptionTargetLinkLayer:
			d.say("tll", hex(body[:6]))
		}
	}
}

// name is a number's name, or the number.
func name(names map[uint8]string, number uint8) string {
	if n, ok := names[number]; ok {
		return n
	}
	return strconv.Itoa(int(number))
}

// icmpNames are nft's (nft describe icmp type).
func icmpNames() map[uint8]string {
	return map[uint8]string{
		ICMPEchoReply: "echo-reply", 3: "destination-unreachable", 5: "redirect", ICMPEchoRequest: "echo-request",
		9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded",
	}
}

// icmpv6Names are nft's (nft describe icmpv6 type).
func icmpv6Names() map[uint8]string {
	return map[uint8]string{
		1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem",
		ICMPv6EchoRequest: "echo-request", ICMPv6EchoReply: "echo-reply",
		130: "mld-listener-query", 131: "mld-listener-report", 132: "mld-listener-done",
		ICMPv6RouterSolicit: "nd-router-solicit", ICMPv6RouterAdvert: "nd-router-advert",
		ICMPv6NeighborSolicit: "nd-neighbor-solicit", ICMPv6NeighborAdvert: "nd-neighbor-advert",
		ICMPv6Redirect: "nd-redirect", ICMPv6MLDv2Report: "mld2-listener-report",
	}
}
