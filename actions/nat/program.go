package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"

	"vifd/internal/nft"
	"vifd/internal/vif"
)

// Network is a NAT network, of guests that go out by way of one uplink.
type Network struct {
	Name    string
	Uplink  string
	Subnets []netip.Prefix // of the addresses that are derived for guests; IPv4 and IPv6 alike are masqueraded
}

// Program is the tables without their elements: chains, and the sets and maps that they look up. It is never changed.
type Program struct {
	tables [families]*tableProgram // nil: the family has no network
}

type tableProgram struct {
	shapes []shape // sorted
	chains []chain
}

type chain struct {
	chain *nftables.Chain
	text  string // its first line
	rules []rule
}

// Compile checks networks and the forwards of rules, a list for each rule, and compiles the tables for them. Lists do not have to
// agree with each other: rules for different guests may forward the same port, as long as only one of the guests is there.
func Compile(networks []Network, rules ...[]Forward) (*Program, error) {
	var shapes [families][]shape
	for i, n := range networks {
		if err := vif.CheckName(n.Uplink); err != nil {
			return nil, fmt.Errorf("network %s: uplink: %w", n.Name, err)
		}
		for j, s := range n.Subnets {
			if err := CheckSubnet(s); err != nil {
				return nil, fmt.Errorf("network %s: %w", n.Name, err)
			}
			if slices.ContainsFunc(n.Subnets[:j], s.Overlaps) {
				return nil, fmt.Errorf("network %s: subnet %s overlaps with another of its own", n.Name, s)
			}
			for _, other := range networks[:i] {
				if slices.ContainsFunc(other.Subnets, s.Overlaps) {
					return nil, fmt.Errorf("network %s: subnet %s overlaps with one of network %s", n.Name, s, other.Name)
				}
			}
			fam := familyOf(s.Addr())
			shapes[fam] = append(shapes[fam], ofGuests(fam)...)
		}
	}
	for _, list := range rules {
		if err := CheckForwards(list); err != nil {
			return nil, err
		}
		for i := range list {
			for fam := range families {
				if shapes[fam] == nil {
					continue
				}
				for _, from := range list[i].sources(fam) {
					shapes[fam] = append(shapes[fam], list[i].shape(from))
				}
			}
		}
	}
	return build(shapes), nil
}

// ofGuests are the shapes of guests with derived addresses, who may forward.
func ofGuests(fam family) []shape {
	plen := fam.bits()
	if fam == ip6 {
		plen = guestBits
	}
	return []shape{{kind: guests, plen: plen}, {kind: uplinks, plen: plen}, {kind: forwards}}
}

func build(shapes [families][]shape) *Program {
	p := &Program{}
	for fam, list := range shapes {
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, shape.compare)
		list = slices.Compact(list)
		p.tables[fam] = &tableProgram{shapes: list, chains: chains(family(fam), list)}
	}
	return p
}

// chains are the base chains. Those for locally made packets and for others come at the same place among a host's; nft has a name
// for it in prerouting alone.
func chains(fam family, shapes []shape) []chain {
	base := func(name string, hook *nftables.ChainHook, priority nftables.ChainPriority, text string) chain {
		accept := nftables.ChainPolicyAccept
		return chain{
			chain: &nftables.Chain{Table: fam.table(), Name: name, Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: &priority, Policy: &accept},
			text:  fmt.Sprintf("type nat hook %s priority %s; policy accept;", name, text),
		}
	}
	pre := base("prerouting", nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest, "dstnat")
	out := base("output", nftables.ChainHookOutput, *nftables.ChainPriorityNATDest, "-100")
	post := base("postrouting", nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, "srcnat")
	for _, s := range shapes {
		if s.kind == forwards {
			pre.rules = append(pre.rules, forward(fam, s, false))
			out.rules = append(out.rules, forward(fam, s, true))
			continue
		}
		post.rules = append(post.rules, masquerade(fam, s))
	}
	return []chain{pre, out, post}
}

// covering is p with what elems need besides, p itself where that is nothing.
func (p *Program) covering(elems []element) *Program {
	var shapes [families][]shape
	grown := false
	for fam, t := range p.tables {
		if t != nil {
			shapes[fam] = slices.Clone(t.shapes)
		}
	}
	for i := range elems {
		e := elems[i].in()
		if slices.Contains(shapes[e.family], e.shape) {
			continue
		}
		grown = true
		if shapes[e.family] == nil {
			shapes[e.family] = ofGuests(e.family)
		}
		shapes[e.family] = append(shapes[e.family], e.shape)
	}
	if !grown {
		return p
	}
	return build(shapes)
}

// String is p as `nft list` prints it and `nft -f` takes it.
func (p *Program) String() string {
	var s strings.Builder
	for fam, t := range p.tables {
		if t == nil {
			continue
		}
		fmt.Fprintf(&s, "table %s %s {\n", family(fam), TableName)
		for _, shape := range t.shapes {
			set := shape.set(family(fam))
			if set.IsMap {
				fmt.Fprintf(&s, "\tmap %s {\n\t\ttype %s : %s\n\t}\n\n", set.Name, set.KeyType.Name, set.DataType.Name)
				continue
			}
			fmt.Fprintf(&s, "\tset %s {\n\t\ttype %s\n\t}\n\n", set.Name, set.KeyType.Name)
		}
		for i, ch := range t.chains {
			if i > 0 {
				s.WriteByte('\n')
			}
			fmt.Fprintf(&s, "\tchain %s {\n\t\t%s\n", ch.chain.Name, ch.text)
			for _, r := range ch.rules {
				fmt.Fprintf(&s, "\t\t%s\n", r.text)
			}
			s.WriteString("\t}\n")
		}
		s.WriteString("}\n")
	}
	return s.String()
}

// Rules is the number of rules in all chains.
func (p *Program) Rules() (n int) {
	for _, t := range p.tables {
		if t == nil {
			continue
		}
		for _, ch := range t.chains {
			n += len(ch.rules)
		}
	}
	return n
}

// same reports whether the kernel's chain holds ch's rules.
func (ch *chain) same(have nft.Chain) bool {
	return slices.EqualFunc(ch.rules, have.Rules, func(r rule, digest []byte) bool { return string(r.digest()) == string(digest) })
}
