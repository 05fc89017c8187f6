package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables/expr"

	"vifd/internal/stmt"
)

// rule is one rule of a chain, ready to be encoded.
type rule struct {
	parts   []part
	verdict verdict
	text    string // in nft's syntax
	what    string // for messages
	source  *Statement
	comment string // listed behind it
}

// say gives the rule a comment.
func (r *rule) say(comment string) {
	if comment == "" {
		return
	}
	r.comment = comment
	r.text = strings.TrimSpace(r.text + fmt.Sprintf(` comment "%s"`, comment))
}

// verdict is what a rule ends with; the zero value goes on with the next rule.
type verdict struct {
	kind   stmt.Verdict
	reject stmt.Reject // of stmt.Rejected
	jump   string      // a chain instead of a kind
	leave  bool        // goto instead of jump
}

func (v verdict) text() string {
	switch {
	case v.leave:
		return "goto " + v.jump
	case v.jump != "":
		return "jump " + v.jump
	case v.kind == stmt.Rejected:
		return v.reject.String()
	}
	return v.kind.String()
}

var verdictKinds = map[stmt.Verdict]expr.VerdictKind{
	stmt.Accept: expr.VerdictAccept, stmt.Drop: expr.VerdictDrop, stmt.Return: expr.VerdictReturn, stmt.Continue: expr.VerdictContinue,
}

// newRule puts parts and a verdict together.
func newRule(parts []part, v verdict, what string) rule {
	for i, p := range parts {
		// What a test was made for may be in another rule, or in none: nft would not make it anew.
		if test, ok := p.(protocolTest); ok && !test.shown && !asksFor(parts, v, test.proto) {
			test.shown = true
			parts = slices.Clone(parts)
			parts[i] = test
		}
	}
	r := rule{parts: parts, verdict: v, what: what}
	words := make([]string, 0, len(parts)+1)
	for _, p := range parts {
		if text := p.text(); text != "" {
			words = append(words, text)
		}
	}
	if text := v.text(); text != "" {
		words = append(words, text)
	}
	r.text = strings.Join(words, " ")
	return r
}

// rejectNeeds is the protocol that a packet must be of to be answered so.
var rejectNeeds = map[stmt.RejectKind]stmt.Proto{stmt.RejectICMP: stmt.IP, stmt.RejectICMPv6: stmt.IP6, stmt.RejectTCPReset: stmt.TCP}

func jumpRule(target string) rule {
	return newRule(nil, verdict{jump: target}, "jump to "+target)
}

// builder makes the rules of one statement in one family and direction.
type builder struct {
	family Family
	dir    direction
	args   arguments
	scope  string  // before the names of the sets that statements declare
	plens  lengths // of guests' prefixes
	sets   stateSets
	known  protocols
	parts  []part
	// needsMAC is set when the statement compares with what is derived from the guest's MAC.
	needsMAC bool
}

// build compiles a statement that is not an include: as a rule mostly, as none where the family cannot see what it asks for,
// as several where guests may have prefixes, or where what it logs is limited while its verdict is not.
func (b *builder) build(s *Statement) ([]rule, error) {
	b.known, b.parts, b.needsMAC = make(protocols), nil, false
	for _, it := range s.Items {
		never, err := b.item(it)
		if err != nil || never {
			return nil, err
		}
	}
	v := verdict{kind: s.Verdict}
	if s.Verdict == stmt.Rejected {
		var never bool
		if v, never = b.reject(s.Reject); never {
			return nil, nil
		}
	}
	var rules []rule
	for _, parts := range alternatives(b.parts, b.plens) {
		for _, half := range b.limitLog(parts, v) {
			half.source = s
			half.say(s.Comment)
			rules = append(rules, half)
		}
	}
	return rules, nil
}

// item adds the parts of one item; never tells that no packet can get past it.
func (b *builder) item(it stmt.Item) (never bool, err error) {
	switch it := it.(type) {
	case stmt.Match:
		return b.match(&it)
	case stmt.Assign:
		return b.assign(&it)
	case stmt.Update:
		return b.update(&it)
	case stmt.Counter:
		b.parts = append(b.parts, counter{})
	case stmt.Log:
		b.parts = append(b.parts, logged{it})
	case stmt.Limit:
		l, err := b.limit(it)
		b.parts = append(b.parts, l)
		return false, err
	case stmt.CtCount:
		c, err := b.connections(it)
		b.askCount()
		b.parts = append(b.parts, c)
		return b.family == ARP, err
	}
	return false, nil
}

