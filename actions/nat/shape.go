package nat

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// TableName is the table that is vifd's in each of the two families; no other is ever touched.
const TableName = "vifd"

// family is a table's.
type family int

const (
	ip4 family = iota
	ip6
	families
)

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ip4
	}
	return ip6
}

// facts are what differs between the families.
type facts struct {
	name         string
	number       nftables.TableFamily
	proto        uint32 // NFPROTO_IPV4, NFPROTO_IPV6
	size         int    // of an address in bytes
	saddr, daddr uint32 // offsets in the header
	addr         nftables.SetDatatype
}

var familyFacts = [families]facts{
	ip4: {"ip", nftables.TableFamilyIPv4, unix.NFPROTO_IPV4, 4, 12, 16, nftables.TypeIPAddr},
	ip6: {"ip6", nftables.TableFamilyIPv6, unix.NFPROTO_IPV6, 16, 8, 24, nftables.TypeIP6Addr},
}

func (f family) String() string { return familyFacts[f].name }

func (f family) table() *nftables.Table {
	return &nftables.Table{Name: TableName, Family: familyFacts[f].number}
}

// bits is the length of an address.
func (f family) bits() int { return 8 * familyFacts[f].size }

// kind is what a set or map is for.
type kind int

const (
	guests   kind = iota // a guest's prefix and its interface
	uplinks              // a guest's prefix and its uplink
	forwards             // of the host's ports
)

var kindNames = [...]string{guests: "guests", uplinks: "uplinks", forwards: "forward"}

// shape is a set or map of one table. plen is the length of the prefixes in it; of forwards those of their sources, 0 where they are
// open to everybody. at tells that they name the host's address.
type shape struct {
	kind kind
	plen int
	at   bool
}

func (s shape) compare(t shape) int {
	at := func(s shape) int {
		if s.at {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(s.kind, t.kind), cmp.Compare(at(s), at(t)), cmp.Compare(s.plen, t.plen))
}

// name is the set's in fam's table: guests, guests-64, forward-at-from-24.
func (s shape) name(fam family) string {
	n := kindNames[s.kind]
	switch {
	case s.kind != forwards && s.plen < fam.bits():
		return fmt.Sprintf("%s-%d", n, s.plen)
	case s.kind != forwards:
		return n
	}
	if s.at {
		n += "-at"
	}
	if s.plen > 0 {
		n += fmt.Sprintf("-from-%d", s.plen)
	}
	return n
}

// parseShape is name's inverse.
func parseShape(fam family, name string) (shape, bool) {
	var s shape
	rest, isForward := strings.CutPrefix(name, kindNames[forwards])
	switch {
	case isForward:
		s.kind = forwards
		rest, s.at = strings.CutPrefix(rest, "-at")
		_, _ = fmt.Sscanf(rest, "-from-%d", &s.plen) // compared below
	default:
		if strings.HasPrefix(name, kindNames[uplinks]) {
			s.kind = uplinks
		}
		if n, _ := fmt.Sscanf(strings.TrimPrefix(name, kindNames[s.kind]), "-%d", &s.plen); n == 0 {
			s.plen = fam.bits()
		}
	}
	ok := s.plen >= 0 && s.plen <= fam.bits() && s.name(fam) == name
	return s, ok
}

// set is the set or map in fam's table.
func (s shape) set(fam family) *nftables.Set {
	set := &nftables.Set{Table: fam.table(), Name: s.name(fam), Concatenation: true}
	addr := familyFacts[fam].addr
	if s.kind != forwards {
		set.KeyType = nftables.MustConcatSetType(addr, nftables.TypeIFName)
		return set
	}
	var key []nftables.SetDatatype
	if s.plen > 0 {
		key = append(key, addr)
	}
	if s.at {
		key = append(key, addr)
	}
	set.KeyType = nftables.MustConcatSetType(append(key, nftables.TypeInetProto, nftables.TypeInetService)...)
	set.IsMap, set.DataType = true, nftables.MustConcatSetType(addr, nftables.TypeInetService)
	return set
}
