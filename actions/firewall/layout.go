package firewall

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"vifd/internal/stmt"
)

// TableName is the table that is vifd's in each family; no other is ever touched.
const TableName = "vifd"

// valueSet names a set of guests' own values: those of a parameter, and of prefixes those of one length. A hash set for each
// length, looked up with the masked address, costs the same however many guests there are, where one set of intervals would
// cost milliseconds for every guest that goes.
type valueSet struct {
	param stmt.Type // TypeMAC, TypeIP or TypeIP6
	plen  int       // 0: whole addresses
}

// wholeSets are the sets that every table has, in the order they are added.
var wholeSets = []valueSet{{param: stmt.TypeMAC}, {param: stmt.TypeIP}, {param: stmt.TypeIP6}}

var valueTypes = map[stmt.Type]struct {
	name string
	key  nftables.SetDatatype
	size int // in bytes
}{
	stmt.TypeMAC: {"guest-mac", nftables.TypeEtherAddr, 6},
	stmt.TypeIP:  {"guest-ip", nftables.TypeIPAddr, 4},
	stmt.TypeIP6: {"guest-ip6", nftables.TypeIP6Addr, 16},
}

func (v valueSet) name() string {
	if v.plen == 0 {
		return valueTypes[v.param].name
	}
	return fmt.Sprintf("%s-%d", valueTypes[v.param].name, v.plen)
}

// bits is the length of the parameter's addresses.
func (v valueSet) bits() int { return 8 * valueTypes[v.param].size }

// parseValueSet is name's inverse.
func parseValueSet(name string) (valueSet, bool) {
	for param, t := range valueTypes {
		v := valueSet{param: param}
		if t.name == name {
			return v, true
		}
		if n, err := fmt.Sscanf(name, t.name+"-%d", &v.plen); n == 1 && err == nil && v.name() == name && v.plen < v.bits() {
			return v, true
		}
	}
	return valueSet{}, false
}

// layout is a table with its dispatch maps. It is made once and never changed, for it is shared by all batches.
type layout struct {
	family Family
	table  *nftables.Table
	base   map[string]*nftables.Chain
	vmaps  [2]*nftables.Set // by direction
	whole  map[stmt.Type]*nftables.Set
}

func newLayout(f Family) *layout {
	l := &layout{family: f, table: &nftables.Table{Name: TableName, Family: familyNumbers[f]}, base: make(map[string]*nftables.Chain)}
	accept := nftables.ChainPolicyAccept
	for _, h := range hooks[f] {
		priority := h.value
		l.base[h.name] = &nftables.Chain{
			Table: l.table, Name: h.name, Type: nftables.ChainTypeFilter, Hooknum: h.hook, Priority: &priority, Policy: &accept,
		}
	}
	for d := range directions {
		l.vmaps[d] = &nftables.Set{
			Table: l.table, Name: directions[d].vmap, IsMap: true, KeyType: nftables.TypeIFName, DataType: nftables.TypeVerdict,
			KeyByteOrder: binaryutil.NativeEndian, // or nft lists every name as ""
			Counter:      true,                    // of each guest's frames
		}
	}
	l.whole = make(map[stmt.Type]*nftables.Set)
	for _, v := range wholeSets {
		l.whole[v.param] = l.newSet(v)
	}
	return l
}

// set is a set of guests' values.
func (l *layout) set(v valueSet) *nftables.Set {
	if v.plen == 0 {
		return l.whole[v.param] // made once: every guest that comes or goes asks
	}
	return l.newSet(v)
}

func (l *layout) newSet(v valueSet) *nftables.Set {
	t := valueTypes[v.param]
	key := nftables.MustConcatSetType(nftables.TypeIFName, t.key)
	return &nftables.Set{Table: l.table, Name: v.name(), KeyType: key, Concatenation: true}
}

// judged is the set of the guests that a chain judges.
func (l *layout) judged(chain string) *nftables.Set {
	return &nftables.Set{
		Table: l.table, Name: chain, KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian,
		Counter: true, // as in the dispatch maps, which a judged guest's frames do not come to
	}
}

func (l *layout) chain(name string) *nftables.Chain {
	if base, ok := l.base[name]; ok {
		return base
	}
	return &nftables.Chain{Table: l.table, Name: name}
}

// mask keeps the first bits of an address of so many bytes.
func mask(bits, size int) []byte {
	m := make([]byte, size)
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// maskText is the mask as nft writes it.
func maskText(bits, size int) string {
	addr, _ := netip.AddrFromSlice(mask(bits, size))
	return addr.String()
}