func (b *builder) match(m *stmt.Match) (never bool, err error) {
	if m.Value.Param == stmt.Interface {
		return false, b.ofGuest(m)
	}
	for _, f := range m.Fields {
		if !sees(b.family, b.dir, f) {
			return true, nil
		}
	}
	tuples, set := m.Value.Tuples, m.Value.Set
	if name := m.Value.Param; name != "" {
		if typ, builtin := stmt.Builtin(name); builtin {
			b.needs(m.Fields)
			b.needsMAC = b.needsMAC || typ != stmt.TypeIP
			b.parts = append(b.parts, &own{dir: b.dir, field: m.Fields[0], negate: m.Op == stmt.Neq, set: valueSet{param: typ}})
			return false, nil
		}
		arg, ok := b.args[name]
		if !ok {
			return false, fmt.Errorf("unknown parameter $%s", name)
		}
		if tuples, err = m.Bind(arg.types, arg.values); err != nil {
			return false, fmt.Errorf("parameter $%s: %w", name, err)
		}
		set = len(tuples) > 1
	}
	b.needs(m.Fields)
	if len(tuples) == 0 {
		// Of the prefixes none is of this family: nothing is equal to them, everything is different.
		return m.Op != stmt.Neq, nil
	}
	part := &match{fields: m.Fields, op: m.Op, mask: m.Mask, set: set, tuples: tuples}
	b.askState(part)
	b.known.tested(part, b.family)
	b.parts = append(b.parts, part)
	return false, nil
}

// ofGuest settles a comparison with the guest's interface. A guest's packets alone come to the chain that the statement stands in,
// so that there is nothing left to compare.
func (b *builder) ofGuest(m *stmt.Match) error {
	ifname := directions[b.dir].ifname
	how := map[direction]string{fromGuest: "what a guest sends comes in by its interface", toGuest: "what is sent to a guest goes out by its interface"}[b.dir]
	switch {
	case fieldText(m.Fields[0]) != ifname:
		return fmt.Errorf("%s is not $interface: %s; write %s, or leave it out", fieldText(m.Fields[0]), how, ifname)
	case m.Op == stmt.Neq:
		return fmt.Errorf("%s != $interface never holds: %s", ifname, how)
	}
	return nil
}

func (b *builder) assign(a *stmt.Assign) (never bool, err error) {
	if !sees(b.family, b.dir, a.Field) {
		return true, nil
	}
	tuples := a.Value.Tuples
	if name := a.Value.Param; name != "" {
		arg, ok := b.args[name]
		if !ok {
			return false, fmt.Errorf("unknown parameter $%s", name)
		}
		m := stmt.Match{Fields: []*stmt.Field{a.Field}}
		if tuples, err = m.Bind(arg.types, arg.values); err != nil {
			return false, fmt.Errorf("parameter $%s: %w", name, err)
		}
		if len(tuples) != 1 || !tuples[0][0].Single() {
			return false, fmt.Errorf("parameter $%s: %s is set to one value", name, a.Field.Name)
		}
	}
	b.parts = append(b.parts, assign{field: a.Field, value: tuples[0][0].Lo})
	return false, nil
}

func (b *builder) one(name string) (string, error) {
	arg, ok := b.args[name]
	switch {
	case !ok:
		return "", fmt.Errorf("unknown parameter $%s", name)
	case len(arg.values) != 1:
		return "", fmt.Errorf("parameter $%s has %d values, and one is taken", name, len(arg.values))
	}
	return arg.values[0], nil
}

func (b *builder) limit(l stmt.Limit) (part, error) {
	if l.Param == "" {
		return limit{l}, nil
	}
	value, err := b.one(l.Param)
	if err != nil {
		return limit{l}, err
	}
	if l.Rate, err = stmt.ParseRate(value); err != nil {
		return limit{l}, fmt.Errorf("parameter $%s: %w", l.Param, err)
	}
	return limit{l}, nil
}

func (b *builder) connections(c stmt.CtCount) (part, error) {
	if c.Param == "" {
		return connections{c}, nil
	}
	value, err := b.one(c.Param)
	if err != nil {
		return connections{c}, err
	}
	if _, err = fmt.Sscan(value, &c.Count); err != nil {
		return connections{c}, fmt.Errorf("parameter $%s: %q is not a number of connections", c.Param, value)
	}
	return connections{c}, nil
}

// reject settles how a packet is rejected, as nft does: by what the statement knows of it.
func (b *builder) reject(how *stmt.Reject) (v verdict, never bool) {
	if b.family == ARP || b.family == Bridge && b.dir == toGuest {
		// The kernel answers to no ARP, and in the bridge family from prerouting and input alone (nft(8), "REJECT STATEMENT").
		return verdict{kind: stmt.Drop}, false
	}
	v = verdict{kind: stmt.Rejected}
	switch {
	case how != nil:
		v.reject = *how
	case b.known[stmt.IP]:
		v.reject = stmt.Reject{Kind: stmt.RejectICMP, Code: 3}
	case b.known[stmt.IP6]:
		v.reject = stmt.Reject{Kind: stmt.RejectICMPv6, Code: 4}
	default:
		v.reject = stmt.Reject{Kind: stmt.RejectICMPX, Code: 1}
	}
	if p, needed := rejectNeeds[v.reject.Kind]; needed && b.known.learn(p) {
		// Before all else, as nft has it: a counter, a limit or a log before the reject is about what is rejected.
		b.parts = slices.Insert(b.parts, 0, part(protocolTest{family: b.family, proto: p}))
	}
	return v, false
}
