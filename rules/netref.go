package rules

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// networkRef is where a rule names a network.
type networkRef struct {
	name    string // with the defaults of its substitutions
	literal bool
	action  ActionKind
	pos     Pos
}

// Network is the text by which the action names its network, of bridge its bridge; empty where it names none.
func (a *Action) Network() Text {
	switch a.Kind {
	case Bridge:
		return a.Bridge.Name
	case Route:
		return a.Route.Network
	case NAT:
		return a.NAT.Network
	case Ignore, Block:
	}
	return Text{}
}

// Network is the kind of network that the action needs; zero where it needs none.
func (k ActionKind) Network() NetworkKind {
	switch k {
	case Bridge:
		return BridgeNetwork
	case Route:
		return RouteNetwork
	case NAT:
		return NATNetwork
	case Ignore, Block:
	}
	return 0
}

// networkName reads the name of an action's network.
func (d *decoder) networkName(n *yaml.Node, action ActionKind) Text {
	what, check := "the network's name", func(name string) *valueError { return checkName("a network", name) }
	if action == Bridge {
		what, check = "the bridge's name", checkInterface
	}
	text, ok := d.expandable(n, what, check)
	if !ok {
		return Text{}
	}
	if name, known := text.defaults(); known {
		_, literal := text.Literal()
		d.set.refs = append(d.set.refs, networkRef{name, literal, action, d.src.node(n)})
	}
	return text
}

// checkNetworkRefs checks that the networks that rules name are there, and of the kind that the action needs. A bridge need not be
// declared.
func (b *builder) checkNetworkRefs(rep *Report) {
	for i := range b.refs {
		ref := &b.refs[i]
		n, declared := b.set.Networks[ref.name]
		needs := ref.action.Network()
		prefix := ""
		if !ref.literal {
			prefix = "with its defaults: "
		}
		switch {
		case !declared && (needs == BridgeNetwork || b.unread || rep.full), n.Kind == needs:
		case !declared:
			rep.add(Problem{
				Pos: ref.pos, Code: codeNoNetwork, Msg: fmt.Sprintf("%sunknown network %s", prefix, short(ref.name)),
				Hint: suggestion(ref.name, b.networksOf(needs), fmt.Sprintf("networks of kind %s are", needs)),
			})
		case n.Kind != 0: // else what is wrong with the network has been reported
			rep.add(Problem{
				Pos: ref.pos, Code: codeNetworkKind, Msg: fmt.Sprintf("%snetwork %q is of kind %s, and the action %s needs one of kind %s", prefix, n.Name, n.Kind, ref.action, needs),
				Hint: suggestion(ref.name, b.networksOf(needs), fmt.Sprintf("networks of kind %s are", needs)), Related: &Related{Pos: n.Pos, Msg: "it is declared here"},
			})
		}
	}
}

// networksOf are the names of all networks of a kind, sorted.
func (b *builder) networksOf(kind NetworkKind) []string {
	var names []string
	for _, name := range sortedKeys(b.set.Networks) {
		if b.set.Networks[name].Kind == kind {
			names = append(names, name)
		}
	}
	return names
}
