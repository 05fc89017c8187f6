package plan

import (
	"fmt"
	"slices"

	"vifd/internal/importer/model"
)

// declare makes networks of what the host's scripts set up.
func (p *planner) declare() {
	uplinks := map[string]string{}
	var unsaid []model.Network // they are those that say their uplink, wherever these stand
	for _, n := range p.in.Networks {
		switch n.Kind {
		case model.Bridge:
			if other, taken := uplinks[n.Uplink]; taken {
				p.in.Lose(n.Pos, "bridge "+n.Name, fmt.Sprintf("its uplink %s is in bridge %s already", n.Uplink, other), "")
				continue
			}
			uplinks[n.Uplink] = n.Name
			p.renamed[n.Uplink] = n.Name // vif-bridge took either
			p.network(Network{Sources: []model.Pos{n.Pos}, Name: n.Name, Kind: n.Kind, Uplink: n.Uplink})
		case model.Route:
			p.network(Network{Sources: []model.Pos{n.Pos}, Name: p.free(routedName), Kind: n.Kind, Uplink: n.Uplink})
		case model.NAT:
			if n.Uplink == "" {
				unsaid = append(unsaid, n)
				continue
			}
			p.network(Network{Sources: []model.Pos{n.Pos}, Name: p.free(natName), Kind: n.Kind, Uplink: n.Uplink, Subnet: natSubnet, DHCP: n.DHCP})
		case model.Default, model.Ignore, model.Block:
		}
	}
	for _, n := range unsaid {
		have := p.declared(n.Kind, n.Pos, p.in.Host.Uplink.Value)
		have.Sources, have.DHCP = []model.Pos{n.Pos}, n.DHCP
		p.network(have)
	}
}

// free is the name, or where a bridge is called so another one.
func (p *planner) free(name string) string {
	taken := func(s string) bool {
		return p.in.Host.Bridge.Value == s ||
			slices.ContainsFunc(p.in.Vifs, func(v model.Vif) bool { return v.Bridge == s }) ||
			slices.ContainsFunc(p.in.Networks, func(n model.Network) bool { return n.Name == s })
	}
	for taken(name) {
		name += "-net"
	}
	return name
}

// network adds a network, or joins it with one of its name.
func (p *planner) network(n Network) {
	i := slices.IndexFunc(p.networks, func(have Network) bool { return have.Name == n.Name })
	if i < 0 {
		p.networks = append(p.networks, n)
		return
	}
	have := &p.networks[i]
	have.Sources = append(have.Sources, n.Sources...)
	have.DHCP = have.DHCP || n.DHCP
	if have.Uplink != n.Uplink {
		p.in.Lose(n.Sources[0], "uplink "+n.Uplink, fmt.Sprintf("network %s has the uplink %s", have.Name, have.Uplink), "")
	}
}

// declared is the network of a kind, or one with the uplink given, which is then declared.
func (p *planner) declared(kind model.Action, pos model.Pos, uplink string) Network {
	for _, n := range p.networks {
		if n.Kind == kind {
			return n
		}
	}
	n := Network{Sources: []model.Pos{pos}, Name: p.free(routedName), Kind: kind, Uplink: uplink}
	if kind == model.NAT {
		n.Name, n.Subnet = p.free(natName), natSubnet
	}
	if n.Uplink == "" && kind == model.NAT {
		n.Uplink = p.named(kind)
	}
	if n.Uplink == "" {
		n.Uplink = defaultUplink
		p.assume(pos, kind)
	}
	p.own[kind] = n.Uplink != p.in.Host.Uplink.Value
	p.network(n)
	return n
}

func (p *planner) assume(pos model.Pos, kind model.Action) {
	p.in.Change(pos, kind.String(), "no uplink is given, and "+defaultUplink+" is taken for it", "see whether that is the host's, and put another one in its place in networks")
}

// named is the first uplink that a vif of a kind names. Of NATed ones there is one network, whose uplink nobody should make up.
func (p *planner) named(kind model.Action) string {
	for i := range p.in.Vifs {
		if v := &p.in.Vifs[i]; v.Uplink != "" && (v.Action == kind || v.Xen && v.Action == model.Default && p.standard.Action == kind) {
			return v.Uplink
		}
	}
	return ""
}
