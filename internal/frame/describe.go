package frame

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Describe says in one line what a frame is, in the words of nft and tcpdump, for messages to people:
//
//	00:16:3e:00:00:07 > ff:ff:ff:ff:ff:ff vlan 10 ip 192.0.2.7 > 192.0.2.1 udp 68 > 67 dhcp discover
//
// It takes any bytes; where they end too early it says "truncated". It checks no checksums.
func Describe(data []byte) string {
	d := description{rest: data}
	d.ethernet()
	return strings.Join(d.words, " ")
}

// description is a frame being read from its front.
type description struct {
	rest  []byte
	words []string
}

func (d *description) say(words ...string) { d.words = append(d.words, words...) }

// take returns the next n bytes; false, having said so, where there are fewer.
func (d *description) take(n int) ([]byte, bool) {
	if n > len(d.rest) {
		d.say("truncated")
		d.rest = nil
		return nil, false
	}
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part, true
}

func (d *description) ethernet() {
	head, ok := d.take(14)
	if !ok {
		return
	}
	d.say(hex(head[6:12]), ">", hex(head[:6]))
	kind := binary.BigEndian.Uint16(head[12:])
	for kind == TPIDCustomer || kind == TPIDService {
		tag, ok := d.take(4)
		if !ok {
			return
		}
		tci := binary.BigEndian.Uint16(tag)
		d.say("vlan", strconv.Itoa(int(tci&0xfff)))
		if tci>>13 != 0 {
			d.say("pcp", strconv.Itoa(int(tci>>13)))
		}
		kind = binary.BigEndian.Uint16(tag[2:])
	}
	if kind < 0x600 { // IEEE 802.3: a length
		d.llc()
		return
	}
	d.network(kind)
}

func (d *description) llc() {
	head, ok := d.take(3)
	switch {
	case !ok:
	case head[0] == 0x42:
		d.say("stp bpdu")
	case head[0] == 0xaa:
		if snap, ok := d.take(5); ok {
			d.say("snap")
			d.network(binary.BigEndian.Uint16(snap[3:]))
		}
	default:
		d.say(fmt.Sprintf("llc dsap 0x%02x ssap 0x%02x", head[0], head[1]))
	}
}

func (d *description) network(kind uint16) {
	switch kind {
	case TypeARP:
		d.arp()
	case TypeIPv4:
		d.ipv4()
	case TypeIPv6:
		d.ipv6()
	default:
		d.say(fmt.Sprintf("ether type 0x%04x length %d", kind, len(d.rest)))
	}
}

func (d *description) arp() {
	p, ok := d.take(28)
	if !ok {
		return
	}
	sha, spa, tpa := hex(p[8:14]), addr(p[14:18]), addr(p[24:28])
	switch op := binary.BigEndian.Uint16(p[6:]); op {
	case ARPRequest:
		d.say("arp request who-has", tpa, "tell", spa, "at", sha)
	case ARPReply:
		d.say("arp reply", spa, "is-at", sha, "to", tpa)
	default:
		d.say("arp operation", strconv.Itoa(int(op)), spa, "at", sha, "to", tpa)
	}
	if p[4] != 6 || p[5] != 4 || binary.BigEndian.Uint16(p) != 1 || binary.BigEndian.Uint16(p[2:]) != TypeIPv4 {
		d.say(fmt.Sprintf("htype %d ptype 0x%04x hlen %d plen %d", binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:]), p[4], p[5]))
	}
}

func (d *description) ipv4() {
	h, ok := d.take(20)
	if !ok {
		return
	}
	d.say("ip", addr(h[12:16]), ">", addr(h[16:20]))
	if length := int(h[0]&0x0f) * 4; length > 20 {
		d.say("options")
		if _, ok := d.take(length - 20); !ok {
			return
		}
	}
	frag := binary.BigEndian.Uint16(h[6:])
	if offset := int(frag&0x1fff) * 8; offset > 0 || frag&0x2000 != 0 {
		d.say("fragment", strconv.Itoa(offset))
		if offset > 0 {
			return // there is no header of the next layer in it
		}
	}
	d.transport(h[9])
}

func (d *description) ipv6() {
	h, ok := d.take(40)
	if !ok {
		return
	}
	d.say("ip6", addr(h[8:24]), ">", addr(h[24:40]))
	next := h[6]
	for {
		name, known := map[uint8]string{
			ProtoHopByHop: "hbh", ProtoRouting: "rt", ProtoFragment: "frag", ProtoDestination: "dst",
		}[next]
		if !known {
			d.transport(next)
			return
		}
		d.say(name)
		ext, ok := d.take(8)
		if !ok {
			return
		}
		if next == ProtoFragment {
			if offset := int(binary.BigEndian.Uint16(ext[2:]) &^ 7); offset > 0 {
				d.say(strconv.Itoa(offset))
				return
			}
		} else if _, ok := d.take(int(ext[1]) * 8); !ok {
			return
		}
		next = ext[0]
	}
}

func hex(a []byte) string { return net.HardwareAddr(a).String() }

func addr(b []byte) string {
	a, _ := netip.AddrFromSlice(b) // b has 4 or 16 bytes
	return a.String()
}
