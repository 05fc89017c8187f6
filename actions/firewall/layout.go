package firewall

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"vifd/internal/stmt"
)

// TableName is the table that is vifd's; no other is ever touched.
const TableName = "vifd"

// Names within the table. Base chains and maps are named for where a frame comes from or goes to.
const (
	basePrerouting  = "prerouting"
	basePostrouting = "postrouting"
	mapFromGuest    = "from-guest"
	mapToGuest      = "to-guest"
)

// Priorities of the base chains: NF_BR_PRI_NAT_DST_BRIDGED and NF_BR_PRI_NAT_SRC of <linux/netfilter_bridge.h>, which nft
// calls dstnat and srcnat. The library's constants are those of IPv4.
const (
	priorityPrerouting  nftables.ChainPriority = -300
	priorityPostrouting nftables.ChainPriority = 300
)

// direction is that of a frame, as the guest's owner sees it.
type direction int

const (
	fromGuest direction = iota
	toGuest
)

var directions = [...]struct {
	prefix string // of chain names
	ifname string // the key that holds the guest's interface
	base   string
	vmap   string
}{
	fromGuest: {"from/", "iifname", basePrerouting, mapFromGuest},
	toGuest:   {"to/", "oifname", basePostrouting, mapToGuest},
}

// layout is the table with its maps and sets. It is made once and never changed, for it is shared by all batches.
type layout struct {
	table *nftables.Table
	base  [2]*nftables.Chain          // by direction
	vmaps [2]*nftables.Set            // by direction
	sets  map[stmt.Type]*nftables.Set // a guest's own values, by the parameter that stands for them
}

// guestSets names the set behind $mac, $ip and $ip6, in the order they are added.
var guestSets = []struct {
	param stmt.Type
	name  string
	value nftables.SetDatatype
}{
	{stmt.TypeMAC, "guest-mac", nftables.TypeEtherAddr},
	{stmt.TypeIP, "guest-ip", nftables.TypeIPAddr},
	{stmt.TypeIP6, "guest-ip6", nftables.TypeIP6Addr},
}

func setName(param stmt.Type) string {
	for _, s := range guestSets {
		if s.param == param {
			return s.name
		}
	}
	return ""
}

func newLayout() (*layout, error) {
	table := &nftables.Table{Name: TableName, Family: nftables.TableFamilyBridge}
	accept := nftables.ChainPolicyAccept
	pre, post := priorityPrerouting, priorityPostrouting
	l := &layout{table: table, sets: make(map[stmt.Type]*nftables.Set)}
	l.base[fromGuest] = &nftables.Chain{
		Table: table, Name: basePrerouting, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: &pre, Policy: &accept,
	}
	l.base[toGuest] = &nftables.Chain{
		Table: table, Name: basePostrouting, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPostrouting, Priority: &post, Policy: &accept,
	}
	for d := range directions {
		l.vmaps[d] = &nftables.Set{
			Table: table, Name: directions[d].vmap, IsMap: true, KeyType: nftables.TypeIFName, DataType: nftables.TypeVerdict,
			KeyByteOrder: binaryutil.NativeEndian, // or nft lists every name as ""
		}
	}
	for _, s := range guestSets {
		key, err := nftables.ConcatSetType(nftables.TypeIFName, s.value)
		if err != nil {
			return nil, err
		}
		l.sets[s.param] = &nftables.Set{Table: table, Name: s.name, KeyType: key, Concatenation: true}
	}
	return l, nil
}
