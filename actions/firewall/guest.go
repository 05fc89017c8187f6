package firewall

import (
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

// MAC is a guest's hardware address.
type MAC [6]byte

func (m MAC) String() string {
	return net.HardwareAddr(m[:]).String()
}

// LinkLocal is the address that a guest makes of m by itself (EUI-64; RFC 4291, 2.5.1 and appendix A).
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// VerdictKind is what an element of a dispatch map says.
type VerdictKind int

// The verdicts of a dispatch map.
const (
	verdictNone VerdictKind = iota // no element
	VerdictAccept
	VerdictDrop
	VerdictGoto
	verdictForeign // found in the kernel, and none that vifd writes: return, jump …
)

// Verdict says where the frames of a guest are judged.
type Verdict struct {
	Kind  VerdictKind
	Chain string // of VerdictGoto
}

func (v Verdict) String() string {
	switch v.Kind {
	case VerdictDrop:
		return "drop"
	case VerdictGoto:
		return "goto " + v.Chain
	case verdictForeign:
		return "a verdict that is not vifd's"
	default:
		return "accept"
	}
}

func (v Verdict) expr() *expr.Verdict {
	if v.Kind == VerdictDrop {
		return &expr.Verdict{Kind: expr.VerdictDrop}
	}
	return &expr.Verdict{Kind: expr.VerdictAccept}
}

// Guest is what the firewall is to know of one vif: how it is judged, and its own values. IPs holds both families, addresses
// and prefixes; the link-local address that the guest derives from its MAC is added to them by itself.
type Guest struct {
	Interface string
	Profile   Profile
	MACs      []MAC
	IPs       []netip.Prefix
}

// judged reports whether any template judges g: nobody else's values are looked up.
func (g *Guest) judged() bool {
	for _, verdicts := range g.Profile.verdicts {
		for _, v := range verdicts {
			if v.Kind == VerdictGoto {
				return true
			}
		}
	}
	return false
}

// elements is everything that the tables hold of one guest, in the order it is written.
func (g *Guest) elements() []element {
	elems := make([]element, 0, len(directions)+2*len(g.MACs)+len(g.IPs))
	for f := range families {
		for d := range directions {
			switch v := g.Profile.verdicts[f][d]; v.Kind {
			case verdictNone:
			case VerdictGoto:
				elems = append(elems,
					element{family: f, dir: direction(d), verdict: Verdict{Kind: VerdictDrop}}, // should it be in no set; see dispatch
					element{family: f, dir: direction(d), judge: v.Chain})
			default:
				elems = append(elems, element{family: f, dir: direction(d), verdict: v})
			}
		}
	}
	if !g.judged() {
		return elems
	}
	add := func(set valueSet, value []byte) {
		for _, f := range familiesOf(g.Profile.routed) {
			e := element{family: f, set: set, value: string(value)}
			if !slices.Contains(elems, e) && (f != ARP || set.param != stmt.TypeIP6) {
				elems = append(elems, e)
			}
		}
	}
	for _, m := range g.MACs {
		add(valueSet{param: stmt.TypeMAC}, m[:])
	}
	for _, ip := range g.IPs {
		add(prefixSet(ip), ip.Masked().Addr().AsSlice())
	}
	for _, m := range g.MACs {
		add(valueSet{param: stmt.TypeIP6}, m.LinkLocal().AsSlice())
	}
	return elems
}

// prefixSet is where a guest's addresses are kept.
func prefixSet(ip netip.Prefix) valueSet {
	set := valueSet{param: stmt.TypeIP6}
	if ip.Addr().Is4() {
		set.param = stmt.TypeIP
	}
	if !ip.IsSingleIP() {
		set.plen = ip.Bits()
	}
	return set
}

// Plan returns the commands that connect g, in nft's syntax.
func (g *Guest) Plan() []string {
	var lines []string
	for _, e := range g.elements() {
		lines = append(lines, "add element "+e.family.String()+" "+TableName+" "+e.text(g.Interface))
	}
	return lines
}
