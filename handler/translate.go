package handler

import (
	"fmt"
	"maps"
	"slices"

	"vifd/actions/nat"
	"vifd/rules"
)

// anyUplink stands for the uplink of a rule, which facts may decide: a guest has its own with its elements.
const anyUplink = "uplink"

// compileNAT makes the tables that translate for a load's guests.
func compileNAT(set *rules.Set) (*nat.Program, error) {
	var networks []nat.Network
	for _, name := range slices.Sorted(maps.Keys(set.Networks)) {
		if n := set.Networks[name]; n.Kind == rules.NATNetwork {
			networks = append(networks, nat.Network{Name: name, Uplink: n.NAT.Uplink, Subnets: n.NAT.Subnet})
		}
	}
	var forwards [][]nat.Forward
	for i := range set.Rules {
		action := &set.Rules[i].Action.NAT
		if len(action.Subnet) > 0 && !slices.ContainsFunc(networks, func(n nat.Network) bool { return slices.Equal(n.Subnets, action.Subnet) }) {
			networks = append(networks, nat.Network{Name: "of rule " + set.Rules[i].Name, Uplink: anyUplink, Subnets: action.Subnet})
		}
		var list []nat.Forward
		for j := range action.Forward {
			list = append(list, forward(&action.Forward[j]))
		}
		forwards = append(forwards, list)
	}
	p, err := nat.Compile(networks, forwards...)
	if err != nil {
		return nil, fmt.Errorf("compile address translation: %w", err)
	}
	return p, nil
}

// routes reports whether any rule has guests routed.
func (r *Ruleset) routes() bool {
	return slices.ContainsFunc(r.set.Rules, func(rule rules.Rule) bool { return FirewallList(&rule).Routed })
}

func forward(f *rules.Forward) nat.Forward {
	proto := nat.TCP
	if f.Proto == nat.UDP.String() {
		proto = nat.UDP
	}
	return nat.Forward{Protocol: proto, First: f.First, Last: f.Last, To: f.To, Host: f.Address, From: f.From}
}
