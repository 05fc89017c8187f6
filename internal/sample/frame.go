package sample

import (
	"net"
	"net/netip"

	"vifd/internal/frame"
)

// builder makes one frame of a sample.
type builder struct {
	sample    *Sample
	routed    bool
	from, to  party
	network   uint64 // the EtherType, behind a tag
	transport uint8
	kind      uint8 // the ICMP type
	chain     []uint8
	alert     bool // the hop-by-hop header holds a router alert
	src, dst  netip.Addr
}

// Frame makes the frame that the text describes, of this guest. The error is always a *stmt.Error: of a text that leaves the
// family to the guest, and says what a packet of that family cannot have.
func (s *Sample) Frame(g Guest, d Direction) ([]byte, error) {
	b := builder{sample: s, routed: g.Routed, from: g.own(), to: g.peer(), chain: s.shape.chain}
	if d == ToGuest {
		b.from, b.to = b.to, b.from
	}
	b.network = b.networkOf(g.has4())
	if t := s.shape.transport; t.by != nil {
		b.transport = uint8(t.value)
	} else {
		b.transport = frame.ProtoUDP
	}
	if wrong := b.icmp(); wrong != nil {
		return nil, wrong
	}
	b.addresses()
	data, wrong := b.fit()
	if wrong != nil {
		return nil, wrong
	}
	return data, nil
}

// networkOf is the network protocol: what is said, what the transport runs over, what the guest has.
func (b *builder) networkOf(has4 bool) uint64 {
	shape := &b.sample.shape
	if shape.network.by != nil {
		return shape.network.value
	}
	if t := shape.transport; t.by != nil {
		switch t.value {
		case frame.ProtoICMP, frame.ProtoIGMP:
			return frame.TypeIPv4
		case frame.ProtoICMPv6:
			return frame.TypeIPv6
		}
	}
	for _, end := range []string{"sport", "dport"} {
		switch p := b.portSaid(end); {
		case p == 67 || p == 68:
			return frame.TypeIPv4
		case p == 546 || p == 547:
			return frame.TypeIPv6
		}
	}
	if has4 {
		return frame.TypeIPv4
	}
	return frame.TypeIPv6
}

// addresses settles who the packet is from and to at the network layer.
func (b *builder) addresses() {
	switch b.network {
	case frame.TypeIPv4:
		b.src, b.dst = b.from.ip4, b.to.ip4
		_, dport := b.ports()
		switch broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255}); {
		case b.transport == frame.ProtoIGMP:
			b.dst = igmpGroup
		case b.dst.IsUnspecified(), b.transport == frame.ProtoUDP && dport == 67, b.pkttype() == broadcastFrame:
			b.dst = broadcast
		case b.pkttype() == multicastFrame:
			b.dst = netip.AddrFrom4([4]byte{224, 0, 0, 1})
		}
		b.sayAddr("ip saddr", &b.src)
		b.sayAddr("ip daddr", &b.dst)
	case frame.TypeIPv6:
		b.src, b.dst = b.from.ip6, b.to.ip6
		if b.dst.IsLinkLocalUnicast() {
			b.src = b.from.linkLocal
		}
		if b.src.IsLinkLocalUnicast() {
			b.dst = b.to.linkLocal
		}
		_, dport := b.ports()
		switch {
		case b.transport == frame.ProtoICMPv6:
			b.messageAddresses()
		case b.transport == frame.ProtoUDP && dport == 547: // RFC 8415, 7.1
			b.src, b.dst = b.from.linkLocal, netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 13: 1, 15: 2})
		case b.transport == frame.ProtoUDP && dport == 546:
			b.src, b.dst = b.from.linkLocal, b.to.linkLocal
		}
		if b.pkttype() == multicastFrame && !b.dst.IsMulticast() {
			b.dst = allNodes
		}
		b.sayAddr("ip6 saddr", &b.src)
		b.sayAddr("ip6 daddr", &b.dst)
		b.solicited()
	}
}

// sayAddr puts what the text says in the place of a default.
func (b *builder) sayAddr(field string, a *netip.Addr) {
	if w := b.sample.said(field); w != nil {
		*a, _ = netip.AddrFromSlice(w.value) // as long as the field is
	}
}

