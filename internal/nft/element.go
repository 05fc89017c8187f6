package nft

import (
	"encoding/binary"
	"errors"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// errElement says that an element has more to it than what vifd's have.
var errElement = errors.New("an element of more than a key and a verdict or value")

// elementMessage is what follows the netlink header of a message about elements of a set. It is the one message encoded
// here: guests come and go by it, and the library makes a hundred small allocations for each that does.
func elementMessage(s *nftables.Set, elems []nftables.SetElement) ([]byte, error) {
	size := sizeofNfgenmsg + 3*unix.SizeofNlAttr + len(s.Table.Name) + len(s.Name) + 8
	for i := range elems {
		size += elementSize(&elems[i])
	}
	b := make([]byte, 0, size)
	b = append(b, byte(s.Table.Family), unix.NFNETLINK_V0, 0, 0)
	b = appendString(b, unix.NFTA_SET_ELEM_LIST_TABLE, s.Table.Name)
	b = appendString(b, unix.NFTA_SET_ELEM_LIST_SET, s.Name)
	b, list := openNest(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	for i := range elems {
		e := &elems[i]
		if len(e.KeyEnd)+len(e.Comment) > 0 || e.VerdictData != nil && e.Val != nil || e.IntervalEnd || e.Timeout != 0 || e.Expires != 0 || e.Counter != nil {
			return nil, errElement
		}
		b = appendElement(b, e)
	}
	closeNest(b, list)
	return b, nil
}

// elementSize is an upper bound of what appendElement adds.
func elementSize(e *nftables.SetElement) int {
	n := 3*unix.SizeofNlAttr + align(len(e.Key))
	if e.Val != nil {
		n += 2*unix.SizeofNlAttr + align(len(e.Val))
	}
	if e.VerdictData != nil {
		n += 4*unix.SizeofNlAttr + 4 + align(len(e.VerdictData.Chain)+1)
	}
	return n
}

func appendElement(b []byte, e *nftables.SetElement) []byte {
	b, item := openNest(b, unix.NFTA_LIST_ELEM)
	b, key := openNest(b, unix.NFTA_SET_ELEM_KEY)
	b = appendAttr(b, unix.NFTA_DATA_VALUE, e.Key)
	closeNest(b, key)
	if v := e.VerdictData; v != nil {
		var data, verdict int
		b, data = openNest(b, unix.NFTA_SET_ELEM_DATA)
		b, verdict = openNest(b, unix.NFTA_DATA_VERDICT)
		b = appendHeader(b, unix.NFTA_VERDICT_CODE, 4)
		b = binary.BigEndian.AppendUint32(b, uint32(v.Kind))
		if v.Chain != "" {
			b = appendString(b, unix.NFTA_VERDICT_CHAIN, v.Chain)
		}
		closeNest(b, verdict)
		closeNest(b, data)
	}
	if e.Val != nil {
		var data int
		b, data = openNest(b, unix.NFTA_SET_ELEM_DATA)
		b = appendAttr(b, unix.NFTA_DATA_VALUE, e.Val)
		closeNest(b, data)
	}
	closeNest(b, item)
	return b
}

// appendHeader begins an attribute of n bytes.
func appendHeader(b []byte, kind uint16, n int) []byte {
	b = native.AppendUint16(b, uint16(unix.SizeofNlAttr+n))
	return native.AppendUint16(b, kind)
}

func appendAttr(b []byte, kind uint16, value []byte) []byte {
	return pad(append(appendHeader(b, kind, len(value)), value...))
}

// appendString appends a text with the zero that the kernel wants behind it.
func appendString(b []byte, kind uint16, s string) []byte {
	return pad(append(append(appendHeader(b, kind, len(s)+1), s...), 0))
}

func pad(b []byte) []byte {
	for len(b)%unix.NLA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// openNest begins an attribute that holds others; closeNest, given where it is, ends it.
func openNest(b []byte, kind uint16) (_ []byte, at int) {
	return appendHeader(b, kind|unix.NLA_F_NESTED, 0), len(b)
}

func closeNest(b []byte, at int) { native.PutUint16(b[at:], uint16(len(b)-at)) }
