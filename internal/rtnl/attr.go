package rtnl

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// errMalformed says that a message's lengths do not add up; the kernel does not send such.
var errMalformed = errors.New("malformed netlink message")

// message is one netlink message of a datagram. Its payload is valid until the next receive.
type message struct {
	typ     uint16
	flags   uint16
	seq     uint32
	payload []byte
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

// attrs walks the attributes of a message or of a nested attribute (struct nlattr).
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

// u8 and u32 read an attribute's value; a short one is an error, a longer one is read in part, as the kernel does.
func (a *attrs) u8() uint8 {
	if len(a.val) < 1 {
		a.err = errMalformed
		return 0
	}
	return a.val[0]
}

func (a *attrs) u32() uint32 {
	if len(a.val) < 4 {
		a.err = errMalformed
		return 0
	}
	return binary.NativeEndian.Uint32(a.val)
}

// text is the value up to its NUL, still in the receive buffer.
func (a *attrs) text() []byte {
	if i := bytes.IndexByte(a.val, 0); i >= 0 {
		return a.val[:i]
	}
	return a.val
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
