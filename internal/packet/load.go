package packet

// Base is where the offset of a payload load counts from (enum nft_payload_bases, linux/netfilter/nf_tables.h).
type Base int

// The bases.
const (
	LinkHeader Base = iota
	NetworkHeader
	TransportHeader
)

// Payload loads bytes as nf_tables' payload expression does; false where that ends the rule. The result is not to be changed.
//
// A network header is there whatever the frame is, also behind an EtherType that nobody knows. A transport header is where
// L4Proto is, and not in a fragment but the first, with one exception that rules for ports fall into: of 1, 2 or 4 bytes at a
// multiple of their number, the kernel takes a shortcut (nft_payload_fast_eval, net/netfilter/nf_tables_core.c; chosen by
// nft_payload_select_ops) on which it does not look for fragments. It reads the fragment's data of IPv4, and of IPv6 the IPv6
// header itself. What the shortcut cannot read, as it lies past the first piece of the frame's memory, is left to the
// long way (nft_payload_eval), which does look.
func (p *Packet) Payload(base Base, offset, length int) ([]byte, bool) {
	switch base {
	case LinkHeader:
		return part(p.link, offset, length)
	case NetworkHeader:
		return part(p.net, offset, length)
	case TransportHeader:
		if !p.info.known || p.info.fragoff != 0 && !shortcut(offset, length) {
			return nil, false
		}
		return part(p.net[min(int(p.info.thoff), len(p.net)):], offset, length)
	}
	return nil, false
}

func shortcut(offset, length int) bool {
	return (length == 1 || length == 2 || length == 4) && offset%length == 0
}

// part is skb_copy_bits: all the bytes asked for, or none.
func part(data []byte, offset, length int) ([]byte, bool) {
	if offset < 0 || length < 1 || offset > len(data) || length > len(data)-offset {
		return nil, false
	}
	return data[offset : offset+length : offset+length], true
}

// Exthdr loads bytes from the first extension header of a kind, a next header value (nft_exthdr_ipv6_eval,
// net/netfilter/nft_exthdr.c); false, where the rule ends, if the frame is not IPv6 or has none such. It works where L4Proto
// does not know the frame, too: no length is checked, only that all bytes are there, be they behind the header's end.
func (p *Packet) Exthdr(kind uint8, offset, length int) ([]byte, bool) {
	if p.protocol != typeIPv6 {
		return nil, false
	}
	h, ok := findHeader(p.net, int(kind))
	if !ok {
		return nil, false
	}
	return part(p.net[min(h.start, len(p.net)):], offset, length)
}

// HasExthdr is `exthdr KIND exists`. ok is false where the frame is not IPv6: a rule ends there, asking for `missing` as well.
// An IPv6 frame of which the walk to the header fails has none.
func (p *Packet) HasExthdr(kind uint8) (exists, ok bool) {
	if p.protocol != typeIPv6 {
		return false, false
	}
	_, exists = findHeader(p.net, int(kind))
	return exists, true
}
