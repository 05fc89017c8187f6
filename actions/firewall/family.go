package firewall

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Family is a table's. Frames of a bridged guest pass the bridge's hooks; packets of a routed or NATed one those of inet,
// and its ARP those of arp.
type Family int

// The families, one table each.
const (
	Bridge Family = iota
	Inet
	ARP
	families // how many there are
)

var familyNames = [families]string{Bridge: "bridge", Inet: "inet", ARP: "arp"}

func (f Family) String() string { return familyNames[f] }

var familyNumbers = [families]nftables.TableFamily{
	Bridge: nftables.TableFamilyBridge, Inet: nftables.TableFamilyINet, ARP: nftables.TableFamilyARP,
}

// familiesOf are the tables in which a guest is judged.
func familiesOf(routed bool) []Family {
	if routed {
		return []Family{Inet, ARP}
	}
	return []Family{Bridge}
}

// direction is that of a frame, as the guest's owner sees it.
type direction int

const (
	fromGuest direction = iota
	toGuest
)

var directions = [...]struct {
	name   string
	prefix string // of chain names
	ifname string // the key that holds the guest's interface
	key    expr.MetaKey
	vmap   string
}{
	fromGuest: {"from-guest", "from/", "iifname", expr.MetaKeyIIFNAME, "from-guest"},
	toGuest:   {"to-guest", "to/", "oifname", expr.MetaKeyOIFNAME, "to-guest"},
}

// hook is a base chain. priority is nft's name for value, which differs between families.
type hook struct {
	name     string
	dir      direction
	hook     *nftables.ChainHook
	value    nftables.ChainPriority
	priority string
	reserved bool // for frames to IEEE 802.1Q's reserved group alone
}

// hooks are the base chains of each family. What a guest sends is judged before anybody acts on it: a bridge learns and a
// router answers after prerouting. Both come after connection tracking (NF_IP_PRI_CONNTRACK, -200, in the bridge family as
// well), or `ct` would know nothing. What is sent to a guest is judged last; of inet that is forward and output, since the
// kernel rejects nothing in postrouting. Frames to the reserved group 01:80:c2:00:00:0X are mostly the bridge's own, and come
// to input alone (br_handle_frame, net/bridge/br_input.c): a bridge learns from those, too.
var hooks = [families][]hook{
	Bridge: {
		{"prerouting", fromGuest, nftables.ChainHookPrerouting, -190, "filter + 10", false},
		{"input", fromGuest, nftables.ChainHookInput, -200, "filter", true},
		{"postrouting", toGuest, nftables.ChainHookPostrouting, 300, "srcnat", false},
	},
	Inet: {
		{"prerouting", fromGuest, nftables.ChainHookPrerouting, -150, "mangle", false},
		{"forward", toGuest, nftables.ChainHookForward, 0, "filter", false},
		{"output", toGuest, nftables.ChainHookOutput, 0, "filter", false},
	},
	ARP: {
		// The numbers are NF_ARP_IN and NF_ARP_OUT of <linux/netfilter_arp.h>.
		{"input", fromGuest, nftables.ChainHookRef(0), 0, "filter", false},
		{"output", toGuest, nftables.ChainHookRef(1), 0, "filter", false},
	},
}
