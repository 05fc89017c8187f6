package nat

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"unique"

	"github.com/google/nftables"

	"vifd/internal/nft"
	"vifd/internal/vif"
)

// element is one element of one of the tables' sets and maps. It is comparable, and small: a guest may have ten thousand ports.
type element struct {
	common unique.Handle[common]
	port   uint16 // of forwards
	toPort uint16
}

// common is what the elements of a range of ports have in common.
type common struct {
	family family
	shape  shape
	addr   netip.Addr // a guest's prefix; of forwards the source's; invalid: everybody

	iface string // of guests and uplinks

	// Of forwards:
	host  netip.Addr // invalid: every local one
	proto Protocol
	to    netip.Addr
}

func (c common) element() element { return element{common: unique.Make(c)} }

func (e element) compare(f element) int {
	if e.common != f.common {
		return e.common.Value().compare(f.common.Value())
	}
	return cmp.Or(cmp.Compare(e.port, f.port), cmp.Compare(e.toPort, f.toPort))
}

func (c common) compare(d common) int {
	return cmp.Or(cmp.Compare(c.family, d.family), c.shape.compare(d.shape), c.addr.Compare(d.addr), vif.CompareNames(c.iface, d.iface),
		strings.Compare(c.iface, d.iface), c.host.Compare(d.host), cmp.Compare(c.proto, d.proto), c.to.Compare(d.to))
}

// in is the set or map where e lives.
func (e element) in() home {
	c := e.common.Value()
	return home{c.family, c.shape}
}

type home struct {
	family family
	shape  shape
}

func (h home) set() *nftables.Set { return h.shape.set(h.family) }

// prefix is the guest's, or the source's of a forward.
func (c *common) prefix() netip.Prefix { return netip.PrefixFrom(c.addr, c.shape.plen) }

// ifnameSize is IFNAMSIZ of <linux/if.h>.
const ifnameSize = vif.MaxNameLen + 1

// encode is e for the library. Each field of a concatenation fills whole registers of four bytes.
func (e element) encode() nftables.SetElement {
	c := e.common.Value()
	var key []byte
	if c.addr.IsValid() {
		key = append(key, c.addr.AsSlice()...)
	}
	if c.shape.kind != forwards {
		name := make([]byte, ifnameSize)
		copy(name, c.iface)
		return nftables.SetElement{Key: append(key, name...)}
	}
	if c.host.IsValid() {
		key = append(key, c.host.AsSlice()...)
	}
	key = append(key, byte(c.proto), 0, 0, 0)
	return nftables.SetElement{Key: appendPort(key, e.port), Val: appendPort(c.to.AsSlice(), e.toPort)}
}

func appendPort(b []byte, port uint16) []byte {
	return append(binary.BigEndian.AppendUint16(b, port), 0, 0)
}

// text is e as nft writes it.
func (e element) text() string {
	c := e.common.Value()
	var key []string
	if c.addr.IsValid() {
		key = append(key, c.addr.String())
	}
	value := ""
	if c.shape.kind != forwards {
		key = append(key, strconv.Quote(c.iface))
	} else {
		if c.host.IsValid() {
			key = append(key, c.host.String())
		}
		key = append(key, c.proto.String(), strconv.Itoa(int(e.port)))
		value = " : " + c.to.String() + " . " + strconv.Itoa(int(e.toPort))
	}
	return c.shape.name(c.family) + " { " + strings.Join(key, " . ") + value + " }"
}

// decode turns an element that the kernel listed back; false for one that vifd cannot have put there.
func decode(fam family, s shape, have nft.Element) (element, bool) {
	c := common{family: fam, shape: s}
	r := reader{have.Key, true}
	size := familyFacts[fam].size
	if s.kind != forwards {
		c.addr = r.addr(size)
		name, _, _ := bytes.Cut(r.next(ifnameSize), []byte{0})
		c.iface = string(name)
		return c.element(), r.ok && c.iface != ""
	}
	if s.plen > 0 {
		c.addr = r.addr(size)
	}
	if s.at {
		c.host = r.addr(size)
	}
	c.proto = Protocol(r.next(4)[0])
	port := r.port()
	value := reader{have.Value, r.ok}
	c.to = value.addr(size)
	e := c.element()
	e.port, e.toPort = port, value.port()
	return e, value.ok
}

// reader takes the fields of a key apart; what is missing reads as zeros.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) next(n int) []byte {
	if len(r.b) < n {
		r.ok = false
		return make([]byte, n)
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *reader) addr(size int) netip.Addr {
	a, _ := netip.AddrFromSlice(r.next(size)) // 4 or 16 bytes
	return a
}

func (r *reader) port() uint16 { return binary.BigEndian.Uint16(r.next(4)) }
