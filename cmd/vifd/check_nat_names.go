package main

import (
	"fmt"
	"slices"
	"strings"

	"vifd/actions/nat"
	"vifd/handler"
	"vifd/internal/vif"
	"vifd/rules"
)

// maxDerived bounds the interfaces that rules name whose addresses are derived to find two with the same: twice as many as Xen has domains.
const maxDerived = 1 << 16

// namedVif is an interface by its name, a source of what the name says.
type namedVif string

// Values answers as a host would of an interface of that name that nobody has renamed.
func (v namedVif) Values(key string) []string {
	xen, ofXen := vif.ParseXenName(string(v))
	switch {
	case key == "interface":
		return []string{string(v)}
	case key == "kind" && (ofXen && xen.Emulated || !ofXen && !strings.HasPrefix(string(v), "veth")):
		return []string{"tap"}
	case key == "kind" && !ofXen:
		return []string{"veth"}
	case (key == "kind" || key == "driver") && ofXen && !xen.Emulated:
		return []string{"vif"}
	}
	return handler.NameFacts(string(v), key)
}

// id is the numbers that the vif's addresses are derived from. Of a name that a hypervisor does not make itself they are not known: a
// Xen guest's vifname says nothing of them, and another's does.
func (v namedVif) id() (nat.ID, bool) {
	_, ofXen := vif.ParseXenName(string(v))
	if !ofXen && !slices.ContainsFunc([]string{"tap", "vnet", "veth"}, func(s string) bool { return strings.HasPrefix(string(v), s) }) {
		return nat.ID{}, false
	}
	id, err := nat.Identify(string(v))
	return id, err == nil
}

// canonical is the vif's name, and that of its emulated card's tap, which is the same guest's.
func (v namedVif) canonical() string {
	if xen, ok := vif.ParseXenName(string(v)); ok {
		return xenName(int64(xen.Domid), int64(xen.Vifid))
	}
	return string(v)
}

func xenName(domid, vifid int64) string { return fmt.Sprintf("vif%d.%d", domid, vifid) }

// naming is a vif, and where a rule names it.
type naming struct {
	vif namedVif
	pos rules.Pos
}

// namedBy are the vifs that a match names: by interface, or by domid and vifid, as far as left goes. Of a domain of whose interfaces it
// says nothing it is the first.
func namedBy(m *rules.Match, left *int) []naming {
	n := namer{left: left, vifids: rangesOf(m, "vifid")}
	domids := rangesOf(m, "domid")
	for i := range m.Terms {
		t := &m.Terms[i]
		n.pos = t.Pos
		switch t.Key {
		case "interface":
			for j := range t.Patterns {
				n.interfaces(&t.Patterns[j], domids)
			}
		case "domid":
			if !slices.ContainsFunc(m.Terms, func(t rules.Term) bool { return t.Key == "interface" }) {
				n.numbers(domids, orFirst(n.vifids))
			}
		}
	}
	return n.list
}

// namer is one run of namedBy.
type namer struct {
	left   *int
	vifids [][2]int64 // that the match asks for
	pos    rules.Pos
	list   []naming
}

// interfaces adds those that a pattern for names matches.
func (n *namer) interfaces(p *rules.Pattern, domids [][2]int64) {
	if name, ok := p.Literal(); ok {
		if *n.left > 0 {
			*n.left--
			n.list = append(n.list, naming{namedVif(name), n.pos})
		}
		return
	}
	if domid, ok := p.XenDomid(); ok {
		domids = [][2]int64{{int64(domid), int64(domid)}}
	}
	vifids := n.vifids
	if vifid, ok := p.XenVifid(); ok {
		vifids = [][2]int64{{int64(vifid), int64(vifid)}}
	}
	n.numbers(domids, orFirst(vifids))
}

// orFirst is some vifids, or the first where there are none.
func orFirst(vifids [][2]int64) [][2]int64 {
	if vifids == nil {
		return [][2]int64{{0, 0}}
	}
	return vifids
}

func (n *namer) numbers(domids, vifids [][2]int64) {
	for _, ds := range domids {
		for _, vs := range vifids {
			count := (ds[1] - ds[0] + 1) * (vs[1] - vs[0] + 1)
			if count > int64(*n.left) {
				return
			}
			*n.left -= int(count)
			for d := ds[0]; d <= ds[1]; d++ {
				for v := vs[0]; v <= vs[1]; v++ {
					n.list = append(n.list, naming{namedVif(xenName(d, v)), n.pos})
				}
			}
		}
	}
}

// rangesOf are the numbers that a match asks for as a fact; nil: it does not.
func rangesOf(m *rules.Match, key string) [][2]int64 {
	var list [][2]int64
	for i := range m.Terms {
		if m.Terms[i].Key != key {
			continue
		}
		for j := range m.Terms[i].Patterns {
			if lo, hi, ok := m.Terms[i].Patterns[j].Numbers(); ok {
				list = append(list, [2]int64{lo, hi})
			}
		}
	}
	return list
}

// namedGuest is an entry of the inventory, a source of what it is found by.
type namedGuest struct{ guest *rules.Guest }

// Values answers for the interface and what its name says, domain, vif, UUID and MAC.
func (g namedGuest) Values(key string) []string {
	if g.guest.Interface != "" {
		return namedVif(g.guest.Interface).Values(key)
	}
	if key == "vifid" && g.guest.Vif >= 0 {
		return []string{fmt.Sprint(g.guest.Vif)}
	}
	if value := identity(g.guest, key); value != "" {
		return []string{value}
	}
	return nil
}

// identity is the value that a guest has for one of the facts that say who it is; empty for others, and where it has none.
func identity(g *rules.Guest, key string) string {
	switch key {
	case "domain":
		return g.Domain
	case "uuid":
		return g.UUID
	case "mac":
		return g.MAC.String()
	}
	return ""
}

// mayBe reports whether a vif that fulfils a match may be a guest.
func mayBe(m *rules.Match, g *rules.Guest) bool {
	for i := range m.Terms {
		t := &m.Terms[i]
		if value := identity(g, t.Key); value != "" && !slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { return p.Match(value) }) {
			return false
		}
	}
	return true
}

// mayHold reports whether a vif of which some facts are known may fulfil a match.
func mayHold(m *rules.Match, f *vif.Facts) bool {
	holds := func(t *rules.Term, values []string) bool {
		return slices.ContainsFunc(values, func(v string) bool {
			return slices.ContainsFunc(t.Patterns, func(p rules.Pattern) bool { return p.Match(v) })
		})
	}
	for i := range m.Terms {
		if values := f.Values(m.Terms[i].Key); len(values) > 0 && !holds(&m.Terms[i], values) {
			return false
		}
	}
	return !slices.ContainsFunc(m.Not, func(t rules.Term) bool { return holds(&t, f.Values(t.Key)) })
}
