package stmt

// Base says from where a field is read.
type Base int

// The bases: the headers of nf_tables' payload expression, and its expressions meta, exthdr, ct and fib.
const (
	LinkHeader Base = iota
	NetworkHeader
	TransportHeader
	Meta
	Exthdr        // a field of an IPv6 extension header
	ExthdrPresent // whether there is such a header
	Ct
	Fib
)

// MetaKey is a key of nf_tables' meta expression (enum nft_meta_keys, <linux/netfilter/nf_tables.h>).
type MetaKey int

// The meta keys in use.
const (
	MetaProtocol MetaKey = iota
	MetaNFProto
	MetaL4Proto
	MetaPktType
	MetaMark
	MetaPriority
	MetaLength
	MetaIifname
	MetaOifname
	MetaIifgroup
	MetaOifgroup
	MetaIbrname
	MetaObrname
)

// CtKey is a key of nf_tables' ct expression (enum nft_ct_keys).
type CtKey int

// The conntrack keys in use.
const (
	CtKeyState CtKey = iota
	CtKeyStatus
	CtKeyMark
	CtKeyZone
	CtKeyDirection
)

// Lookup is a question to the routing tables (nft(8), "FIB EXPRESSIONS").
type Lookup struct {
	Source bool // about the packet's source address, else its destination
	Mark   bool // by the packet's mark
	Iif    bool // restricted to the interface it came in by
	Oif    bool // … it goes out by
	Result FibResult
}

// FibResult is what a Lookup answers.
type FibResult int

// The answers: whether there is a route, its interface's name, and the type of the address.
const (
	FibPresent FibResult = iota
	FibOifname
	FibAddrType
)

// Proto is a protocol that a packet must be of before a field of it means anything.
type Proto int

// The protocols that fields need. A layer 3 one is tested by `meta protocol`, which sees through a VLAN tag that the kernel
// has taken off, where nft's own test of the link header for ARP and ND does not; a layer 4 one by `meta l4proto`; VLAN by
// the ethertype.
const (
	VLAN Proto = iota
	ARP
	IP
	IP6
	ICMP
	ICMPv6
	TCP
	UDP
)

// Field is something of a packet that a statement can compare. Offsets and lengths are in bits, from the base's first.
type Field struct {
	Name   string // as nft spells it: "arp saddr ether"
	Base   Base
	Offset int
	Bits   int
	Meta   MetaKey
	Ct     CtKey
	Fib    Lookup
	Header uint8 // of Exthdr: the extension header's protocol number
	Type   *Datatype
	Needs  []Proto // outermost first
	Kinds  []byte  // of ICMP and ICMPv6: the message types that have the field; nil: all
	Option byte    // of ND: the type byte of the option that must stand right before the field; 0: none
}

// Size is the length of the field's values in bytes.
func (f *Field) Size() int { return (f.Bits + 7) / 8 }

// FieldByName returns the field that nft calls so; nil where there is none.
func FieldByName(name string) *Field { return fields()[name] }
