package rules

import (
	"gopkg.in/yaml.v3"
)

// bridge reads the action `bridge`: a name, or a mapping.
func (d *decoder) bridge(n *yaml.Node) BridgePort {
	var p BridgePort
	if n.Kind != yaml.MappingNode {
		p.Name = d.networkName(n, Bridge)
		return p
	}
	var learning, static *yaml.Node
	s := schema{
		what: "bridge",
		known: []string{
			"name", "create", "isolated", "hairpin", "learning", "flood", "mcast-flood", "neigh-suppress", "guard", "root-block", "static-fdb", "vlan",
		},
		required: []string{"name"},
	}
	d.fields(n, s, func(key string, _, v *yaml.Node) {
		flag := func(field **bool) {
			if b, ok := d.boolean(v, key); ok {
				*field = &b
			}
		}
		switch key {
		case "name":
			p.Name = d.networkName(v, Bridge)
		case "create":
			flag(&p.Create)
		case "isolated":
			flag(&p.Isolated)
		case "hairpin":
			flag(&p.Hairpin)
		case "learning":
			learning = v
			flag(&p.Learning)
		case "flood":
			flag(&p.Flood)
		case "mcast-flood":
			flag(&p.McastFlood)
		case "neigh-suppress":
			flag(&p.NeighSuppress)
		case "guard":
			flag(&p.Guard)
		case "root-block":
			flag(&p.RootBlock)
		case "static-fdb":
			static = v
			p.StaticFDB, _ = d.boolean(v, key)
		case "vlan":
			p.VLAN = d.vlan(v)
		}
	})
	if p.StaticFDB && p.Learning != nil && *p.Learning {
		d.rep.add(Problem{
			Pos: d.src.node(learning), Code: codeConflict, Msg: "static-fdb switches learning off, and learning: true contradicts it",
			Hint: "remove one of the two", Related: &Related{Pos: d.src.node(static), Msg: "static-fdb is here"},
		})
	}
	return p
}
