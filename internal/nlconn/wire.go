package nlconn

import (
	"bytes"
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Message is one netlink message of a datagram. Its payload is valid until the next receive.
type Message struct {
	Type    uint16
	Flags   uint16
	Seq     uint32
	Payload []byte
}

// NextMessage cuts the first message off a datagram (struct nlmsghdr, netlink(7)).
func NextMessage(b []byte) (m Message, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return Message{}, nil, ErrMalformed
	}
	size := uint64(binary.NativeEndian.Uint32(b))
	if size < unix.SizeofNlMsghdr || size > uint64(len(b)) {
		return Message{}, nil, ErrMalformed
	}
	m = Message{
		Type:    binary.NativeEndian.Uint16(b[4:]),
		Flags:   binary.NativeEndian.Uint16(b[6:]),
		Seq:     binary.NativeEndian.Uint32(b[8:]),
		Payload: b[unix.SizeofNlMsghdr:size],
	}
	return m, b[min(align(int(size)), len(b)):], nil
}

// Attrs walks the attributes of a message or of a nested attribute (struct nlattr):
//
//	for a := Attributes(b); a.Next(); { switch a.Type … }
//
// and Err is looked at in the end.
type Attrs struct {
	Type  uint16 // of the current attribute, without NLA_F_*
	Value []byte // of the current attribute, still in the receive buffer
	Err   error  // why the walk ended early; who walks may set it to end it

	rest []byte
}

// Attributes begins a walk before the first attribute of b.
func Attributes(b []byte) Attrs { return Attrs{rest: b} }

// Next goes to the next attribute; false at the end, and with Err set, as it is where the lengths do not add up.
// It is just short enough for the compiler to inline it: a link has forty attributes, a bridge port eighty, most of them to be skipped.
func (a *Attrs) Next() bool {
	b := a.rest
	if a.Err != nil || len(b) < unix.SizeofNlAttr { // less than a header is padding
		return false
	}
	size := int(binary.NativeEndian.Uint16(b))
	if size < unix.SizeofNlAttr || size > len(b) {
		a.Err = ErrMalformed
		return false
	}
	a.Type = binary.NativeEndian.Uint16(b[2:]) & nl.NLA_TYPE_MASK
	a.Value, a.rest = b[unix.SizeofNlAttr:size], b[min(align(size), len(b)):]
	return true
}

// room tells whether the value has n bytes; a shorter one is an error, a longer one is read in part, as the kernel does.
func (a *Attrs) room(n int) bool {
	if len(a.Value) < n {
		a.Err = ErrMalformed
		return false
	}
	return true
}

// Uint8 reads the value; Uint32 does in the host's byte order, as rtnetlink has it.
func (a *Attrs) Uint8() uint8 {
	if !a.room(1) {
		return 0
	}
	return a.Value[0]
}

func (a *Attrs) Uint32() uint32 {
	if !a.room(4) {
		return 0
	}
	return binary.NativeEndian.Uint32(a.Value)
}

// NetUint16 and NetUint32 read the value in the network's byte order, as nfnetlink has it.
func (a *Attrs) NetUint16() uint16 {
	if !a.room(2) {
		return 0
	}
	return binary.BigEndian.Uint16(a.Value)
}

func (a *Attrs) NetUint32() uint32 {
	if !a.room(4) {
		return 0
	}
	return binary.BigEndian.Uint32(a.Value)
}

// Text is the value up to its NUL, still in the receive buffer.
func (a *Attrs) Text() []byte {
	if i := bytes.IndexByte(a.Value, 0); i >= 0 {
		return a.Value[:i]
	}
	return a.Value
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
