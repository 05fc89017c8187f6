package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"gopkg.in/yaml.v3"
)

// subnet is one prefix out of which guests get their addresses.
type subnet struct {
	prefix  netip.Prefix
	pos     Pos
	network string // empty: a rule's own
}

// subnet reads the subnet of a network, or that of a rule where network is empty: a prefix, or one of each family. IPv4 comes first.
func (d *decoder) subnet(n *yaml.Node, network string) []netip.Prefix {
	var list []netip.Prefix
	var first [2]*yaml.Node // of each family
	for _, item := range d.oneOrMore(n, "subnet") {
		if network == "" && d.holdsFact(item) {
			d.noFact(item, "a rule's subnet", ofSubnet, "declare a network for each, and have the fact name one: nat: ${fact}")
			continue
		}
		v, ok := d.text(item, "subnet")
		if !ok || d.substituted(item, "subnet") {
			continue
		}
		p, verr := parseSubnet(v)
		if verr != nil {
			d.value(item, verr)
			continue
		}
		family, name := 0, "IPv4"
		if p.Addr().Is6() {
			family, name = 1, "IPv6"
		}
		if before := first[family]; before != nil {
			d.rep.add(Problem{
				Pos: d.src.node(item), Code: codeManyValues, Msg: fmt.Sprintf("subnet has one prefix of each family, and this is a second %s one", name),
				Hint: "make two networks of it", Related: &Related{Pos: d.src.node(before), Msg: "the first is here"},
			})
			continue
		}
		first[family] = item
		list = append(list, p)
		d.set.subnets = append(d.set.subnets, subnet{p, d.src.node(item), network})
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}

// The lengths of a subnet. In 10.0.0.0/8 guests get the addresses that Xen's vif-nat gave them, in a /30 there is room for one guest
// and its gateway. In IPv6 each guest has a /64 of its own (RFC 4291, 2.5.1), and a /56 has room for 255.
const (
	minBits4, maxBits4 = 8, 30
	minBits6, maxBits6 = 16, 56
)

func parseSubnet(text string) (netip.Prefix, *valueError) {
	p, verr := parsePrefix(text)
	if verr != nil {
		return netip.Prefix{}, verr
	}
	lo, hi, family := minBits4, maxBits4, "an IPv4"
	hint := "a guest and its gateway need four addresses"
	if p.Addr().Is6() {
		lo, hi, family = minBits6, maxBits6, "an IPv6"
		hint = "a guest gets a /64 of its own"
	}
	what := ""
	for _, f := range foreign {
		if f.prefix.Overlaps(p) {
			what = f.some
		}
	}
	if p.Addr().IsLinkLocalUnicast() {
		what = "link-local addresses, which are never routed"
	}
	switch {
	case p.Bits() < lo || p.Bits() > hi:
		if p.Bits() < lo {
			hint = "nobody has that many guests"
		}
		return netip.Prefix{}, &valueError{code: codeOutOfRange, len: len(text), msg: fmt.Sprintf("%s subnet is from /%d to /%d, found /%d", family, lo, hi, p.Bits()), hint: hint}
	case what != "":
		return netip.Prefix{}, &valueError{code: codeIP, len: len(text), msg: fmt.Sprintf("%s holds %s", text, what)}
	}
	return p, nil
}

// checkSubnets reports subnets that overlap: one address would be derived for two guests. Rules may have the same one as long as no
// network has it, since an interface gets the same address in all of them. Sorted, a prefix comes before all that lie within it.
func (b *builder) checkSubnets(rep *Report) {
	order := make([]int, len(b.subnets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(b.subnets[i].prefix.Compare(b.subnets[j].prefix), cmp.Compare(i, j)) })
	around := -1
	for _, i := range order {
		if around < 0 || !b.subnets[around].prefix.Overlaps(b.subnets[i].prefix) {
			around = i
			continue
		}
		// The later one in the files is the one that is wrong.
		first, second := &b.subnets[min(i, around)], &b.subnets[max(i, around)]
		if first.network == "" && second.network == "" && first.prefix == second.prefix {
			continue
		}
		hint := ""
		if first.network != "" && second.network == "" && first.prefix == second.prefix {
			hint = fmt.Sprintf("name the network instead: nat: %s", first.network)
		}
		msg := fmt.Sprintf("subnet %s overlaps %s; guests of both could have the same address", second.prefix, first.prefix)
		if first.prefix == second.prefix {
			msg = fmt.Sprintf("subnet %s is given twice; guests of both could have the same address", second.prefix)
		}
		rep.add(Problem{
			Pos: second.pos, Code: codeSubnetTwice, Msg: msg,
			Hint: hint, Related: &Related{Pos: first.pos, Msg: "the other subnet is here"},
		})
	}
}
