package rules

import (
	"gopkg.in/yaml.v3"
)

// nat reads the action `nat`: a network's name, or a mapping.
func (d *decoder) nat(n *yaml.Node) NATAction {
	var a NATAction
	if n.Kind != yaml.MappingNode {
		a.Network = d.networkName(n, NAT)
		return a
	}
	at := map[string]*yaml.Node{}
	s := schema{what: "nat", known: []string{"network", "uplink", "subnet", "forward"}}
	d.fields(n, s, func(key string, k, v *yaml.Node) {
		at[key] = k
		switch key {
		case "network":
			a.Network = d.networkName(v, NAT)
		case "uplink":
			a.Uplink, _ = d.expandable(v, key, checkInterface)
		case "subnet":
			if hasKey(n, "network") {
				d.rep.add(Problem{
					Pos: d.src.node(k), Code: codeConflict, Msg: "a network has its own subnet, and this rule has a network",
					Hint: "remove one of the two", Related: &Related{Pos: d.src.node(valueOf(n, "network")), Msg: "the network is here"},
				})
				return
			}
			a.Subnet = d.subnet(v, "")
		case "forward":
			a.Forward = d.forwards(v)
		}
	})
	d.networkOrUplink(n, "nat", at)
	if uplink := at["uplink"]; uplink != nil && !hasKey(n, "network") && !hasKey(n, "subnet") {
		d.problem(d.src.node(uplink), codeMissingKey, `uplink needs the key "subnet" beside it`, "the prefixes out of which guests get their addresses")
	}
	return a
}

// valueOf is the value of a mapping's key; nil where it has none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
