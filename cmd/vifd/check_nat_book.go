package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifd/internal/vif"
	"vifd/rules"
)

// addressBook is who gets the places of a subnet.
type addressBook struct {
	what   string // whose: a network's or rule's
	claims map[netip.Prefix][]claim
	known  map[claimKey]bool
}

type claimKey struct {
	place netip.Prefix
	name  string
}

func newAddressBook(what string) *addressBook {
	return &addressBook{what: what, claims: map[netip.Prefix][]claim{}, known: map[claimKey]bool{}}
}

// claim is who gets an address.
type claim struct {
	name   string
	pos    rules.Pos   // where it is named
	given  bool        // and not derived
	rule   *rules.Rule // of what is derived
	byName bool        // guests has an entry of the name, so that no other is the vif's
}

// add notes a claim. Whoever is named twice is one.
func (b *addressBook) add(place netip.Prefix, c claim) {
	if key := (claimKey{place, c.name}); !b.known[key] {
		b.known[key] = true
		b.claims[place] = append(b.claims[place], c)
	}
}

// within are the places of others that an address, or prefix, has something of.
func (b *addressBook) within(ip netip.Prefix) []netip.Prefix {
	size := 64 // as Derive has it: of IPv6 a /64, of IPv4 an address
	if ip.Addr().Is4() {
		size = 32
	}
	var places []netip.Prefix
	if ip.Bits() >= size {
		if place := netip.PrefixFrom(ip.Addr(), size).Masked(); b.claims[place] != nil {
			places = append(places, place)
		}
		return places
	}
	for place := range b.claims {
		if ip.Overlaps(place) {
			places = append(places, place)
		}
	}
	return places
}

// collision is a place that several get.
type collision struct {
	place  netip.Prefix
	claims []claim
}

// problems are the collisions, one each; those of which two places tell, as a rule for many domains does, are one together. doubt says
// how many guests with addresses of their own, of a family, somebody may be.
func (b *addressBook) problems(doubt func(c *claim, ipv4 bool) int) []rules.Problem {
	type places struct{ first, second rules.Pos }
	said := map[places][]collision{}
	for place, claims := range b.claims {
		if len(claims) > 1 {
			at := places{claims[0].pos, claims[1].pos}
			said[at] = append(said[at], collision{place, claims})
		}
	}
	var found []rules.Problem
	for at, list := range said {
		if !certain(list, doubt) {
			continue
		}
		first := slices.MinFunc(list, func(c, d collision) int { return c.place.Addr().Compare(d.place.Addr()) })
		p := rules.Problem{
			Pos: at.second, Severity: rules.Warning, Code: rules.CodeDerivedTwice, Msg: b.text(first, len(list)-1),
			Hint: "give all but one an address of their own, or the network a larger subnet",
		}
		if slices.ContainsFunc(first.claims, func(c claim) bool { return c.given }) {
			p.Hint = "give each of them an address of its own"
		}
		if at.first != at.second {
			p.Related = &rules.Related{Pos: at.first, Msg: first.claims[0].name + " is named here"}
		}
		found = append(found, p)
	}
	return found
}

// certain reports whether some of the collisions are left when guests have addresses of their own that may be among those who collide:
// one has two who are none of these, or there are more of them than of such guests.
func certain(list []collision, doubt func(c *claim, ipv4 bool) int) bool {
	doubts, left := 0, 0
	for _, c := range list {
		left += len(c.claims) - 1
		sure := 0
		for i := range c.claims {
			d := doubt(&c.claims[i], c.place.Addr().Is4())
			doubts = max(doubts, d)
			if d == 0 {
				sure++
			}
		}
		if sure > 1 {
			return true
		}
	}
	return left > doubts
}

// text says who gets what.
func (b *addressBook) text(c collision, more int) string {
	var derived, given []string
	for _, cl := range c.claims {
		if cl.given {
			given = append(given, cl.name)
		} else {
			derived = append(derived, cl.name)
		}
	}
	text := fmt.Sprintf("%s derives %s for %s", b.what, strings.TrimSuffix(c.place.String(), "/32"), enumerate(derived))
	if len(given) > 0 {
		text += ", and it is given to " + enumerate(given)
	}
	switch {
	case more == 1:
		text += "; so it is with another address"
	case more > 1:
		text += fmt.Sprintf("; so it is with %d more addresses", more)
	}
	return text
}

// enumerate lists names, or as many as one reads.
func enumerate(names []string) string {
	const most = 4
	slices.SortFunc(names, vif.CompareNames)
	if more := len(names) - most; more > 0 {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
