package main

import (
	"fmt"
	"net/netip"
	"slices"

	"vifd/actions/nat"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// derivedTwice finds vifs that rules or the inventory name, and that get one address by their names, or one that another guest has been
// given. Of a vif it knows what its name says and what guests does: where a rule asks for more, it has to be the rule that names the vif.
func derivedTwice(set *rules.Set) []rules.Problem {
	c := addressCheck{set: set, matcher: matcher.New(set), places: map[*rules.Rule]int{}, byName: map[string]bool{}, doubts: map[doubtKey]int{}, books: map[netip.Prefix]*addressBook{}}
	for i := range set.Rules {
		c.places[&set.Rules[i]] = i
	}
	for i := range set.Guests {
		if g := &set.Guests[i]; g.Interface != "" {
			c.byName[g.Interface] = true
			c.derive(namedVif(g.Interface), g.Pos, nil)
		}
	}
	left := maxDerived
	for i := range set.Rules {
		if r := &set.Rules[i]; r.Action.Kind == rules.NAT {
			for _, n := range namedBy(&r.Match, &left) {
				c.derive(n.vif, n.pos, r)
			}
		}
	}
	c.given()
	var found []rules.Problem
	for _, book := range c.books {
		found = append(found, book.problems(c.doubt)...)
	}
	return found
}

// addressCheck gathers who gets which address.
type addressCheck struct {
	set      *rules.Set
	matcher  *matcher.Matcher
	places   map[*rules.Rule]int
	byName   map[string]bool // interfaces in guests
	doubts   map[doubtKey]int
	compared int                           // guests, for doubts
	books    map[netip.Prefix]*addressBook // by subnet
}

// derive notes the addresses that are derived for a vif, which rule by names; nil: the inventory does.
func (c *addressCheck) derive(v namedVif, pos rules.Pos, by *rules.Rule) {
	id, ok := v.id()
	if !ok {
		return
	}
	f := c.matcher.Facts(v)
	r := c.matcher.Match(f)
	if by != nil && (r == nil || c.places[by] < c.places[r]) && mayHold(&by.Match, f) {
		r = by // whatever else it asks for
	}
	if r == nil || r.Action.Kind != rules.NAT {
		return
	}
	what, subnets := c.subnets(r, f)
	for _, subnet := range subnets {
		if hasAddress(r, f, subnet) {
			continue
		}
		a, err := nat.Derive(subnet, id.Domid, id.Vifid)
		if err != nil {
			continue // what is wrong with the subnet has been said
		}
		if c.books[subnet] == nil {
			c.books[subnet] = newAddressBook(what)
		}
		c.books[subnet].add(a.Guest, claim{name: v.canonical(), pos: pos, rule: r, byName: c.byName[string(v)]})
	}
}

// subnets are those out of which a vif of a rule gets addresses, and whose they are.
func (c *addressCheck) subnets(r *rules.Rule, f *vif.Facts) (what string, subnets []netip.Prefix) {
	if text := r.Action.NAT.Network; text.String() != "" {
		name, err := text.Expand(f.Value)
		if err != nil {
			return "", nil
		}
		return fmt.Sprintf("network %q", name), c.set.Networks[name].NAT.Subnet
	}
	return fmt.Sprintf("rule %q", r.Name), r.Action.NAT.Subnet
}

// hasAddress reports whether a vif of a rule has, or may have, an address of its own in the place of a derived one.
func hasAddress(r *rules.Rule, f *vif.Facts, subnet netip.Prefix) bool {
	values := f.Values("ip")
	if len(r.Guest.IP) > 0 {
		values = nil
		for i := range r.Guest.IP {
			text, literal := r.Guest.IP[i].Literal()
			if !literal {
				return true
			}
			values = append(values, text)
		}
	}
	return slices.ContainsFunc(values, func(text string) bool {
		ip, err := rules.ParseGuestIP(text)
		return err != nil || ip.Addr().Is4() == subnet.Addr().Is4()
	})
}

// maxDoubts bounds how many guests are compared with rules to tell whether one may be a vif that the other names.
const maxDoubts = 2_000_000

// doubtKey is what a doubt depends on.
type doubtKey struct {
	rule *rules.Rule
	ipv4 bool
}

// doubt is how many entries of guests somebody may be, of those that give addresses of a family and are found by what his name does not
// say. Where it would take too long to find out it is all of them.
func (c *addressCheck) doubt(cl *claim, ipv4 bool) int {
	if cl.given || cl.byName {
		return 0
	}
	count, known := c.doubts[doubtKey{cl.rule, ipv4}]
	if known {
		return count
	}
	for i := range c.set.Guests {
		g := &c.set.Guests[i]
		gives := slices.ContainsFunc(g.IP, func(p netip.Prefix) bool { return p.Addr().Is4() == ipv4 })
		if g.Interface == "" && gives && (c.compared > maxDoubts || mayBe(&cl.rule.Match, g)) {
			count++
		}
		c.compared++
	}
	c.doubts[doubtKey{cl.rule, ipv4}] = count
	return count
}

// given notes the addresses that guests and rules give, where somebody else gets them by his name.
func (c *addressCheck) given() {
	for i := range c.set.Guests {
		g := &c.set.Guests[i]
		for _, ip := range g.IP {
			c.give(ip, claim{name: guestName(g), pos: g.Pos, given: true}, func() bool { return c.mayHave(g) })
		}
	}
	for i := range c.set.Rules {
		r := &c.set.Rules[i]
		for j := range r.Guest.IP {
			text, _ := r.Guest.IP[j].Literal()
			if ip, err := rules.ParseGuestIP(text); err == nil {
				c.give(ip, claim{name: fmt.Sprintf("the guests of rule %q", r.Name), pos: r.Pos, given: true}, func() bool { return routes(r) })
			}
		}
	}
}

// give notes that an address, or prefix, is somebody's, if it is derived for another and has says so.
func (c *addressCheck) give(ip netip.Prefix, to claim, has func() bool) {
	for subnet, book := range c.books {
		if !subnet.Overlaps(ip) {
			continue
		}
		if places := book.within(ip); len(places) > 0 && has() {
			for _, place := range places {
				book.add(place, to)
			}
		}
	}
}

// mayHave reports whether a guest may have the addresses that it is given, by a rule that leads them to it.
func (c *addressCheck) mayHave(g *rules.Guest) bool {
	f := c.matcher.Facts(namedGuest{g})
	if r := c.matcher.Match(f); r != nil {
		return routes(r) && len(r.Guest.IP) == 0
	}
	return slices.ContainsFunc(c.set.Rules, func(r rules.Rule) bool {
		return routes(&r) && len(r.Guest.IP) == 0 && mayHold(&r.Match, f)
	})
}

// routes reports whether the host has routes to a rule's guests.
func routes(r *rules.Rule) bool { return r.Action.Kind == rules.NAT || r.Action.Kind == rules.Route }
