package rules

import (
	"cmp"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// maxVLAN is the last VLAN ID in use; 0 and 4095 are none (IEEE 802.1Q, 9.6).
const maxVLAN = 4094

// vlan reads `vlan` of a bridge's port.
func (d *decoder) vlan(n *yaml.Node) *VLAN {
	if n.Kind == yaml.ScalarNode && !d.src.handled[n] && classify(n) == scalarInteger {
		d.wrongType(n, "vlan", "a mapping", fmt.Sprintf("write vlan: {untagged: %s}", n.Value))
		return nil
	}
	var v VLAN
	var untagged *yaml.Node
	at := map[VLANRange]*yaml.Node{}
	ok := d.fields(n, schema{what: "vlan", known: []string{"untagged", "tagged"}}, func(key string, _, val *yaml.Node) {
		switch key {
		case "untagged":
			untagged = val
			id, _ := d.integer(val, key, 1, maxVLAN)
			v.Untagged = uint16(id)
		case "tagged":
			v.Tagged = d.tagged(val, at)
		}
	})
	if !ok {
		return nil
	}
	if len(n.Content) == 0 {
		d.problem(d.src.node(n), codeEmpty, "vlan holds no key", `untagged, tagged or both; a trunk of all is tagged: "1-4094"`)
		return nil
	}
	for _, r := range v.Tagged {
		if r.First <= v.Untagged && v.Untagged <= r.Last {
			d.rep.add(Problem{
				Pos: d.src.node(at[r]), Code: codeConflict, Msg: fmt.Sprintf("vlan %d is untagged, and cannot be tagged as well", v.Untagged),
				Hint: "take it out of one of the two", Related: &Related{Pos: d.src.node(untagged), Msg: "it is untagged here"},
			})
		}
	}
	return &v
}

// tagged reads VLANs and ranges of them, sorted, and notes where each stands.
func (d *decoder) tagged(n *yaml.Node, at map[VLANRange]*yaml.Node) []VLANRange {
	type placed struct {
		VLANRange
		node  *yaml.Node
		index int
	}
	var all []placed
	for i, item := range d.oneOrMore(n, "tagged") {
		if first, last, ok := d.span(item, "a vlan", 1, maxVLAN); ok {
			all = append(all, placed{VLANRange{first, last}, item, i})
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.index, b.index)) })
	var list []VLANRange
	var before *placed // the one that reaches farthest
	for i := range all {
		p := &all[i]
		if before != nil && p.First <= before.Last {
			first, second := before, p
			if first.index > second.index {
				first, second = second, first
			}
			d.rep.add(Problem{
				Pos: d.src.node(second.node), Code: codeConflict, Msg: fmt.Sprintf("vlan %d is tagged already", p.First),
				Hint: "remove one of the two", Related: &Related{Pos: d.src.node(first.node), Msg: "it is tagged here"},
			})
			if p.Last > before.Last {
				before = p
			}
			continue
		}
		before = p
		at[p.VLANRange] = p.node
		list = append(list, p.VLANRange)
	}
	return list
}
