package firewall

import (
	"slices"
	"strings"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

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

// dispatch makes the base chains. A guest that is to be judged has its name in the set of the chain that judges it. What finds
// its guest in none of them is looked up in a verdict map, where such a guest has drop: a packet that is on its way while its
// guest comes to be judged by another chain can find it in neither set, and would be judged by nobody. A verdict that names a
// chain would do without the sets, but for every such element that comes the kernel goes through all others again, to see that
// they make no loop (nft_table_validate, net/netfilter/nf_tables_api.c): with 10 000 guests that took 2 ms for each. An interface
// that the rules may claim, but that is in no map yet, is somebody nobody has decided about.
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
		var rules []rule
		for _, name := range judges {
			if strings.HasPrefix(name, dir.prefix) {
				rules = append(rules, newRule(with(member{h.dir, name}), verdict{jump: name, leave: true}, "the way to "+name))
			}
		}
		rules = append(rules, newRule(with(dispatch{h.dir}), verdict{}, "the dispatch of "+h.name))
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

// dispatch decides about a guest that no chain judges.
type dispatch struct{ dir direction }

func (d dispatch) text() string {
	return directions[d.dir].ifname + " vmap @" + directions[d.dir].vmap
}

func (d dispatch) emit(w *writer) {
	w.add(&expr.Meta{Key: directions[d.dir].key, Register: 1})
	w.add(&expr.Lookup{SourceRegister: 1, DestRegister: 0, IsDestRegSet: true, SetName: directions[d.dir].vmap})
}

// member is a guest that a chain judges.
type member struct {
	dir   direction
	chain string
}

func (m member) text() string { return directions[m.dir].ifname + " @" + m.chain }

func (m member) emit(w *writer) {
	w.add(&expr.Meta{Key: directions[m.dir].key, Register: 1})
	w.add(&expr.Lookup{SourceRegister: 1, SetName: m.chain})
}
