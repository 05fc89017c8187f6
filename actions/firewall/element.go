package firewall

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/google/nftables"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// element is one element of one of the tables' maps and sets, comparable.
type element struct {
	family  Family
	dir     direction // of a map
	judge   string    // of a set of the guests that a chain judges: the chain, whose name the set has as well
	set     valueSet  // of a set of values; without param: it is none
	value   string    // of a set of values: the bytes behind the interface's name
	verdict Verdict   // of a map
}

func (e *element) inMap() bool { return e.set.param == stmt.TypeNone && e.judge == "" }

// home returns where e lives.
func (e *element) home(l *layout) *nftables.Set {
	if e.inMap() {
		return l.vmaps[e.dir]
	}
	if e.judge != "" {
		return l.judged(e.judge)
	}
	return l.set(e.set)
}

// encode is e for the library; iface is the guest's interface. Each field of a concatenation fills whole registers of four
// bytes.
func (e *element) encode(iface string) nftables.SetElement {
	key := make([]byte, stmt.IfnameSize, stmt.IfnameSize+padded(len(e.value)))
	copy(key, iface)
	if e.inMap() {
		return nftables.SetElement{Key: key, VerdictData: e.verdict.expr()}
	}
	key = append(key, e.value...)
	return nftables.SetElement{Key: key[:cap(key)]}
}

// text is e as nft writes it. It is made for every element that is written, in case the kernel refuses it.
func (e *element) text(iface string) string {
	if e.inMap() {
		return directions[e.dir].vmap + " { " + strconv.Quote(iface) + " : " + e.verdict.String() + " }"
	}
	if e.judge != "" {
		return e.judge + " { " + strconv.Quote(iface) + " }"
	}
	var value string
	if e.set.param == stmt.TypeMAC {
		value = MAC([]byte(e.value)).String()
	} else {
		addr, _ := netip.AddrFromSlice([]byte(e.value)) // 4 or 16 bytes, as its set has
		value = addr.String()
	}
	return e.set.name() + " { " + strconv.Quote(iface) + " . " + value + " }"
}

// decode turns an element that the kernel listed back; false for one that vifd cannot have put there.
func decode(have nft.Element, e element) (iface string, _ element, ok bool) {
	size := 0
	if e.set.param != stmt.TypeNone {
		size = valueTypes[e.set.param].size
	}
	if len(have.Key) < stmt.IfnameSize+size {
		return "", e, false
	}
	name, _, _ := bytes.Cut(have.Key[:stmt.IfnameSize], []byte{0})
	if e.judge != "" {
		return string(name), e, len(name) > 0
	}
	if e.set.param != stmt.TypeNone {
		e.value = string(have.Key[stmt.IfnameSize : stmt.IfnameSize+size])
		return string(name), e, len(name) > 0
	}
	switch have.Verdict {
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
