package conntrack

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// What package nl lacks of linux/netfilter/nfnetlink_conntrack.h.
const (
	getStats = 5 // IPCTNL_MSG_CT_GET_STATS

	ctaTupleZone = 3

	ctaICMPID     = 4 // CTA_PROTO_ICMP_ID, _TYPE and _CODE
	ctaICMPType   = 5
	ctaICMPCode   = 6
	ctaICMPv6ID   = 7 // CTA_PROTO_ICMPV6_ID, _TYPE and _CODE
	ctaICMPv6Type = 8
	ctaICMPv6Code = 9

	statusExpected = 1 << 0 // IPS_EXPECTED
)

// errMalformed says that a message's lengths do not add up; the kernel does not send such.
var errMalformed = errors.New("malformed netlink message")

// message is one netlink message of a datagram. Its payload is valid until the next receive.
type message struct {
	typ, flags uint16
	seq        uint32
	payload    []byte
}

// nextMessage cuts the first message off a datagram (struct nlmsghdr, netlink(7)).
func nextMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return message{}, nil, errMalformed
	}
	size := uint64(binary.NativeEndian.Uint32(b))
	if size < unix.SizeofNlMsghdr || size > uint64(len(b)) {
		return message{}, nil, errMalformed
	}
	m = message{
		typ:     binary.NativeEndian.Uint16(b[4:]),
		flags:   binary.NativeEndian.Uint16(b[6:]),
		seq:     binary.NativeEndian.Uint32(b[8:]),
		payload: b[unix.SizeofNlMsghdr:size],
	}
	return m, b[min(align(int(size)), len(b)):], nil
}

// verdict reads NLMSG_ERROR, and NLMSG_DONE where that carries an error: nil when all went well.
func (m message) verdict() error {
	if len(m.payload) < 4 {
		if m.typ == unix.NLMSG_DONE {
			return nil // old kernels end a dump without a code
		}
		return errMalformed
	}
	if code := int32(binary.NativeEndian.Uint32(m.payload)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// attrs walks the attributes of a message or of a nested attribute (struct nlattr). Numbers are in network byte order.
type attrs struct {
	rest []byte
	typ  uint16 // of the current attribute, without NLA_F_*
	val  []byte
	err  error
}

// next goes to the next attribute; false at the end, and with err set where the lengths do not add up.
func (a *attrs) next() bool {
	if len(a.rest) < unix.SizeofNlAttr {
		return false // less than a header is padding
	}
	size := int(binary.NativeEndian.Uint16(a.rest))
	if size < unix.SizeofNlAttr || size > len(a.rest) {
		a.err = errMalformed
		return false
	}
	a.typ = binary.NativeEndian.Uint16(a.rest[2:]) & nl.NLA_TYPE_MASK
	a.val = a.rest[unix.SizeofNlAttr:size]
	a.rest = a.rest[min(align(size), len(a.rest)):]
	return true
}

// room tells whether the value has n bytes; a shorter one is an error.
func (a *attrs) room(n int) bool {
	if len(a.val) < n {
		a.err = errMalformed
		return false
	}
	return true
}

func (a *attrs) u8() uint8 {
	if !a.room(1) {
		return 0
	}
	return a.val[0]
}

func (a *attrs) u16() uint16 {
	if !a.room(2) {
		return 0
	}
	return binary.BigEndian.Uint16(a.val)
}

func (a *attrs) u32() uint32 {
	if !a.room(4) {
		return 0
	}
	return binary.BigEndian.Uint32(a.val)
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
