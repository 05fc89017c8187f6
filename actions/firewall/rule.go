package firewall

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

// rule is one rule of a chain, ready to be encoded.
type rule struct {
	dir      direction
	items    []item
	verdict  *expr.Verdict
	jump     string // of a jump: the chain
	ifname   string // of a base chain: the interface name or prefix* that it tests
	dispatch bool   // of a base chain: the lookup of the guest's interface
	text     string // in nft's syntax
	what     string // for messages
}

// item is a match with its parameter resolved, or a counter.
type item struct {
	counter bool
	field   *stmt.Field
	negate  bool
	own     stmt.Type // one of the guest's own values, looked up by interface
	set     bool
	elems   []stmt.Elem
}

var verdictKinds = map[stmt.Verdict]expr.VerdictKind{
	stmt.Accept: expr.VerdictAccept, stmt.Drop: expr.VerdictDrop, stmt.Return: expr.VerdictReturn, stmt.Continue: expr.VerdictContinue,
}

func jumpRule(target string) rule {
	return rule{
		jump: target, verdict: &expr.Verdict{Kind: expr.VerdictJump, Chain: target},
		text: "jump " + target, what: "jump to " + target,
	}
}

// newRule compiles a statement that is not an include.
func newRule(d direction, s *stmt.Stmt, args map[string][]stmt.Elem) (rule, error) {
	r := rule{dir: d}
	for _, it := range s.Items {
		m, ok := it.(stmt.Match)
		if !ok {
			r.items = append(r.items, item{counter: true})
			continue
		}
		resolved := item{field: m.Field, negate: m.Negate, set: m.Value.Set, elems: m.Value.Elems}
		if name := m.Value.Param; name != "" {
			elems, declared := args[name]
			own, builtin := stmt.Builtin(name)
			switch {
			case declared:
				resolved.elems, resolved.set = elems, len(elems) > 1
			case builtin:
				resolved.own = own
			default:
				return r, fmt.Errorf("unknown parameter $%s", name)
			}
		}
		r.items = append(r.items, resolved)
	}
	if kind, ok := verdictKinds[s.Verdict]; ok {
		r.verdict = &expr.Verdict{Kind: kind}
	}
	r.text = r.print()
	return r, nil
}

// needsMAC reports whether r compares with something that is derived from the guest's MAC.
func (r *rule) needsMAC() bool {
	for i := range r.items {
		if own := r.items[i].own; own == stmt.TypeMAC || own == stmt.TypeIP6 {
			return true
		}
	}
	return false
}

// print writes r in nft's syntax, with what nft adds by itself made explicit where its own choice would be another.
func (r *rule) print() string {
	var parts []string
	var known protocols
	for i := range r.items {
		it := &r.items[i]
		if it.counter {
			parts = append(parts, "counter")
			continue
		}
		for _, p := range it.field.Needs {
			if known.learn(p) && (p == stmt.ARP || strings.HasPrefix(it.field.Name, "nd ")) {
				parts = append(parts, protocolTest(p))
			}
		}
		known.tested(it)
		parts = append(parts, it.print(r.dir))
	}
	if r.verdict != nil {
		parts = append(parts, stmtVerdict(r.verdict.Kind))
	}
	return strings.Join(parts, " ")
}

func stmtVerdict(kind expr.VerdictKind) string {
	for v, k := range verdictKinds {
		if k == kind {
			return v.String()
		}
	}
	return ""
}

func (it *item) print(d direction) string {
	name := it.field.Name
	if strings.HasPrefix(name, "nd ") {
		name = fmt.Sprintf("@th,%d,%d", it.field.Offset, it.field.Bits)
	}
	var b strings.Builder
	if it.field.Option != 0 {
		fmt.Fprintf(&b, "@th,%d,16 %#x ", it.field.Offset-16, optionHeader(it.field))
	}
	if it.own != stmt.TypeNone {
		fmt.Fprintf(&b, "%s . %s ", directions[d].ifname, name)
	} else {
		b.WriteString(name + " ")
	}
	if it.negate {
		b.WriteString("!= ")
	}
	switch {
	case it.own != stmt.TypeNone:
		b.WriteString("@" + setName(it.own))
	case it.set:
		values := make([]string, len(it.elems))
		for i, e := range it.elems {
			values[i] = printElem(it.field, e)
		}
		b.WriteString("{ " + strings.Join(values, ", ") + " }")
	default:
		b.WriteString(printElem(it.field, it.elems[0]))
	}
	return b.String()
}

func printElem(f *stmt.Field, e stmt.Elem) string {
	switch {
	case e.Prefix >= 0:
		addr, _ := netip.AddrFromSlice(e.Lo)
		return netip.PrefixFrom(addr, e.Prefix).String()
	case e.Single():
		return printValue(f, e.Lo)
	}
	return printValue(f, e.Lo) + "-" + printValue(f, e.Hi)
}

func printValue(f *stmt.Field, v []byte) string {
	switch f.Type {
	case stmt.EtherAddr:
		return strings.ReplaceAll(fmt.Sprintf("% x", v), " ", ":")
	case stmt.IPv4Addr, stmt.IPv6Addr:
		addr, _ := netip.AddrFromSlice(v)
		return addr.String()
	case stmt.EtherType:
		return fmt.Sprintf("0x%x", v)
	}
	if trimmed := bytes.TrimLeft(v, "\x00"); len(trimmed) > 8 {
		return fmt.Sprintf("0x%x", trimmed)
	}
	n := uint64(0)
	for _, c := range v {
		n = n<<8 | uint64(c)
	}
	return fmt.Sprint(n)
}
