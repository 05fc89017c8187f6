package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifd/internal/importer/model"
)

// sources are all places that say something of a vif.
func sources(v *model.Vif) []model.Pos { return append([]model.Pos{v.Pos}, v.Also...) }

// reserve gives guests the addresses that their network's DHCP server keeps for them: they are as good as said in the domain.
func (p *planner) reserve() {
	for _, name := range slices.Sorted(maps.Keys(p.in.Libvirt)) {
		for _, host := range p.in.Libvirt[name].Hosts {
			i := slices.IndexFunc(p.in.Vifs, func(v model.Vif) bool { return v.MAC.String() == host.MAC.String() && p.belongs(&v, name) })
			if i < 0 {
				p.in.Lose(host.Pos, fmt.Sprintf("address %s of MAC %s in network %q", host.IP.Addr(), host.MAC, name), "no interface with this MAC that was read is in the network",
					"import its domain as well, or give the guest its address in guests; libvirt goes on with its DHCP")
				continue
			}
			v := &p.in.Vifs[i]
			if p.filtered(v, host) {
				continue
			}
			v.Also = append(v.Also, host.Pos)
			if !slices.Contains(v.IP, host.IP) {
				v.IP = append(v.IP, host.IP)
			}
		}
	}
}

// filtered notes a reserved address that the vif's filter does not let the guest have, since it is given others.
func (p *planner) filtered(v *model.Vif, host model.Reservation) bool {
	params := v.Filter.Params["IP"]
	if host.IP.Addr().Is6() {
		params = v.Filter.Params["IPV6"]
	}
	if len(params) == 0 || slices.Contains(v.IP, host.IP) {
		return false
	}
	p.in.Lose(host.Pos, fmt.Sprintf("address %s of %s", host.IP.Addr(), subject(v)), fmt.Sprintf("its nwfilter holds it to %s, at %s", strings.Join(params, ", "), v.Filter.Pos), "give it in guests, if it is the guest's")
	return true
}

// belongs reports whether a vif is in a network of libvirt's, which may be called by its bridge as well.
func (p *planner) belongs(v *model.Vif, network string) bool {
	bridge := p.in.Libvirt[network].Bridge
	return v.Network == network || v.Network == "" && bridge != "" && v.Named.Value == bridge
}

// unused notes the filters and networks of which nothing came, since nobody that is carried over has them.
func (p *planner) unused() {
	used := map[string]bool{}
	for i := range p.in.Vifs {
		p.reach(p.in.Vifs[i].Filter.Name, used)
	}
	for _, name := range slices.Sorted(maps.Keys(p.in.Filters)) {
		if _, shipped := filters[name]; !shipped && !used[name] {
			p.in.Lose(p.in.Filters[name].Pos, fmt.Sprintf("nwfilter %q", name), "no interface that is carried over refers to it, so that nothing came of it",
				"import the domains that have it as well, or write a template")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.in.Libvirt)) {
		if !slices.ContainsFunc(p.in.Vifs, func(v model.Vif) bool { return p.belongs(&v, name) }) {
			p.in.Change(p.in.Libvirt[name].Pos, fmt.Sprintf("network %q", name),
				"no interface that is carried over is in it, so that nothing came of it: libvirt goes on with its bridge, addresses and DHCP",
				"import the domains that are in it as well")
		}
	}
}

// reach marks a filter, and those that it refers to.
func (p *planner) reach(name string, used map[string]bool) {
	if used[name] {
		return
	}
	used[name] = true
	for _, ref := range p.in.Filters[name].Refs {
		p.reach(ref.Name, used)
	}
}
