package packet

// Types of hop-by-hop options that the kernel knows (linux/in6.h).
const (
	optPad1        = 0
	optPadN        = 1
	optRouterAlert = 5
	optCalipso     = 7
	optIOAM        = 49
)

// maxHopByHop is how many options a header may have that are no padding (the sysctl net.ipv6.max_hbh_opts_number).
const maxHopByHop = 8

// hopByHopOK tells whether the kernel accepts the hop-by-hop header that follows the IPv6 header of data, rather than dropping
// the packet before prerouting (ipv6_parse_hopopts and ip6_parse_tlv, net/ipv6/exthdrs.c).
func hopByHopOK(data []byte) bool {
	if len(data) < ipv6Len+8 {
		return false
	}
	end := ipv6Len + int(data[ipv6Len+1])*8 + 8
	if end > len(data) {
		return false
	}
	padding, options := 0, 0
	for at := ipv6Len + 2; at < end; {
		if data[at] == optPad1 {
			if padding++; padding > 7 {
				return false
			}
			at++
			continue
		}
		if at+2 > end {
			return false
		}
		length := int(data[at+1]) + 2
		if at+length > end {
			return false
		}
		if data[at] == optPadN {
			if padding += length; padding > 7 || !zero(data[at+2:at+length]) {
				return false
			}
		} else {
			padding = 0
			if options++; options > maxHopByHop || !optionOK(data[:end], at) {
				return false
			}
		}
		at += length
	}
	return true
}

// optionOK judges the option at an offset from the IPv6 header, whole and no padding.
func optionOK(data []byte, at int) bool {
	switch data[at] {
	case optRouterAlert: // ipv6_hop_ra
		return data[at+1] == 2
	case optCalipso: // ipv6_hop_calipso; a kernel with CONFIG_NETLABEL compares a checksum besides
		return data[at+1] >= 8 && int(data[at+6])*4+8 <= int(data[at+1])
	case optIOAM: // ipv6_hop_ioam, where the interface does not take part (ioam6_enabled 0, the default)
		return at%4 == 0
	}
	// ip6_tlvopt_unknown: 0 is "skip", the other three are kinds of "discard". So is that of the jumbo payload option, which the
	// kernel knows, but refuses unless the packet is longer than 65535 bytes; no frame here is.
	return data[at]>>6 == 0
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
