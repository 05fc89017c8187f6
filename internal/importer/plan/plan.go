package plan

import (
	"fmt"
	"net/netip"
	"path"
	"slices"

	"vifd/internal/importer/model"
)

type prefix = netip.Prefix

// What networks are called that had no name, and what is written where nothing is said.
const (
	routedName    = "routed"
	natName       = "translated"
	natSubnet     = "10.0.0.0/8" // in which guests have the addresses that vif-nat gave them
	defaultBridge = "xenbr0"     // xl.conf(5)
	defaultUplink = "eth0"       // vif-route and network-nat of Xen's scripts
	anyXen        = "vif*"
)

type planner struct {
	in       *model.Input
	networks []Network
	renamed  map[string]string // of a bridge that was called as its card: its name now
	standard Does              // of Xen's vifs
	groups   []group
	guests   inventory
}

// Make makes an Output of everything that was read.
func Make(in *model.Input) *Output {
	p := &planner{in: in, renamed: map[string]string{}}
	p.guests = newInventory(in)
	p.reserve()
	p.bridges()
	p.declare()
	var rest []Rule
	if in.Host.Xen {
		rest = append(rest, p.xenDefault())
	}
	p.listed()
	for i := range in.Vifs {
		p.vif(&in.Vifs[i])
	}
	if in.Qubes.Pos != (model.Pos{}) && !in.Host.Xen {
		rest = append(rest, p.qubes())
	}
	p.unused()
	return &Output{Networks: p.networks, Guests: p.guests.list, Rules: named(append(p.rules(), rest...)), Notes: in.Notes}
}

// isOVS reports whether what a host's script does with vifs is Open vSwitch's.
func (p *planner) isOVS() bool { return path.Base(p.in.Host.Script.Value) == "vif-openvswitch" }

// bridges reads how the vifs' bridges are written, which depends on the host's script.
func (p *planner) bridges() {
	for i := range p.in.Vifs {
		v := &p.in.Vifs[i]
		p.in.UseBridge(v, v.OVS || v.Xen && v.Action == model.Default && p.isOVS())
	}
}

// declare makes networks of what the host's scripts set up.
func (p *planner) declare() {
	uplinks := map[string]string{}
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
			p.network(Network{Sources: []model.Pos{n.Pos}, Name: p.free(natName), Kind: n.Kind, Uplink: n.Uplink, Subnet: natSubnet, DHCP: n.DHCP})
		case model.Default, model.Ignore, model.Block:
		}
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
	if n.Uplink == "" {
		n.Uplink = defaultUplink
		p.in.Change(pos, kind.String(), "no uplink is given, and "+defaultUplink+" is taken for it", "see whether that is the host's, and put another one in its place in networks")
	}
	p.network(n)
	return n
}

// listed notes the addresses of a list that no vif has.
func (p *planner) listed() {
	for _, l := range p.in.Qubes.Listed {
		if !slices.ContainsFunc(p.in.Vifs, func(v model.Vif) bool { return slices.Contains(v.IP, l.IP) }) {
			p.in.Lose(l.Pos, "address "+l.IP.Addr().String(), "the list does not say whose it is", "import what nft list ruleset prints as well")
		}
	}
}

func connects(a model.Action) bool { return a == model.Bridge || a == model.Route || a == model.NAT }

func first(places ...model.Pos) model.Pos {
	for _, pos := range places {
		if pos != (model.Pos{}) {
			return pos
		}
	}
	return model.Pos{}
}

// vif makes of one interface a guest, and a rule where it needs one.
func (p *planner) vif(v *model.Vif) {
	if !p.guests.add(v) {
		return
	}
	if isQubes(v) && !p.in.Host.Xen {
		return // there is a rule for all
	}
	does := p.does(v)
	if connects(does.Action) {
		does.Firewall = p.firewall(v, does)
	}
	p.group(v, does)
}

// does is what becomes of the vif, but for its guard.
func (p *planner) does(v *model.Vif) Does {
	d := Does{Action: v.Action, VLAN: v.VLAN, Isolated: v.Isolated, Neighbor: v.Neighbor, From: v.From, To: v.To, Burst: v.Burst, MTU: v.MTU}
	if d.Action == model.Default && v.Xen {
		d.Action = p.standard.Action
	}
	switch d.Action {
	case model.Bridge:
		p.bridge(v, &d)
	case model.Route:
		n := p.declared(model.Route, v.Pos, p.uplink(v))
		d.Network = n.Name
		if uplink := p.uplink(v); uplink != "" && uplink != n.Uplink {
			d.Network, d.Uplink = "", uplink
		}
	case model.NAT:
		d.Network = p.declared(model.NAT, v.Pos, p.uplink(v)).Name
	case model.Default, model.Ignore, model.Block:
	}
	switch d.Action {
	case model.Bridge:
		d.Neighbor = false
	case model.Route, model.NAT:
		if d.VLAN.Untagged != 0 || d.VLAN.Tagged != nil || d.Isolated {
			p.in.Lose(v.Pos, "VLAN or isolation of "+subject(v), "the vif is in no bridge", "")
		}
		d.VLAN, d.Isolated = model.VLAN{}, false
	default:
		d = Does{Action: d.Action}
	}
	return d
}

// uplink is the vif's, or of Xen's the host's; empty where nothing is said.
func (p *planner) uplink(v *model.Vif) string {
	if v.Uplink == "" && v.Xen {
		return p.in.Host.Uplink.Value
	}
	return v.Uplink
}

// bridge finds the vif's bridge.
func (p *planner) bridge(v *model.Vif, d *Does) {
	d.Network = v.Bridge
	if v.Network != "" {
		n, read := p.in.Libvirt[v.Network]
		if !read || n.Bridge == "" {
			why := "its bridge is not known: the network was not read"
			if read {
				why = "the network has no bridge"
			}
			p.in.Lose(v.Pos, fmt.Sprintf("network %q of %s", v.Network, subject(v)), why, "import the network's XML as well; until then the vif is shut")
			*d = Does{Action: model.Block}
			return
		}
		d.Network = n.Bridge
		vlan, isGroup := n.Groups[v.Group]
		if !isGroup {
			vlan = n.VLAN
		}
		if d.VLAN.Untagged == 0 && d.VLAN.Tagged == nil {
			d.VLAN = vlan
		}
		if v.Group != "" && !isGroup {
			p.in.Lose(v.Pos, fmt.Sprintf("portgroup %q", v.Group), "the network has none of that name", "")
		}
	}
	if d.Network == "" {
		d.Network = p.standard.Network
		if d.VLAN.Untagged == 0 && d.VLAN.Tagged == nil {
			d.VLAN = p.standard.VLAN
		}
		if p.standard.Action != model.Bridge {
			d.Network = defaultBridge
		}
	}
	if name, renamed := p.renamed[d.Network]; renamed {
		d.Network = name
	}
}

// firewall is the vif's guard: as good as the one that it had.
func (p *planner) firewall(v *model.Vif, d Does) []Template {
	known := len(v.IP) > 0 || d.Action == model.NAT // of a NATed guest an address is derived
	switch {
	case v.Filter != "":
		return p.nwfilter(v)
	case len(v.IP) > 0 && (v.Xen || isQubes(v)):
		w := *v
		w.VLAN = d.VLAN
		return p.sourceGuard(&w, true)
	case v.Xen && p.in.Host.Antispoof.Value != "":
		w := *v
		w.VLAN = d.VLAN
		return p.sourceGuard(&w, known)
	}
	return nil
}
