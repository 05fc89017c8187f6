package firewall

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifd/internal/nft"
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
	VerdictAccept VerdictKind = iota
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
	switch v.Kind {
	case VerdictDrop:
		return &expr.Verdict{Kind: expr.VerdictDrop}
	case VerdictGoto:
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: v.Chain}
	default:
		return &expr.Verdict{Kind: expr.VerdictAccept}
	}
}

// Guest is what the firewall is to know of one vif: how it is judged, and its own values. IPs holds both families; the
// link-local address that the guest derives from its MAC is added to them by itself.
type Guest struct {
	Interface string
	Profile   Profile
	MACs      []MAC
	IPs       []netip.Addr
}

// element is one element of one of the table's maps and sets, comparable.
type element struct {
	dir     direction // of a map
	param   stmt.Type // of a set; TypeNone: it is a map's
	value   string    // of a set: the bytes behind the interface's name
	verdict Verdict   // of a map
}

// elements is everything that the table holds of one guest, in the order it is written.
func (g *Guest) elements() []element {
	elems := make([]element, 0, len(directions)+2*len(g.MACs)+len(g.IPs))
	for d := range directions {
		elems = append(elems, element{dir: direction(d), verdict: g.Profile.verdicts[d]})
	}
	if g.Profile.verdicts[fromGuest].Kind != VerdictGoto && g.Profile.verdicts[toGuest].Kind != VerdictGoto {
		return elems // nobody looks its values up
	}
	add := func(param stmt.Type, value []byte) {
		e := element{param: param, value: string(value)}
		if !slices.Contains(elems, e) {
			elems = append(elems, e)
		}
	}
	for _, m := range g.MACs {
		add(stmt.TypeMAC, m[:])
	}
	for _, ip := range g.IPs {
		if ip.Is4() {
			add(stmt.TypeIP, ip.AsSlice())
		} else {
			add(stmt.TypeIP6, ip.AsSlice())
		}
	}
	for _, m := range g.MACs {
		add(stmt.TypeIP6, m.LinkLocal().AsSlice())
	}
	return elems
}

// set returns where e lives.
func (e *element) set(l *layout) *nftables.Set {
	if e.param == stmt.TypeNone {
		return l.vmaps[e.dir]
	}
	return l.sets[e.param]
}

// encode is e for the library; iface is the guest's interface. Each field of a concatenation fills whole registers of four
// bytes.
func (e *element) encode(iface string) nftables.SetElement {
	key := make([]byte, ifnameSize, ifnameSize+(len(e.value)+3)&^3)
	copy(key, iface)
	if e.param == stmt.TypeNone {
		return nftables.SetElement{Key: key, VerdictData: e.verdict.expr()}
	}
	key = append(key, e.value...)
	return nftables.SetElement{Key: key[:cap(key)]}
}

// text is e as nft writes it. It is made for every element that is written, in case the kernel refuses it.
func (e *element) text(iface string) string {
	if e.param == stmt.TypeNone {
		return directions[e.dir].vmap + " { " + strconv.Quote(iface) + " : " + e.verdict.String() + " }"
	}
	var value string
	switch e.param {
	case stmt.TypeMAC:
		value = MAC([]byte(e.value)).String()
	default:
		addr, _ := netip.AddrFromSlice([]byte(e.value))
		value = addr.String()
	}
	return setName(e.param) + " { " + strconv.Quote(iface) + " . " + value + " }"
}

// Plan returns the commands that connect g, in nft's syntax.
func (g *Guest) Plan() []string {
	var lines []string
	for _, e := range g.elements() {
		lines = append(lines, "add element bridge "+TableName+" "+e.text(g.Interface))
	}
	return lines
}

// decode turns an element that the kernel listed back; false for one that vifd cannot have put there.
func decode(have nft.Element, e element, size int) (iface string, _ element, ok bool) {
	if len(have.Key) < ifnameSize+size {
		return "", e, false
	}
	name, _, _ := bytes.Cut(have.Key[:ifnameSize], []byte{0})
	if e.param != stmt.TypeNone {
		e.value = string(have.Key[ifnameSize : ifnameSize+size])
		return string(name), e, len(name) > 0
	}
	switch have.Verdict {
	case unix.NFT_GOTO:
		e.verdict = Verdict{Kind: VerdictGoto, Chain: have.Chain}
	case nfAccept:
		e.verdict = Verdict{Kind: VerdictAccept}
	case nfDrop:
		e.verdict = Verdict{Kind: VerdictDrop}
	default:
		e.verdict = Verdict{Kind: verdictForeign}
	}
	return string(name), e, len(name) > 0
}

// The verdicts of <linux/netfilter.h>.
const (
	nfDrop   = 0
	nfAccept = 1
)

// valueSizes is the length of what stands behind the interface's name, by the parameter.
var valueSizes = map[stmt.Type]int{stmt.TypeMAC: 6, stmt.TypeIP: 4, stmt.TypeIP6: 16}
