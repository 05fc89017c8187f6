package packet

import "encoding/binary"

const ipv4Len = 20 // struct iphdr, without options

// ipv4Validated is what the bridge family makes of data whose EtherType is IPv4's: nothing, unless version and lengths are
// right (__nft_set_pktinfo_ipv4_validate, net/netfilter/nf_tables_ipv4.h). Checksum and addresses are not looked at.
func ipv4Validated(data []byte) info {
	if !ipv4WellFormed(data) {
		return info{}
	}
	return ipv4Info(data)
}

func ipv4WellFormed(data []byte) bool {
	if len(data) < ipv4Len || data[0]>>4 != 4 || data[0]&0xf < 5 {
		return false
	}
	total := int(binary.BigEndian.Uint16(data[2:]))
	return total <= len(data) && total >= ipv4HeaderLen(data)
}

// ipv4Info reads a header that has been validated (nft_set_pktinfo_ipv4). A later fragment has a transport header's place too,
// where its data is.
func ipv4Info(data []byte) info {
	return info{
		known: true, proto: data[9], thoff: uint16(ipv4HeaderLen(data)),
		fragoff: binary.BigEndian.Uint16(data[6:]) & 0x1fff, // IP_OFFSET
	}
}

func ipv4HeaderLen(data []byte) int { return int(data[0]&0xf) * 4 }

// ipv4ChecksumOK is ip_fast_csum: the ones' complement sum of all 16-bit words is ffff.
func ipv4ChecksumOK(header []byte) bool {
	var sum uint32
	for ; len(header) >= 2; header = header[2:] {
		sum += uint32(binary.BigEndian.Uint16(header))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}