// ethernet is the frame's header, with a tag where there is one.
func (b *builder) ethernet() frame.Ethernet {
	e := frame.Ethernet{Src: b.from.mac, Dst: b.destination(), Type: uint16(b.network)}
	switch e.Type {
	case protocolLLC, protocolRaw8023:
		e.Type = 0 // a length
	}
	if t := b.sample.shape.tag; t.by != nil && t.value == 1 {
		tag := frame.VLAN{TCI: 1}
		if w := b.sample.said("ether type"); w != nil {
			tag.TPID = uint16(w.number())
		}
		e.Tags = append(e.Tags, tag)
	}
	return e
}

// destination is the MAC that the frame goes to.
func (b *builder) destination() net.HardwareAddr {
	if w := b.sample.said("ether daddr"); w != nil {
		return w.value
	}
	mac := b.to.mac
	switch b.network {
	case frame.TypeIPv4, frame.TypeIPv6:
		mac = macOf(b.dst, mac)
	case frame.TypeARP:
		if b.operation() != frame.ARPReply {
			mac = frame.Broadcast()
		}
	}
	switch b.pkttype() {
	case hostFrame:
		mac = HostMAC()
	case broadcastFrame:
		mac = frame.Broadcast()
	case multicastFrame:
		if mac[0]&1 == 0 || mac.String() == frame.Broadcast().String() {
			mac = frame.MulticastMAC(allNodes)
		}
	case otherFrame:
		if b.routed || mac[0]&1 != 0 {
			mac = net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x53, 0xfe}
		}
	case unknownFrame:
	}
	return mac
}

// layers are the frame's, the last one being data.
func (b *builder) layers(data int) []frame.Layer {
	layers := []frame.Layer{b.ethernet()}
	body := frame.Raw(make([]byte, data))
	switch b.network {
	case frame.TypeARP:
		layers = append(layers, b.arp())
	case frame.TypeIPv4:
		layers = append(append(layers, b.ipv4()), b.overIP()...)
	case frame.TypeIPv6:
		layers = append(append(layers, b.ipv6()...), b.overIP()...)
	case protocolRaw8023:
		layers = append(layers, frame.Raw{0xff, 0xff})
	}
	return append(layers, body)
}

func (b *builder) operation() uint64 {
	if w := b.sample.said("arp operation"); w != nil {
		return w.number()
	}
	return frame.ARPRequest
}

func (b *builder) arp() frame.ARP {
	a := frame.ARP{Op: uint16(b.operation()), SHA: b.from.mac, SPA: b.from.ip4, TPA: b.to.ip4}
	if a.Op == frame.ARPReply {
		a.THA = b.to.mac
	}
	return a
}

func (b *builder) ipv4() frame.IPv4 {
	h := frame.IPv4{Src: b.src, Dst: b.dst, Protocol: b.transport}
	if b.transport == frame.ProtoIGMP {
		h.TTL, h.Options = 1, frame.IPRouterAlert()
	}
	if w := b.sample.said("ip hdrlength"); w != nil {
		h.Options = nil
		if words := int(w.number()); words > 5 {
			h.Options = make([]byte, 4*(words-5))
		}
	}
	return h
}

func (b *builder) ipv6() []frame.Layer {
	h := frame.IPv6{Src: b.src, Dst: b.dst, NextHeader: b.transport, HopLimit: 64}
	if b.transport == frame.ProtoICMPv6 {
		h.HopLimit = b.hopLimit()
	}
	layers := []frame.Layer{h}
	for i, number := range b.chain {
		next := b.transport
		if i+1 < len(b.chain) {
			next = b.chain[i+1]
		}
		switch number {
		case frame.ProtoHopByHop:
			hbh := frame.HopByHop{NextHeader: next}
			if b.alert {
				hbh.Options = frame.RouterAlert()
			}
			layers = append(layers, hbh)
		case frame.ProtoRouting:
			layers = append(layers, frame.Routing{NextHeader: next})
		case frame.ProtoFragment:
			layers = append(layers, frame.Fragment{NextHeader: next})
		case frame.ProtoDestination:
			layers = append(layers, frame.DestinationOptions{NextHeader: next})
		}
	}
	if len(b.chain) > 0 {
		h.NextHeader = b.chain[0]
		layers[0] = h
	}
	return layers
}
