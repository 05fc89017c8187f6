package firewall

import (
	"crypto/sha256"
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
		fmt.Fprintf(&b, "set %s {\n\ttype ifname\n}\n", name)
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

// judges are the chains of a family that lists of templates send their guests to.
func (p *Program) judges(f Family) []string {
	var names []string
	for _, profile := range p.profiles {
		for _, v := range profile.verdicts[f] {
			if v.Kind == VerdictGoto && !slices.Contains(names, v.Chain) {
				names = append(names, v.Chain)
			}
		}
	}
	slices.Sort(names)
	return names
}

// dispatch makes the base chains. A guest's interface is looked up in a verdict map; a guest that is to be judged has the
// verdict continue there, and its name in the set of the chain that judges it. A verdict that names a chain would do both at
// once, but for every such element that comes the kernel goes through all others again, to see that they make no loop
// (nft_table_validate, net/netfilter/nf_tables_api.c): with 10 000 guests that took 2 ms for each. (The price: a packet on its way while its guest comes to be judged by another chain can
// find it in neither set, and is dropped.) An interface that the rules
// may claim, but that is in no map yet, is somebody nobody has decided about.
func (t *tableProgram) dispatch(judges, claimed []string) {
	t.judges = judges
	for _, h := range hooks[t.family] {
		dir := directions[h.dir]
		var group []part
		if h.reserved {
			group = []part{reservedGroup()}
		}
		with := func(p part) []part { return append(group[:len(group):len(group)], p) }
		field := stmt.FieldByName(dir.ifname)
		rules := []rule{newRule(with(dispatch{h.dir}), verdict{}, "the dispatch of "+h.name)}
		for _, name := range judges {
			if strings.HasPrefix(name, dir.prefix) {
				rules = append(rules, newRule(with(member{h.dir, name}), verdict{jump: name, leave: true}, "the way to "+name))
			}
		}
		for _, name := range claimed {
			claim := &match{fields: []*stmt.Field{field}, tuples: []stmt.Tuple{{ifnameElem(name)}}}
			rules = append(rules, newRule(with(claim), verdict{kind: stmt.Drop}, "the drop of undecided "+name))
		}
		t.base = append(t.base, chain{name: h.name, dir: h.dir, rules: rules})
	}
}

// reservedGroup is the addresses that a bridge does not forward (IEEE 802.1Q, table 8-1).
func reservedGroup() part {
	first, last := []byte{0x01, 0x80, 0xc2, 0, 0, 0}, []byte{0x01, 0x80, 0xc2, 0, 0, 0x0f}
	return &match{fields: []*stmt.Field{stmt.FieldByName("ether daddr")}, tuples: []stmt.Tuple{{{Lo: first, Hi: last, Prefix: -1}}}}
}

// ifnameElem is an interface's name, or with a * at its end every name that begins so.
func ifnameElem(name string) stmt.Elem {
	begin, wild := strings.CutSuffix(name, "*")
	lo := make([]byte, stmt.IfnameSize)
	copy(lo, begin)
	if wild {
		return stmt.Elem{Lo: lo, Hi: nil, Prefix: 8 * len(begin)}
	}
	return stmt.Elem{Lo: lo, Hi: lo, Prefix: -1}
}

// digest identifies a rule in the kernel: it is kept as the rule's user data, in an attribute that nft does not print.
func (r *rule) digest() []byte {
	text := encoding + r.text
	for _, p := range r.parts {
		if u, ok := p.(*update); ok {
			text += fmt.Sprintf("\x00%s %s", u.set.typeof, u.set.timeout) // a set is replaced with the rules that fill it
		}
	}
	sum := sha256.Sum256([]byte(text))
	return append([]byte{digestAttr, digestLen}, sum[:digestLen]...)
}

const (
	// encoding changes whenever the same text is compiled to other expressions, so that an upgrade replaces them.
	encoding   = "3\x00"
	digestAttr = 0x76 // in the space of enum nftnl_udata_rule_types, of which nft knows the first few and skips the others
	digestLen  = 12
)

// same reports whether the kernel's chain holds ch's rules.
func (ch *chain) same(have nft.Chain) bool {
	if len(have.Rules) != len(ch.rules) {
		return false
	}
	for i := range ch.rules {
		if string(ch.rules[i].digest()) != string(have.Rules[i]) {
			return false
		}
	}
	return true
}
