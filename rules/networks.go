package rules

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// An Ethernet device's MTU: IPv4 needs 68 (RFC 791), and the kernel's bridge takes up to 65535 (ETH_MAX_MTU).
const (
	minMTU = 68
	maxMTU = 65535
)

// network reads one entry of `networks`: a name and a mapping with exactly one kind.
func (d *decoder) network(k, v *yaml.Node) {
	name := k.Value
	if name == "" {
		d.problem(d.src.node(k), codeName, "a network's name cannot be empty", "")
		return
	}
	if !d.name(k, "a network", name) {
		return
	}
	n := Network{Name: name, Pos: d.src.node(k)}
	if d.twice(k, fmt.Sprintf("network %q is defined", name), d.set.set.Networks[name].Pos) {
		return
	}
	d.set.set.Networks[name] = n
	s := schema{what: fmt.Sprintf("network %q", name), known: []string{"bridge"}, later: []string{"route", "nat"}}
	ok := d.fields(v, s, func(_ string, _, v *yaml.Node) {
		if verr := checkInterface(name); verr != nil {
			verr.hint = "a network of kind bridge has its bridge's name"
			d.problem(n.Pos, verr.code, verr.msg, verr.hint)
		}
		d.bridgeNetwork(v, &n)
	})
	if !ok {
		return
	}
	if len(v.Content) == 0 {
		d.problem(d.src.node(k), codeMissingKey, s.what+" needs a kind", "bridge: {}")
	}
	d.set.set.Networks[name] = n
}

func (d *decoder) bridgeNetwork(v *yaml.Node, n *Network) {
	s := schema{what: fmt.Sprintf("bridge network %q", n.Name), known: []string{"uplink", "create", "mtu"}, later: []string{"vlan"}}
	d.fields(v, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "uplink":
			uplink, ok := d.interfaceName(v, "uplink")
			if !ok {
				return
			}
			if uplink == n.Name {
				d.problem(d.src.node(v), codeConflict, fmt.Sprintf("bridge %q cannot be its own uplink", n.Name), "uplink names the host's network card")
				return
			}
			if first, taken := d.set.uplinks[uplink]; taken {
				d.rep.add(Problem{
					Pos: d.src.node(v), Code: codeUplinkTwice, Msg: fmt.Sprintf("%q is the uplink of another network; a device can be in one bridge only", uplink),
					Related: &Related{Pos: first, Msg: "first used here"},
				})
				return
			}
			d.set.uplinks[uplink] = d.src.node(v)
			n.Bridge.Uplink = uplink
		case "create":
			n.Bridge.Create, _ = d.boolean(v, "create")
		case "mtu":
			n.Bridge.MTU, _ = d.integer(v, "mtu", minMTU, maxMTU)
		}
	})
}
