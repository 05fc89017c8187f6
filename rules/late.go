package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Substitution is a value of a rule that facts decide, other than those that are Texts themselves.
type Substitution struct {
	Key  string // of the rule, with dots: link.mtu, bridge.vlan.tagged, nat.forward.port
	Text Text   // as written

	pos  Pos
	node *yaml.Node
}

// late is what it takes to read a rule once more when facts are known. It is not changed after the load.
type late struct {
	src    *source
	rule   *yaml.Node
	depth  int // how many keys lead to the rule
	list   []Substitution
	byNode map[*yaml.Node]int // indexes of list
	open   int                // how many of list have a fact without default: what they are is not known while loading
}

// Substitutions lists the values of the rule that facts decide, in the order written. Those that are Texts are not among them.
func (r *Rule) Substitutions() []Substitution {
	if r.late == nil {
		return nil
	}
	return slices.Clone(r.late.list)
}

// Late reports whether facts decide the value of a key, as Substitution has it, or of one below it. What the Rule of a load has there is
// the default then, or nothing.
func (r *Rule) Late(key string) bool {
	return r.late != nil && slices.ContainsFunc(r.late.list, func(s Substitution) bool { return s.Key == key || strings.HasPrefix(s.Key, key+".") })
}

// Fill puts the facts that value knows into the rule. It returns r itself where none of its values waits for any, and else a copy, which
// shares with r what facts do not decide. Texts stay as they are. What a fact says may be anybody's: it is read by the same code as what is
// written in a file, as a scalar without quotes, whatever is in it; an error is what that code says, with the place in the file, and with
// the fact. A fact that nobody knows and that has no default is an *UnsetFactError. Fill may be called by several at once.
func (r *Rule) Fill(value func(fact string) (string, bool)) (*Rule, error) {
	if r.late == nil {
		return r, nil
	}
	f := filling{lookup: value}
	// What a source learns while it is read is not for several at once.
	src := *r.late.src
	src.strides, src.stands = map[int][]int{}, map[*yaml.Node]*yaml.Node{}
	d := decoder{src: &src, rep: &Report{}, set: &builder{}, late: r.late, filling: &f}
	filled := Rule{Name: r.Name, Pos: r.Pos, Match: r.Match, Firewall: r.Firewall, late: r.late}
	d.ruleKeys(r.late.rule, &filled)
	if f.unset != nil {
		return nil, f.unset
	}
	checkShared(d.rep, forwardsOf(&filled))
	if p := d.rep.First(); p.Code != "" {
		return nil, r.late.error(&p, value)
	}
	return &filled, nil
}

// filling is a rule's second reading, with facts.
type filling struct {
	lookup func(fact string) (string, bool)
	unset  error // the first fact that is missing
}

// error is a problem of a rule that facts have been put into. It names those that the value at the problem's place is made of; where the
// problem is of several values together, all.
func (l *late) error(p *Problem, value func(fact string) (string, bool)) error {
	said, seen := []string{}, map[string]bool{}
	say := func(s *Substitution) {
		for i := range s.Text.parts {
			part := &s.Text.parts[i]
			if part.fact == "" || seen[part.fact] {
				continue
			}
			seen[part.fact] = true
			switch v, known := value(part.fact); {
			case v == "" && part.hasDefault:
				said = append(said, fmt.Sprintf("nobody knows %s, and its default is %s", part.fact, short(part.fallback)))
			case known:
				said = append(said, fmt.Sprintf("%s is %s", part.fact, short(v)))
			}
		}
	}
	for i := range l.list {
		if s := &l.list[i]; s.pos == p.Pos || p.Related != nil && s.pos == p.Related.Pos {
			say(s)
		}
	}
	if len(said) == 0 {
		for i := range l.list {
			say(&l.list[i])
		}
	}
	const most = 200 // no message is longer but by what a fact says
	msg := printable(p.Msg)
	if runes := []rune(msg); len(runes) > most {
		msg = string(runes[:most]) + "…"
	}
	return fmt.Errorf("%s: %s (%s)", p.Pos, msg, printable(strings.Join(said, ", ")))
}

// Why no fact decides what is the same for all vifs.
const (
	ofNetwork  = "a network is the host's, the same for all vifs"
	ofGuests   = "guests is where facts come from"
	ofTemplate = "a template is compiled once, for all vifs"
	ofTest     = "a test says itself what is known"
	ofRule     = "it says what the rule is, the same for all its vifs"
	ofSubnet   = "addresses are derived from it for all vifs, and no other's may overlap"
)

// factPlaces says where facts may stand.
const factPlaces = "facts may stand in what a rule says of its vif: bridge, route, nat, guest, rate, link, hooks"

// noFact reports a substitution where there can be none.
func (d *decoder) noFact(n *yaml.Node, what, why, hint string) {
	d.problem(d.src.node(n), codeText, fmt.Sprintf("no fact can stand in %s: %s", what, why), hint)
}

