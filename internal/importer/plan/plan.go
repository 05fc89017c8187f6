package plan

import (
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
	renamed  map[string]string     // of a bridge that was called as its card: its name now
	standard Does                  // of Xen's vifs
	isQubes  bool                  // vifs of which nothing else is said are of Qubes OS
	own      map[model.Action]bool // kinds whose network has the uplink of one vif, and not the host's
	groups   []group
	guests   inventory
}

// Make makes an Output of everything that was read.
func Make(in *model.Input) *Output {
	p := &planner{in: in, renamed: map[string]string{}, own: map[model.Action]bool{}}
	p.guests = newInventory(in)
	p.isQubes = in.Qubes.Pos != (model.Pos{})
	p.reserve()
	p.bridges()
	p.declare()
	var rest []Rule
	if p.isQubes && in.Host.Xen {
		p.whose()
	}
	if in.Host.Xen && !p.isQubes {
		rest = append(rest, p.xenDefault())
	}
	p.listed()
	for i := range in.Vifs {
		p.vif(&in.Vifs[i])
	}
	if p.isQubes {
		rest = append(rest, p.qubes())
	}
	p.unused()
	return &Output{Networks: p.networks, Guests: p.guests.list, Rules: named(append(p.rules(), rest...)), Notes: in.Notes}
}

// isOVS reports whether what a host's script does with vifs is Open vSwitch's.
func (p *planner) isOVS() bool { return path.Base(p.in.Host.Script.Value) == "vif-openvswitch" }

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
	if isQubes(v) && p.isQubes {
		return // there is a rule for all
	}
	does := p.does(v)
	if connects(does.Action) {
		does.Firewall = p.firewall(v, does)
	}
	p.group(v, does)
}

// firewall is the vif's guard: as good as the one that it had.
func (p *planner) firewall(v *model.Vif, d Does) []Template {
	known := len(v.IP) > 0 || d.Action == model.NAT // of a NATed guest an address is derived
	switch {
	case v.Filter.Name != "":
		return p.nwfilter(v)
	case (v.Held || len(v.IP) > 0) && (v.Xen || isQubes(v)), v.Xen && p.in.Host.Antispoof.Value != "":
		w := *v
		w.VLAN = d.VLAN
		return p.sourceGuard(&w, known)
	}
	return nil
}
