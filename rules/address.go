package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ParseGuestIP reads an address or prefix that a guest can have as its own; an address becomes a prefix of full length.
func ParseGuestIP(text string) (netip.Prefix, error) {
	p, verr := parseGuestIP(text)
	if verr != nil {
		return netip.Prefix{}, verr
	}
	return p, nil
}

// GuestIPText is the text that ParseGuestIP reads p from, as facts have it: of an address without its length.
func GuestIPText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// foreign are the addresses that are no host's own: RFC 1122, 3.2.1.3, RFC 4291, 2.4 and 2.5.
var foreign = [...]struct {
	prefix netip.Prefix
	one    string // "is …"
	some   string // "holds …"
}{
	{netip.MustParsePrefix("0.0.0.0/32"), "the unspecified address", "the unspecified address"},
	{netip.MustParsePrefix("::/128"), "the unspecified address", "the unspecified address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address", "multicast addresses"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address", "multicast addresses"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address", "loopback addresses"},
	{netip.MustParsePrefix("::1/128"), "a loopback address", "the loopback address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast address", "the broadcast address"},
}

// parseGuestIP takes an address that one guest can have as its own, or a prefix of them.
func parseGuestIP(text string) (netip.Prefix, *valueError) {
	fail := func(msg, hint string) (netip.Prefix, *valueError) {
		return netip.Prefix{}, &valueError{code: codeIP, len: len(text), msg: msg, hint: hint}
	}
	var p netip.Prefix
	var err error
	if strings.Contains(text, "/") {
		if p, err = netip.ParsePrefix(text); err != nil {
			return fail(fmt.Sprintf("%s is not an IP prefix", short(text)), "write it as in 192.0.2.0/28 or 2001:db8:7::/64")
		}
	} else {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(text); err != nil {
			return fail(fmt.Sprintf("%s is not an IP address", short(text)), "write it as in 192.0.2.7 or 2001:db8::7")
		}
		if addr.Zone() != "" {
			return fail(fmt.Sprintf("%s has a zone; a guest's address takes none", text), fmt.Sprintf("write %s", addr.WithZone("")))
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		hint := ""
		if bits := p.Bits() - 96; bits >= 0 {
			hint = "write " + GuestIPText(netip.PrefixFrom(p.Addr().Unmap(), bits))
		}
		return fail(fmt.Sprintf("%s is an IPv4 address mapped into IPv6, which never goes over a wire", text), hint)
	case p != p.Masked():
		return fail(fmt.Sprintf("%s has bits set behind its length", text), fmt.Sprintf("write %s for the network, or %s for the address", p.Masked(), p.Addr()))
	case p.Bits() == 0:
		return fail(fmt.Sprintf("%s is every address; a guest needs some of its own", text), "")
	}
	for _, f := range foreign {
		switch {
		case !f.prefix.Overlaps(p):
		case p.IsSingleIP():
			return fail(fmt.Sprintf("%s is %s; a guest needs one of its own", text, f.one), "")
		default:
			return fail(fmt.Sprintf("%s holds %s; a guest needs some of its own", text, f.some), "")
		}
	}
	return p, nil
}

// guestAddr is one address or prefix of the inventory.
type guestAddr struct {
	prefix netip.Prefix
	pos    Pos
}

// checkGuestAddrs reports addresses that are given twice. Sorted, a prefix comes before all that lies within it, so that one pass
// with a stack of those still open finds every overlap.
func (b *builder) checkGuestAddrs(rep *Report) {
	addrs := b.guests.addrs
	order := make([]int, len(addrs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		p, q := addrs[i].prefix, addrs[j].prefix
		return cmp.Or(p.Addr().Compare(q.Addr()), cmp.Compare(p.Bits(), q.Bits()), cmp.Compare(i, j))
	})
	var open []int
	reported := map[int]bool{}
	for _, i := range order {
		for len(open) > 0 && !addrs[open[len(open)-1]].prefix.Contains(addrs[i].prefix.Addr()) {
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			open = append(open, i)
			continue
		}
		// The later one in the files is the one that is wrong.
		around := open[len(open)-1]
		first, second := min(i, around), max(i, around)
		if !reported[second] {
			reported[second] = true
			rep.add(overlapping(&addrs[first], &addrs[second]))
		}
		if addrs[i].prefix != addrs[around].prefix {
			open = append(open, i)
		}
	}
}

func overlapping(first, second *guestAddr) Problem {
	what := "address"
	if !second.prefix.IsSingleIP() {
		what = "prefix"
	}
	msg := fmt.Sprintf("%s %s is given twice; it can be one guest's only", what, GuestIPText(second.prefix))
	if first.prefix != second.prefix {
		msg = fmt.Sprintf("%s %s overlaps %s; an address can be one guest's only", what, GuestIPText(second.prefix), GuestIPText(first.prefix))
	}
	return Problem{Pos: second.pos, Code: codeGuestTwice, Msg: msg, Related: &Related{Pos: first.pos, Msg: "first given here"}}
}
