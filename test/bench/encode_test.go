package bench

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// attr appends a netlink attribute, padded.
func attr(b []byte, kind uint16, value []byte) []byte {
	n := unix.SizeofNlAttr + len(value)
	b = native.AppendUint16(b, uint16(n))
	b = native.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, (4-n%4)%4)...)
}

func nest(b []byte, kind uint16, attrs ...[]byte) []byte {
	var value []byte
	for _, a := range attrs {
		value = append(value, a...)
	}
	return attr(b, kind|unix.NLA_F_NESTED, value)
}

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func ne32(n uint32) []byte { return native.AppendUint32(nil, n) }

func text(s string) []byte { return append([]byte(s), 0) }

// message appends a netlink request.
func message(b []byte, kind, flags uint16, payload []byte) []byte {
	b = native.AppendUint32(b, uint32(unix.SizeofNlMsghdr+len(payload)))
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // number and port
	return append(b, payload...)
}

// batch is a transaction of nf_tables that adds or deletes what the firewall is to know of a guest: the elements that vifd
// writes, message by message as vifd writes them.
func (g *guest) batch(kind, flags uint16) []byte {
	header := func(family byte, resource byte) []byte { return []byte{family, unix.NFNETLINK_V0, 0, resource} }
	b := message(nil, unix.NFNL_MSG_BATCH_BEGIN, 0, header(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES))
	var name [16]byte
	copy(name[:], g.name)
	judged, accept := int32(unix.NFT_CONTINUE), int32(1) // NF_ACCEPT
	add := func(set string, value []byte, verdict []byte, flags uint16) {
		key := append(name[:], value...)
		key = append(key, make([]byte, (4-len(key)%4)%4)...)
		elem := nest(nil, unix.NFTA_SET_ELEM_KEY, attr(nil, unix.NFTA_DATA_VALUE, key))
		if verdict != nil {
			elem = nest(elem, unix.NFTA_SET_ELEM_DATA, nest(nil, unix.NFTA_DATA_VERDICT, verdict))
		}
		payload := header(unix.NFPROTO_BRIDGE, 0)
		payload = attr(payload, unix.NFTA_SET_ELEM_LIST_TABLE, text("vifd"))
		payload = attr(payload, unix.NFTA_SET_ELEM_LIST_SET, text(set))
		payload = nest(payload, unix.NFTA_SET_ELEM_LIST_ELEMENTS, nest(nil, unix.NFTA_LIST_ELEM, elem))
		b = message(b, unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, payload)
	}
	add("from-guest", nil, attr(nil, unix.NFTA_VERDICT_CODE, be32(uint32(judged))), flags)
	add("from/source-guard", nil, nil, flags)
	add("to-guest", nil, attr(nil, unix.NFTA_VERDICT_CODE, be32(uint32(accept))), flags)
	add("guest-mac", g.mac[:], nil, flags)
	add("guest-ip", g.ip4[:], nil, flags)
	add("guest-ip6", g.ip6[:], nil, flags)
	add("guest-ip6", g.linkLocal(), nil, flags|unix.NLM_F_ACK)
	return message(b, unix.NFNL_MSG_BATCH_END, 0, header(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES))
}

// setLink is a request that changes a link.
func setLink(index int, flags uint32, attrs ...[]byte) []byte {
	payload := make([]byte, unix.SizeofIfInfomsg)
	native.PutUint32(payload[4:], uint32(index))
	native.PutUint32(payload[8:], flags)
	native.PutUint32(payload[12:], flags)
	return message(nil, unix.RTM_SETLINK, unix.NLM_F_ACK, join(payload, attrs...))
}

// getLink is a request to read a link, by its index or its name.
func getLink(index int, attrs ...[]byte) []byte {
	const skipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	payload := make([]byte, unix.SizeofIfInfomsg)
	native.PutUint32(payload[4:], uint32(index))
	return message(nil, unix.RTM_GETLINK, 0, join(attr(payload, unix.IFLA_EXT_MASK, ne32(skipStats)), attrs...))
}

func join(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
