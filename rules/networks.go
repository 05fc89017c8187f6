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
	s := schema{what: fmt.Sprintf("network %q", name), known: []string{"bridge", "route", "nat"}}
	var kind *yaml.Node
	ok := d.fields(v, s, func(key string, k, v *yaml.Node) {
		if kind != nil {
			d.rep.add(Problem{
				Pos: d.src.node(k), Code: codeConflict, Msg: fmt.Sprintf("a network has one kind, and this one has %s and %s", kind.Value, key),
				Hint: "make two networks of it", Related: &Related{Pos: d.src.node(kind), Msg: "the first kind is here"},
			})
			return
		}
		kind = k
		switch key {
		case "bridge":
			n.Kind = BridgeNetwork
			if verr := checkInterface(name); verr != nil {
				d.problem(n.Pos, verr.code, verr.msg, "a network of kind bridge has its bridge's name")
			}
			d.bridgeNetwork(v, &n)
		case "route":
			n.Kind = RouteNetwork
			d.routeNetwork(v, &n)
		case "nat":
			n.Kind = NATNetwork
			d.natNetwork(v, &n)
		}
	})
	if !ok {
		return
	}
	if len(v.Content) == 0 {
		d.problem(d.src.node(k), codeMissingKey, s.what+" needs a kind", "one of bridge, route and nat, as in bridge: {}")
	}
	d.set.set.Networks[name] = n
}

// String returns the kind's key in a network.
func (k NetworkKind) String() string {
	switch k {
	case BridgeNetwork:
		return "bridge"
	case RouteNetwork:
		return "route"
	case NATNetwork:
		return "nat"
	default:
		return "none"
	}
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

func (d *decoder) routeNetwork(v *yaml.Node, n *Network) {
	s := schema{what: fmt.Sprintf("route network %q", n.Name), known: []string{"uplink"}, required: []string{"uplink"}}
	d.fields(v, s, func(key string, _, v *yaml.Node) {
		n.Route.Uplink, _ = d.interfaceName(v, key)
	})
}
