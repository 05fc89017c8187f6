package packet

import "encoding/binary"

const ipv6Len = 40 // struct ipv6hdr

// Next header values that the kernel takes for extension headers (ipv6_ext_hdr, net/ipv6/exthdrs_core.c). ESP, mobility, HIP
// and shim6 are none: they count as what is carried.
const (
	nextHopByHop    = 0
	nextRouting     = 43
	nextFragment    = 44
	nextAuth        = 51
	nextNone        = 59
	nextDestination = 60
)

func isExtension(next uint8) bool {
	switch next {
	case nextHopByHop, nextRouting, nextFragment, nextAuth, nextNone, nextDestination:
		return true
	}
	return false
}

// ipv6Validated is what the bridge family makes of data whose EtherType is IPv6's: nothing, unless version and length are
// right and the extension headers can be walked to their end (__nft_set_pktinfo_ipv6_validate, net/netfilter/nf_tables_ipv6.h).
func ipv6Validated(data []byte) info {
	if len(data) < ipv6Len || data[0]>>4 != 6 || ipv6Len+ipv6PayloadLen(data) > len(data) {
		return info{}
	}
	return ipv6Info(data)
}

// ipv6Info walks the extension headers of a header that has been validated (nft_set_pktinfo_ipv6).
func ipv6Info(data []byte) info {
	h, ok := findHeader(data, carried)
	if !ok {
		return info{}
	}
	return info{known: true, proto: h.next, thoff: uint16(h.start), fragoff: h.fragoff}
}

func ipv6PayloadLen(data []byte) int { return int(binary.BigEndian.Uint16(data[4:])) }

// carried, for findHeader, is the first header that is no extension header, or AH.
const carried = -1

// header is one that findHeader has found.
type header struct {
	next    uint8
	start   int // from the IPv6 header on; possibly behind the packet's end
	fragoff uint16
}

// findHeader is ipv6_find_hdr (net/ipv6/exthdrs_core.c), for carried with the flag IP6_FH_F_AUTH, for a next header value
// without flags, which walks on behind AH. It is the packet's end that counts, whatever the header says its length is.
//
// A fragment but the first ends the walk. What such a one carries is what its header says, if that is no extension header, and
// has no start: the kernel leaves 0 there, which is where the IPv6 header is.
func findHeader(data []byte, target int) (h header, ok bool) {
	next := byte(0)
	if len(data) > 6 { // the kernel looks past the end of a shorter one, at what happens to be there
		next = data[6]
	}
	for start := ipv6Len; ; {
		found := int(next) == target
		if !isExtension(next) || next == nextNone {
			return header{next: next, start: start}, found || target == carried
		}
		rest := data[min(start, len(data)):]
		if len(rest) < 2 || (next == nextRouting || next == nextFragment) && len(rest) < 4 {
			return header{}, false
		}
		length := int(rest[1])*8 + 8 // ipv6_optlen
		switch next {
		case nextFragment:
			length = 8
			if offset := binary.BigEndian.Uint16(rest[2:]) &^ 7; offset != 0 {
				if target == carried {
					return header{next: rest[0], fragoff: offset}, !isExtension(rest[0]) || rest[0] == nextNone
				}
				return header{next: next, start: start}, found
			}
		case nextAuth:
			length = int(rest[1])*4 + 8 // ipv6_authlen
			found = found || target == carried
		}
		if found {
			return header{next: next, start: start}, true
		}
		next = rest[0]
		start += length
	}
}