// substituted reports a substitution in a value that is no vif's own.
func (d *decoder) substituted(n *yaml.Node, what string) bool {
	if !d.holdsFact(n) {
		return false
	}
	d.noFact(n, what, d.shared, factPlaces)
	return true
}

func (d *decoder) holdsFact(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && !d.src.handled[n] && d.src.stands[n] == nil && strings.Contains(n.Value, "${")
}

// settled returns what a scalar is once facts are in it: while loading their defaults, later the vif's own; a value without
// substitution is returned as it is. It is false where that is not known, or a problem has been reported.
//
// What stands in for the scalar is one without quotes, so that 5 is a number there; and always a scalar, whatever a fact says.
func (d *decoder) settled(n *yaml.Node, what string) (*yaml.Node, bool) {
	if !d.holdsFact(n) {
		return n, true
	}
	if d.late == nil {
		d.substituted(n, what)
		return nil, false
	}
	value, ok := d.expanded(n)
	if !ok {
		return nil, false
	}
	stand := &yaml.Node{Kind: yaml.ScalarNode, Value: value, Line: n.Line, Column: n.Column}
	d.src.stands[stand] = n
	return stand, true
}

// settledText is textOrNumber for what facts may stand in, and what stands in for n then.
func (d *decoder) settledText(n *yaml.Node, what string) (*yaml.Node, string, bool) {
	n, ok := d.settled(n, what)
	if !ok {
		return nil, "", false
	}
	v, ok := d.textOrNumber(n, what)
	return n, v, ok
}

func (d *decoder) expanded(n *yaml.Node) (string, bool) {
	if i, waits := d.late.byNode[n]; waits {
		s := &d.late.list[i]
		value, err := s.Text.Expand(d.filling.lookup)
		if err != nil && d.filling.unset == nil {
			d.filling.unset = fmt.Errorf("%s: %w", s.Key, err)
		}
		return value, err == nil
	}
	t, verr := parseText(n.Value)
	if verr != nil {
		d.value(n, verr)
		return "", false
	}
	if literal, ok := t.Literal(); ok { // as $${x} is
		return literal, true
	}
	t = t.at(func(off, length int) Pos { return d.src.within(n, off, length) })
	d.late.add(Substitution{Key: strings.Join(d.path[d.late.depth:], "."), Text: t, pos: d.src.node(n), node: n})
	value, known := t.defaults()
	if !known {
		d.late.open++
	}
	return value, known
}

// ownFacts refuses what is made of what the rule itself changes: it would be another thing afterwards, and with a hook run again.
func (d *decoder) ownFacts(r *Rule) {
	changes := map[string]string{} // facts, and what of the link makes them others
	for key, set := range map[string]bool{"alias": r.Link.Alias != nil, "group": r.Link.Group != nil, "mtu": r.Link.MTU != 0, "txqueuelen": r.Link.TxQueueLen != nil} {
		if !set && !r.Late("link."+key) {
			continue
		}
		for _, fact := range linkFacts(key) {
			changes[fact] = key
		}
	}
	for _, h := range []*Hook{&r.Hooks.Up, &r.Hooks.Down} {
		for i := range h.Argv {
			for _, fact := range h.Argv[i].Facts() {
				if key := changes[fact]; key != "" {
					d.problem(h.Pos, codeConflict, fmt.Sprintf("the hook is given the %s, which the rule's link changes", key), "write what the link is given")
				}
			}
		}
	}
	for i := range d.late.list {
		s := &d.late.list[i]
		for _, fact := range s.Text.Facts() {
			if key := changes[fact]; key != "" {
				d.problem(s.pos, codeConflict, fmt.Sprintf("%s is made of the %s, which the rule's link changes", s.Key, key), "name another fact")
			}
		}
	}
}

// linkFacts are the facts that tell what a key of `link` sets.
func linkFacts(key string) []string {
	return map[string][]string{"alias": {"alias", "attr.ifalias"}, "group": {"group", "attr.netdev_group"}, "mtu": {"attr.mtu"}, "txqueuelen": {"attr.tx_queue_len"}}[key]
}

// waiting is how many values of the rule wait for facts by now, and how many of them have no default. When facts are put in, none does.
func (d *decoder) waiting() (all, open int) {
	if d.late == nil || d.filling != nil {
		return 0, 0
	}
	return len(d.late.list), d.late.open
}

func (l *late) add(s Substitution) {
	if l.byNode == nil {
		l.byNode = map[*yaml.Node]int{}
	}
	l.byNode[s.node] = len(l.list)
	l.list = append(l.list, s)
}

// byDefault says of problems that what they are about is a default. from is how many problems there were before the rule.
func (d *decoder) byDefault(from int) {
	if len(d.late.list) == 0 {
		return
	}
	at := make(map[Pos]bool, len(d.late.list))
	for i := range d.late.list {
		at[d.late.list[i].pos] = true
	}
	for i := from; i < len(d.rep.Problems); i++ {
		if p := &d.rep.Problems[i]; at[p.Pos] || p.Related != nil && at[p.Related.Pos] {
			p.Msg = "with its defaults: " + p.Msg
		}
	}
}
