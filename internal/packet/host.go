package packet

import "bytes"

// toHost is the way of a frame that no bridge has taken to the protocols (__netif_receive_skb_core, net/core/dev.c). One tagged
// with a VLAN id is another host's, unless there is a device for the VLAN, which is another interface then. The tags of id 0,
// however many, are forgotten.
func (p *Packet) toHost() {
	for p.tagged {
		if p.tci&0xfff != 0 {
			p.unseen = "it belongs to a VLAN"
			return
		}
		p.forget()
		if p.protocol == typeTag || p.protocol == typeOuter {
			if p.untag(); p.unseen != "" {
				return
			}
		}
	}
}

// toARP is the way of a frame to NF_ARP_IN (arp_rcv, net/ipv4/arp.c), where nf_tables finds nothing out of it.
func (p *Packet) toARP() {
	if p.toHost(); p.unseen != "" {
		return
	}
	const length = 28 // arp_hdr_len: of Ethernet and IPv4
	switch {
	case p.protocol != typeARP:
		p.unseen = "it is not ARP"
	case len(p.net) < length:
		p.unseen = "it is shorter than an ARP packet"
	case p.net[4] != 6 || p.net[5] != 4:
		p.unseen = "its ARP addresses have other lengths than Ethernet's and IPv4's"
	}
}

// toInet is the way of a frame to NF_INET_PRE_ROUTING, by ip_rcv (net/ipv4/ip_input.c) or ipv6_rcv (net/ipv6/ip6_input.c).
func (p *Packet) toInet() {
	if p.toHost(); p.unseen != "" {
		return
	}
	switch p.protocol {
	case typeIPv4:
		p.ipv4Received()
	case typeIPv6:
		p.ipv6Received()
	default:
		p.unseen = "it is not IP"
	}
}

// ipv4Received is ip_rcv_core.
func (p *Packet) ipv4Received() {
	switch {
	case !ipv4WellFormed(p.net):
		p.unseen = "its IPv4 header is wrong about version or length"
	case !ipv4ChecksumOK(p.net[:ipv4HeaderLen(p.net)]):
		p.unseen = "its IPv4 header has a wrong checksum"
	default:
		p.trim(int(p.net[2])<<8 | int(p.net[3]))
		p.info = ipv4Info(p.net)
	}
}

// ipv6Received is ip6_rcv_core.
func (p *Packet) ipv6Received() {
	if len(p.net) < ipv6Len || p.net[0]>>4 != 6 {
		p.unseen = "its IPv6 header is wrong about version or length"
		return
	}
	src, dst := p.net[8:24], p.net[24:40]
	loopback := append(make([]byte, 15), 1)
	if bytes.Equal(src, loopback) || bytes.Equal(dst, loopback) || src[0] == 0xff || dst[0] == 0xff && dst[1]&0xf < 2 {
		p.unseen = "no wire carries its IPv6 addresses" // loopback, multicast from, multicast of scope 0 or 1 to
		return
	}
	// A length of 0 before hop-by-hop options may be that of a jumbogram, and stands for the whole frame.
	if length := ipv6PayloadLen(p.net); length > 0 || p.net[6] != nextHopByHop {
		if ipv6Len+length > len(p.net) {
			p.unseen = "its IPv6 header is wrong about version or length"
			return
		}
		p.trim(ipv6Len + length)
	}
	if p.net[6] == nextHopByHop && !hopByHopOK(p.net) {
		p.unseen = "its hop-by-hop options are refused"
		return
	}
	p.info = ipv6Info(p.net)
}

// trim is pskb_trim: what is behind the packet is not there any more, for loads from the link header neither.
func (p *Packet) trim(length int) {
	p.link = p.link[:len(p.link)-len(p.net)+length]
	p.net = p.net[:length]
}
