package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// Addresses and prefixes that are the host's or anybody's; address.go has the guests'.

// parsePrefix reads a prefix, or an address as a prefix of full length.
func parsePrefix(text string) (netip.Prefix, *valueError) {
	fail := func(msg, hint string) (netip.Prefix, *valueError) {
		return netip.Prefix{}, &valueError{code: codeIP, len: len(text), msg: msg, hint: hint}
	}
	if !strings.Contains(text, "/") {
		addr, verr := parseAddr(text)
		if verr != nil {
			return netip.Prefix{}, verr
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fail(fmt.Sprintf("%s is not an IP prefix", short(text)), "write it as in 192.0.2.0/24 or 2001:db8::/48")
	case p.Addr().Is4In6():
		return fail(fmt.Sprintf("%s is an IPv4 prefix mapped into IPv6", text), "write it as IPv4")
	case p != p.Masked():
		return fail(fmt.Sprintf("%s has bits set behind its length", text), fmt.Sprintf("write %s", p.Masked()))
	}
	return p, nil
}

func parseAddr(text string) (netip.Addr, *valueError) {
	fail := func(msg, hint string) (netip.Addr, *valueError) {
		return netip.Addr{}, &valueError{code: codeIP, len: len(text), msg: msg, hint: hint}
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return fail(fmt.Sprintf("%s is not an IP address", short(text)), "write it as in 192.0.2.7 or 2001:db8::7")
	case addr.Zone() != "":
		return fail(fmt.Sprintf("%s has a zone, and none is taken", text), fmt.Sprintf("write %s", addr.WithZone("")))
	case addr.Is4In6():
		return fail(fmt.Sprintf("%s is an IPv4 address mapped into IPv6", text), fmt.Sprintf("write it as IPv4: %s", addr.Unmap()))
	}
	return addr, nil
}

// parseHostAddr reads an address that a host on the network can have.
func parseHostAddr(text string) (netip.Addr, *valueError) {
	if addr, _, ok := strings.Cut(text, "/"); ok {
		return netip.Addr{}, &valueError{code: codeIP, off: len(addr), len: len(text) - len(addr), msg: "an address takes no length here", hint: "write " + addr}
	}
	addr, verr := parseAddr(text)
	if verr != nil {
		return netip.Addr{}, verr
	}
	for _, f := range foreign {
		if f.prefix.Contains(addr) {
			return netip.Addr{}, &valueError{code: codeIP, len: len(text), msg: fmt.Sprintf("%s is %s, and no host's on the network", text, f.one)}
		}
	}
	return addr, nil
}

// hostAddrs reads addresses, each of them once.
func (d *decoder) hostAddrs(n *yaml.Node, what string) []netip.Addr {
	var list []netip.Addr
	first := map[netip.Addr]*yaml.Node{}
	for _, item := range d.oneOrMore(n, what) {
		addr, ok := d.hostAddr(item, what)
		if !ok {
			continue
		}
		if before := first[addr]; before != nil {
			d.rep.add(Problem{
				Pos: d.src.node(item), Code: codeConflict, Msg: fmt.Sprintf("%s is there twice", addr),
				Hint: "remove one of the two", Related: &Related{Pos: d.src.node(before), Msg: "first given here"},
			})
			continue
		}
		first[addr] = item
		list = append(list, addr)
	}
	return list
}

func (d *decoder) hostAddr(n *yaml.Node, what string) (netip.Addr, bool) {
	n, ok := d.settled(n, what)
	if !ok {
		return netip.Addr{}, false
	}
	v, ok := d.text(n, what)
	if !ok {
		return netip.Addr{}, false
	}
	addr, verr := parseHostAddr(v)
	if verr != nil {
		d.value(n, verr)
		return netip.Addr{}, false
	}
	return addr, true
}
