package takeover

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Sizes of the fixed part of rtnetlink's messages.
const (
	addressHeader   = 8  // struct ifaddrmsg, linux/if_addr.h
	routeHeader     = 12 // struct rtmsg, linux/rtnetlink.h
	ruleHeader      = 12 // struct fib_rule_hdr, linux/fib_rules.h
	neighbourHeader = 12 // struct ndmsg, linux/neighbour.h
)

// object is one message of the kernel's, taken apart no further than is needed.
type object struct {
	header []byte
	attrs  []attr
}

// attr is one attribute, its type with the flags NLA_F_* as the kernel has them.
type attr struct {
	typ   uint16
	value []byte
}

func (a attr) kind() uint16 { return a.typ & nlaTypeMask }

const nlaTypeMask = ^uint16(unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)

// parseObject takes a message apart; it keeps nothing of b.
func parseObject(b []byte, header int) (object, error) {
	if len(b) < header {
		return object{}, fmt.Errorf("message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	b = slices.Clone(b)
	attrs, err := parseAttrs(b[header:])
	return object{header: b[:header:header], attrs: attrs}, err
}

func parseAttrs(b []byte) ([]attr, error) {
	var attrs []attr
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return nil, fmt.Errorf("attribute of %d bytes: %w", size, nlconn.ErrMalformed)
		}
		attrs = append(attrs, attr{typ: binary.NativeEndian.Uint16(b[2:]), value: b[unix.SizeofNlAttr:size:size]})
		b = b[min(align(size), len(b)):]
	}
	return attrs, nil
}

// bytes is the message again.
func (o object) bytes() []byte { return appendAttrs(slices.Clone(o.header), o.attrs) }

func appendAttrs(b []byte, attrs []attr) []byte {
	for _, a := range attrs {
		b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(a.value)))
		b = binary.NativeEndian.AppendUint16(b, a.typ)
		b = append(b, a.value...)
		b = append(b, make([]byte, align(len(a.value))-len(a.value))...)
	}
	return b
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// get is the value of an attribute, nil where there is none.
func (o object) get(kind uint16) []byte {
	for _, a := range o.attrs {
		if a.kind() == kind {
			return a.value
		}
	}
	return nil
}

// uint32 is the value of an attribute that is a number; absent where there is none, or a shorter one.
func (o object) uint32(kind uint16, absent uint32) uint32 {
	if v := o.get(kind); len(v) >= 4 {
		return binary.NativeEndian.Uint32(v)
	}
	return absent
}

// text is the value of an attribute that is a string.
func (o object) text(kind uint16) string {
	v, _, _ := bytes.Cut(o.get(kind), []byte{0})
	return string(v)
}

// with is the message with an attribute set, in its place where it has one.
func (o object) with(kind uint16, value []byte) object {
	o.attrs = slices.Clone(o.attrs)
	for i, a := range o.attrs {
		if a.kind() == kind {
			o.attrs[i].value = value
			return o
		}
	}
	o.attrs = append(o.attrs, attr{typ: kind, value: value})
	return o
}

// without is the message without some attributes.
func (o object) without(kinds ...uint16) object {
	o.attrs = slices.DeleteFunc(slices.Clone(o.attrs), func(a attr) bool { return slices.Contains(kinds, a.kind()) })
	return o
}

// withHeader is the message with its fixed part changed.
func (o object) withHeader(change func(h []byte)) object {
	o.header = slices.Clone(o.header)
	change(o.header)
	return o
}

// ident is the same for messages that say the same: the order of attributes says nothing.
func (o object) ident() string {
	o.attrs = slices.Clone(o.attrs)
	slices.SortStableFunc(o.attrs, func(a, b attr) int { return int(a.kind()) - int(b.kind()) })
	return string(o.bytes())
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func zeroTerminated(s string) []byte { return append([]byte(s), 0) }
