package nft

import (
	"bytes"
	"iter"

	"golang.org/x/sys/unix"
)

// sizeofNfgenmsg is the length of struct nfgenmsg (<linux/netfilter/nfnetlink.h>), which precedes the attributes.
const sizeofNfgenmsg = 4

// message is one netlink message of a datagram.
type message struct {
	kind  uint16
	flags uint16
	seq   uint32
	data  []byte
}

// messages walks a datagram; it stops where a length does not fit.
func messages(b []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for len(b) >= unix.SizeofNlMsghdr {
			n := int(native.Uint32(b))
			if n < unix.SizeofNlMsghdr || n > len(b) {
				return
			}
			m := message{kind: native.Uint16(b[4:]), flags: native.Uint16(b[6:]), seq: native.Uint32(b[8:]), data: b[unix.SizeofNlMsghdr:n]}
			if !yield(m) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// extendedAck returns the kernel's words in an error message, if it has any: attributes behind the errno and the header
// of the message that it answers.
func (m message) extendedAck() string {
	if m.flags&unix.NLM_F_ACK_TLVS == 0 || len(m.data) < 4+unix.SizeofNlMsghdr {
		return ""
	}
	for kind, data := range attributes(m.data[4+unix.SizeofNlMsghdr:]) {
		if kind == unix.NLMSGERR_ATTR_MSG {
			return cString(data)
		}
	}
	return ""
}

// attributes walks netlink attributes, flags of the type taken off; it stops where a length does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			n := int(native.Uint16(b))
			if n < unix.SizeofNlAttr || n > len(b) {
				return
			}
			if !yield(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofNlAttr:n]) {
				return
			}
			b = b[min(align(n), len(b)):]
		}
	}
}

// attribute returns the attributes' first of a type, or nil.
func attribute(b []byte, want uint16) []byte {
	for kind, data := range attributes(b) {
		if kind == want {
			return data
		}
	}
	return nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
