package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"vifd/internal/vif"
)

// Guest is what is to be done for one interface.
type Guest struct {
	Interface string
	Uplink    string         // the interface out of which its packets go masqueraded
	Prefixes  []netip.Prefix // its addresses, as /32 and /128, and prefixes of its own
	Targets   []netip.Addr   // where forwards go: one of each family at most, in Prefixes; none: the first /32 and the first /128
	Forwards  []Forward
}

// Check reports what is wrong with g; nil means nothing.
func (g *Guest) Check() error {
	_, err := g.elements()
	return err
}

// elements are those of g, sorted, each once.
func (g *Guest) elements() ([]element, error) {
	for _, name := range []string{g.Interface, g.Uplink} {
		if err := vif.CheckName(name); err != nil {
			return nil, err
		}
	}
	if g.Interface == g.Uplink {
		return nil, fmt.Errorf("%s cannot be its own uplink", g.Uplink)
	}
	if len(g.Prefixes) == 0 {
		return nil, errors.New("it has no address")
	}
	var list []element
	for _, p := range g.Prefixes {
		if !p.IsValid() || p.Addr().Is4In6() || p != p.Masked() || p.Bits() == 0 {
			return nil, fmt.Errorf("%s is no prefix of a guest's", p)
		}
		c := common{family: familyOf(p.Addr()), shape: shape{kind: guests, plen: p.Bits()}, addr: p.Addr(), iface: g.Interface}
		list = append(list, c.element())
		c.shape.kind, c.iface = uplinks, g.Uplink
		list = append(list, c.element())
	}
	if err := CheckForwards(g.Forwards); err != nil {
		return nil, err
	}
	targets, err := g.targets()
	if err != nil {
		return nil, err
	}
	for i := range g.Forwards {
		before := len(list)
		for _, to := range targets {
			list = g.Forwards[i].elements(list, to)
		}
		if len(list) == before {
			return nil, fmt.Errorf("forward %s: the guest has no address of that family to forward to", &g.Forwards[i])
		}
	}
	slices.SortFunc(list, element.compare)
	return slices.Compact(list), nil
}

func (g *Guest) targets() ([]netip.Addr, error) {
	if len(g.Targets) == 0 {
		var list []netip.Addr
		for _, p := range g.Prefixes {
			if p.IsSingleIP() && !slices.ContainsFunc(list, func(a netip.Addr) bool { return a.Is4() == p.Addr().Is4() }) {
				list = append(list, p.Addr())
			}
		}
		return list, nil
	}
	for i, to := range g.Targets {
		switch {
		case !slices.ContainsFunc(g.Prefixes, func(p netip.Prefix) bool { return p.Contains(to) }):
			return nil, fmt.Errorf("forwards go to %s, which is not an address of the guest's", to)
		case slices.ContainsFunc(g.Targets[:i], func(a netip.Addr) bool { return a.Is4() == to.Is4() }):
			return nil, fmt.Errorf("forwards go to %s and another address of the same family", to)
		}
	}
	return g.Targets, nil
}

// Commands are what Set does for g where nothing of it is there, as nft commands.
func (g *Guest) Commands() ([]string, error) {
	list, err := g.elements()
	if err != nil {
		return nil, err
	}
	commands := make([]string, len(list))
	for i := range list {
		commands[i] = fmt.Sprintf("nft add element %s %s %s", list[i].in().family, TableName, list[i].text())
	}
	return commands, nil
}
