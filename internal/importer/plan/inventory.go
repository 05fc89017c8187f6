package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"vifd/internal/importer/model"
)

// inventory collects guests, and keeps out what rules would refuse: names, MACs and addresses that two of them have.
type inventory struct {
	in      *model.Input
	list    []Guest
	vifs    map[string]model.Pos // by domain and number
	names   map[string]model.Pos // of interfaces
	macs    map[string]model.Pos
	single  map[netip.Addr]model.Pos
	several map[netip.Prefix]model.Pos
}

func newInventory(in *model.Input) inventory {
	return inventory{
		in: in, vifs: map[string]model.Pos{}, names: map[string]model.Pos{}, macs: map[string]model.Pos{},
		single: map[netip.Addr]model.Pos{}, several: map[netip.Prefix]model.Pos{},
	}
}

// add enters a vif; false where it is there already, and all that is said of it is passed over. What another guest has is taken
// from v.
func (inv *inventory) add(v *model.Vif) bool {
	id := fmt.Sprintf("%s\x00%d", v.Domain, v.Index)
	if first, twice := inv.vifs[id]; twice && v.Domain != "" {
		inv.in.Lose(v.Pos, subject(v), "it is there already, at "+first.String(), "give the domains different names")
		return false
	}
	inv.vifs[id] = v.Pos
	v.Names = slices.DeleteFunc(slices.Clone(v.Names), func(name string) bool { return inv.taken(inv.names, name, v, "interface "+name) })
	if v.MAC != nil && inv.taken(inv.macs, v.MAC.String(), v, "MAC "+v.MAC.String()) {
		v.MAC = nil
	}
	own := slices.Clone(v.IP)
	v.IP = v.IP[:0:0]
	for _, ip := range own {
		if !inv.overlaps(ip, v) {
			v.IP = append(v.IP, ip)
		}
	}
	if len(v.Names) == 0 && !v.Xen || v.MAC == nil && len(v.IP) == 0 {
		return true // a rule has the guest of its own, or nothing is known of it
	}
	g := Guest{Sources: sources(v), Domain: v.Domain, Vif: v.Index, MAC: v.MAC, IP: v.IP}
	if len(v.Names) > 0 {
		g.Interface = v.Names[0]
	}
	inv.list = append(inv.list, g)
	return true
}

func (inv *inventory) taken(seen map[string]model.Pos, key string, v *model.Vif, what string) bool {
	first, taken := seen[key]
	if !taken {
		seen[key] = v.Pos
		return false
	}
	inv.in.Lose(v.Pos, what+" of "+subject(v), "another guest has it, at "+first.String(), "it can be one guest's only")
	return true
}

// overlaps enters an address or prefix; true where it is another's, or lies within one, or around one.
func (inv *inventory) overlaps(ip netip.Prefix, v *model.Vif) bool {
	first, taken := inv.single[ip.Addr()], false
	if ip.IsSingleIP() {
		_, taken = inv.single[ip.Addr()]
	} else {
		for addr, pos := range inv.single {
			if ip.Contains(addr) {
				first, taken = pos, true
			}
		}
	}
	for p, pos := range inv.several {
		if p.Overlaps(ip) {
			first, taken = pos, true
		}
	}
	if taken {
		inv.in.Lose(v.Pos, fmt.Sprintf("address %s of %s", ip, subject(v)), "it is given already, at "+first.String(), "it can be one guest's only")
		return true
	}
	if ip.IsSingleIP() {
		inv.single[ip.Addr()] = v.Pos
	} else {
		inv.several[ip] = v.Pos
	}
	return false
}
