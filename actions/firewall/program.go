package firewall

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// Program is what Compile makes: every shared chain, and for every list of templates where a guest of it is judged. It is
// immutable and safe for concurrent use.
type Program struct {
	cfg      Config
	plens    lengths
	tables   [families]*tableProgram // nil: no guest is judged there
	profiles map[profileKey]Profile
	unseen   []Statement
}

type profileKey struct {
	list   string
	routed bool
}

// tableProgram is what one table holds, but for guests' elements.
type tableProgram struct {
	family Family
	base   []chain // of the hooks, in their order
	chains []chain // sorted by name
	states []*stateSet
	values []valueSet
	judges []string // the chains that guests are sent to, each with a set of those guests
}

// chain is a chain.
type chain struct {
	name     string
	dir      direction
	rules    []rule
	needsMAC bool
	tracks   bool
}

// Profile is how one list of templates judges a guest.
type Profile struct {
	verdicts [families][2]Verdict // by direction; none for a family that does not judge the guest
	NeedsMAC bool                 // some statement compares with the guest's identity ($mac, or the link-local address in $ip6)
	Tracks   bool                 // some statement asks what the kernel tracks of connections
	routed   bool
}

// uses are the families in which guests are judged.
func (p *Program) uses() []Family {
	used := []Family{Bridge}
	if slices.ContainsFunc(p.cfg.Lists, func(l List) bool { return l.Routed }) {
		used = append(used, Inet, ARP)
	}
	return used
}

// Open is the profile of a guest that no template judges.
func (p *Program) Open() Profile { return p.everywhere(VerdictAccept) }

// Blocked is the profile of a guest that neither sends nor receives.
func (p *Program) Blocked() Profile { return p.everywhere(VerdictDrop) }

func (p *Program) everywhere(kind VerdictKind) Profile {
	var profile Profile
	for _, f := range p.uses() {
		profile.verdicts[f] = [2]Verdict{{Kind: kind}, {Kind: kind}}
	}
	return profile
}

// Profile returns that of a list of templates which Compile was given; no templates make an open guest.
func (p *Program) Profile(list List) (Profile, error) {
	if len(list.Refs) == 0 {
		return p.Open(), nil
	}
	profile, ok := p.profiles[profileKey{listName(list.Refs), list.Routed}]
	if !ok {
		return p.Blocked(), fmt.Errorf("firewall: the list of templates %s was not compiled", listName(list.Refs))
	}
	return profile, nil
}

// Unseen are the statements that never hold, because no hook that judges the guests of their templates can see what they ask
// about, as a tag on a packet that is routed.
func (p *Program) Unseen() []Statement { return p.unseen }

// Source is the statement that the kernel's refusal is about; nil where it is about none.
func (p *Program) Source(refusal error) *Statement {
	var e *nft.Error
	if !errors.As(refusal, &e) {
		return nil
	}
	for _, f := range p.uses() {
		for _, ch := range p.tables[f].chains {
			for i := range ch.rules {
				if ch.rules[i].what == e.What {
					return ch.rules[i].source
				}
			}
		}
	}
	return nil
}

// Rules is the number of rules in all tables.
func (p *Program) Rules() int {
	n := 0
	for _, f := range p.uses() {
		for _, ch := range p.tables[f].all() {
			n += len(ch.rules)
		}
	}
	return n
}

// covering is p for guests with prefixes of these lengths besides its own; p itself where it has them all.
func (p *Program) covering(plens lengths) (*Program, error) {
	more := make(lengths)
	for param := range valueTypes {
		more[param] = slices.Clone(p.plens[param])
	}
	grown := false
	for param, list := range plens {
		for _, plen := range list {
			if !slices.Contains(more[param], plen) {
				more[param] = append(more[param], plen)
				grown = true
			}
		}
		slices.SortFunc(more[param], func(a, b int) int { return b - a })
	}
	if !grown {
		return p, nil
	}
	return compile(p.cfg, more)
}

// bare is p for guests without prefixes.
func (p *Program) bare() (*Program, error) {
	if len(p.plens) == 0 {
		return p, nil
	}
	return compile(p.cfg, nil)
}

// String is the program as an administrator would write it for `nft -f`, without a guest.
func (p *Program) String() string {
	var b strings.Builder
	for _, f := range p.uses() {
		fmt.Fprintf(&b, "table %s %s {\n%s}\n", f, TableName, p.tables[f])
	}
	return b.String()
}

// String is the table's contents in nft's syntax.
func (t *tableProgram) String() string {
	var b strings.Builder
	for _, d := range directions {
		fmt.Fprintf(&b, "map %s {\n\ttype ifname : verdict\n\tcounter\n}\n", d.vmap)
	}
	for _, v := range t.values {
		fmt.Fprintf(&b, "set %s {\n\ttype ifname . %s\n}\n", v.name(), valueTypes[v.param].key.Name)
	}
	for _, name := range t.judges {
		fmt.Fprintf(&b, "set %s {\n\ttype ifname\n\tcounter\n}\n", name)
	}
	for _, s := range t.states {
		fmt.Fprintf(&b, "set %s {\n\ttypeof %s\n", s.name, s.typeof)
		if s.timeout > 0 {
			fmt.Fprintf(&b, "\tsize %d\n\tflags dynamic,timeout\n\ttimeout %ds\n}\n", stateSetSize, int(s.timeout.Seconds()))
		} else {
			fmt.Fprintf(&b, "\tsize %d\n\tflags dynamic\n}\n", stateSetSize)
		}
	}
	for i, h := range hooks[t.family] {
		t.base[i].print(&b, fmt.Sprintf("\ttype filter hook %s priority %s; policy accept;\n", h.name, h.priority))
	}
	for i := range t.chains {
		t.chains[i].print(&b, "")
	}
	return b.String()
}

func (ch *chain) print(b *strings.Builder, hook string) {
	fmt.Fprintf(b, "chain %s {\n%s", ch.name, hook)
	for i := range ch.rules {
		fmt.Fprintf(b, "\t%s\n", ch.rules[i].text)
	}
	b.WriteString("}\n")
}

// all returns the base chains and then the shared ones.
func (t *tableProgram) all() []chain { return append(slices.Clone(t.base), t.chains...) }

func newTableProgram(f Family, plens lengths) *tableProgram {
	t := &tableProgram{family: f}
	for _, v := range wholeSets {
		if f == ARP && v.param == stmt.TypeIP6 {
			continue // IPv6 has no ARP
		}
		t.values = append(t.values, v)
		for _, plen := range plens[v.param] {
			t.values = append(t.values, valueSet{v.param, plen})
		}
	}
	return t
}
