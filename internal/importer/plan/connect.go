package plan

import (
	"fmt"

	"vifd/internal/importer/model"
)

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
		p.route(v, &d)
	case model.NAT:
		p.nat(v, &d)
	case model.Default, model.Ignore, model.Block:
	}
	p.unheeded(v, d.Action)
	switch d.Action {
	case model.Bridge:
		d.Neighbor = false
	case model.Route, model.NAT:
		if d.VLAN.Untagged != 0 || d.VLAN.Tagged != nil || d.Isolated {
			p.in.Lose(v.Pos, "VLAN or isolation of "+subject(v), "the vif is in no bridge", "")
		}
		d.VLAN, d.Isolated = model.VLAN{}, false
	case model.Default, model.Ignore, model.Block:
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

// route finds the uplink of a vif that is routed.
func (p *planner) route(v *model.Vif, d *Does) {
	uplink := p.uplink(v)
	n := p.declared(model.Route, v.Pos, uplink)
	if uplink == "" && p.own[model.Route] && n.Uplink != defaultUplink {
		uplink = defaultUplink // that network is another vif's
		p.assume(v.Pos, model.Route)
	}
	if d.Network = n.Name; uplink != "" && uplink != n.Uplink {
		d.Network, d.Uplink = "", uplink
	}
}

// nat finds the network of a vif that is NATed. There is one, since no two can have the subnet of which the guests have their addresses.
func (p *planner) nat(v *model.Vif, d *Does) {
	uplink := p.uplink(v)
	n := p.declared(model.NAT, v.Pos, uplink)
	d.Network = n.Name
	switch {
	case uplink == "" && p.own[model.NAT] && n.Uplink != defaultUplink:
		p.in.Change(v.Pos, "nat", fmt.Sprintf("no uplink is given, and the vif is in network %s, whose uplink is %s", n.Name, n.Uplink), "see whether that is the host's")
	case uplink != "" && uplink != n.Uplink:
		p.in.Lose(v.Pos, fmt.Sprintf("uplink %s of %s", uplink, subject(v)), fmt.Sprintf("NATed guests are in the one network %s, whose uplink is %s", n.Name, n.Uplink),
			"declare another network of kind nat, with a subnet of its own, and give the guest an address in it")
	}
}

// hostBridge is the bridge of Xen's vifs that name none, as it is written: what is said of it, else one that is declared, else xl's.
func (p *planner) hostBridge() model.Setting {
	if p.in.Host.Bridge.Value != "" {
		return p.in.Host.Bridge
	}
	for _, n := range p.in.Networks {
		if n.Kind == model.Bridge {
			return model.Setting{Pos: n.Pos, Value: n.Name}
		}
	}
	return model.Setting{Value: defaultBridge}
}

// bridges reads how the vifs' bridges are written, which depends on their script, or the host's. One whose own script is a bridge's has
// the host's bridge where it names none, whatever the host's script is.
func (p *planner) bridges() {
	for i := range p.in.Vifs {
		v := &p.in.Vifs[i]
		ovs := v.OVS || v.Xen && v.Action == model.Default && p.isOVS()
		if v.Xen && v.Named.Value == "" && (ovs || v.Action == model.Bridge) {
			v.Named = p.hostBridge()
		}
		p.in.UseBridge(v, ovs)
	}
}

// bridge finds the vif's bridge.
func (p *planner) bridge(v *model.Vif, d *Does) {
	d.Network = v.Bridge
	if v.Network != "" {
		n, read := p.in.Libvirt[v.Network]
		if n.Bridge == "" && v.Bridge != "" {
			n.Bridge, read = v.Bridge, true // a domain that runs says it
		}
		if n.Bridge == "" {
			why := "its bridge is not known: the network was not read"
			if read {
				why = "the network has no bridge"
			}
			p.in.Lose(v.Pos, fmt.Sprintf("network %q of %s", v.Network, subject(v)), why, "import the network's XML as well; until then the vif is shut")
			*d = Does{Action: model.Block}
			return
		}
		d.Network = n.Bridge
		d.Isolated = v.Isolated || n.Isolated && !v.Joined
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
	switch {
	case d.Network != "":
	case v.Xen: // its action is the host's, and so is its bridge
		d.Network = p.standard.Network
		if d.VLAN.Untagged == 0 && d.VLAN.Tagged == nil {
			d.VLAN = p.standard.VLAN
		}
	default:
		p.in.Lose(v.Pos, subject(v), "nothing says which bridge it is to be in", "the vif is shut; write a rule for it")
		*d = Does{Action: model.Block}
	}
	if name, renamed := p.renamed[d.Network]; renamed {
		d.Network = name
	}
}

// unheeded notes what the vif's script does not look at.
func (p *planner) unheeded(v *model.Vif, action model.Action) {
	if v.Index < 0 {
		return // the host's settings are those of several scripts
	}
	if uplink := v.Uplink; uplink != "" && action == model.Bridge {
		p.in.Lose(v.Pos, fmt.Sprintf("uplink %s of %s", uplink, subject(v)), "the vif is in a bridge, which has its own", "")
	}
	if bridge := v.Named; bridge.Value != "" && (action == model.Route || action == model.NAT) {
		p.in.Lose(bridge.Pos, fmt.Sprintf("bridge %q", bridge.Value), "the vif's script is none that looks at it: the vif is in no bridge", "")
	}
}
