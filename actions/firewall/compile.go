package firewall

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"vifd/internal/stmt"
)

// Config is what a Program is compiled from.
type Config struct {
	Templates map[string]Template
	Lists     []List   // every list of templates that a rule names
	Claimed   []string // interface names that the rules may claim: exact, or with a * at the end
}

// List is the templates of a rule, in the order they judge, and how the rule connects its guests.
type List struct {
	Refs   []Ref
	Routed bool // routed or NATed, else bridged
}

// maxChainName is NFT_NAME_MAXLEN of <linux/netfilter/nf_tables.h> less the closing NUL, less the direction's prefix.
const maxChainName = 255 - len("from/")

// Compile turns templates into chains. Only what a list reaches is compiled; all errors are returned, joined.
func Compile(cfg Config) (*Program, error) { return compile(cfg, nil) }

// compile makes the chains for guests that have prefixes of these lengths.
func compile(cfg Config, plens lengths) (*Program, error) {
	p := &Program{cfg: cfg, plens: plens, profiles: make(map[profileKey]Profile)}
	c := compiler{program: p, lost: make(map[*Statement]bool), kept: make(map[*Statement]bool)}
	for _, f := range p.uses() {
		p.tables[f] = newTableProgram(f, plens)
		c.done[f] = make(map[string]*chain)
		c.sets[f] = make(stateSets)
	}
	for _, list := range cfg.Lists {
		p.profiles[profileKey{listName(list.Refs), list.Routed}] = c.profile(list)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	for _, f := range p.uses() {
		t := p.tables[f]
		t.dispatch(p.judges(f), cfg.Claimed)
		for _, ch := range c.done[f] {
			if len(ch.rules) > 0 {
				t.chains = append(t.chains, *ch)
			}
		}
		sort.Slice(t.chains, func(i, j int) bool { return t.chains[i].name < t.chains[j].name })
		for _, s := range c.sets[f] {
			t.states = append(t.states, s)
		}
		sort.Slice(t.states, func(i, j int) bool { return t.states[i].name < t.states[j].name })
	}
	for s := range c.lost {
		if !c.kept[s] {
			p.unseen = append(p.unseen, *s)
		}
	}
	sort.Slice(p.unseen, func(i, j int) bool { return p.unseen[i].Where < p.unseen[j].Where })
	return p, nil
}

type compiler struct {
	program *Program
	done    [families]map[string]*chain // by name
	sets    [families]stateSets
	errs    []error
	lost    map[*Statement]bool // statements that some family cannot see
	kept    map[*Statement]bool // statements that some family has
}

// StatementError says why a statement cannot be compiled.
type StatementError struct {
	Template string
	Source   *Statement
	Err      error
}

func (e *StatementError) Error() string {
	return fmt.Sprintf("%s: template %s: %s: %v", e.Source.Where, e.Template, e.Source.Text, e.Err)
}

// Unwrap gives the reason.
func (e *StatementError) Unwrap() error { return e.Err }

func (c *compiler) failf(format string, args ...any) { c.fail(fmt.Errorf(format, args...)) }

func (c *compiler) fail(err error) {
	if !slices.ContainsFunc(c.errs, func(e error) bool { return e.Error() == err.Error() }) { // inet and arp find the same
		c.errs = append(c.errs, err)
	}
}

// profile compiles a list of templates into one chain a direction. A single template needs no chain around it.
func (c *compiler) profile(list List) Profile {
	p := Profile{routed: list.Routed}
	name := listName(list.Refs)
	if len(name) > maxChainName {
		c.failf("firewall [%s]: the list's names together have %d bytes; %d fit into a chain's name", name, len(name), maxChainName)
		return p
	}
	for _, f := range familiesOf(list.Routed) {
		for d := range directions {
			d := direction(d)
			var rules []rule
			for _, ref := range list.Refs {
				ch := c.template(f, d, ref, nil)
				p.NeedsMAC = p.NeedsMAC || ch.needsMAC
				p.Tracks = p.Tracks || ch.tracks
				if len(ch.rules) > 0 {
					rules = append(rules, jumpRule(ch.name))
				}
			}
			v := Verdict{Kind: VerdictAccept}
			switch len(rules) {
			case 0:
			case 1:
				v = Verdict{Kind: VerdictGoto, Chain: rules[0].verdict.jump}
			default:
				list := &chain{name: directions[d].prefix + name, dir: d, rules: rules}
				c.done[f][list.name] = list
				v = Verdict{Kind: VerdictGoto, Chain: list.name}
			}
			p.verdicts[f][d] = v
		}
	}
	return p
}

// template compiles one template for one family and direction. path is the chain of includes that led here.
func (c *compiler) template(f Family, d direction, ref Ref, path []string) *chain {
	name := directions[d].prefix + ref.chainName()
	if ch, ok := c.done[f][name]; ok {
		return ch
	}
	ch := &chain{name: name, dir: d}
	if slices.Contains(path, ref.Template) {
		c.failf("template %s includes itself: %s", ref.Template, strings.Join(append(path, ref.Template), " → "))
		return ch
	}
	t, ok := c.program.cfg.Templates[ref.Template]
	if !ok {
		c.failf("unknown template %q", ref.Template)
		return ch
	}
	args, err := t.bind(ref.With)
	if err != nil {
		c.failf("%w", err)
		return ch
	}
	b := builder{family: f, dir: d, args: args, scope: ref.chainName(), plens: c.program.plens, sets: c.sets[f]}
	path = append(path[:len(path):len(path)], ref.Template)
	list := t.statements(d)
	for i := range list {
		if err := c.statement(ch, &b, &list[i], path); err != nil {
			c.fail(&StatementError{Template: t.Name, Source: &list[i], Err: err})
		}
	}
	c.done[f][name] = ch
	return ch
}

// statement adds one statement's rules to its template's chain.
func (c *compiler) statement(ch *chain, b *builder, s *Statement, path []string) error {
	there, err := b.args.holds(s.When)
	if err != nil || !there {
		return err
	}
	if s.Include != nil {
		ref, err := b.args.included(s.Include)
		if err != nil {
			return err
		}
		inner := c.template(b.family, b.dir, ref, path)
		ch.needsMAC, ch.tracks = ch.needsMAC || inner.needsMAC, ch.tracks || inner.tracks
		if len(inner.rules) > 0 {
			ch.rules = append(ch.rules, jumpRule(inner.name))
		}
		return nil
	}
	rules, err := b.build(s)
	if err != nil {
		return err
	}
	if len(rules) == 0 {
		c.lost[s] = true
		return nil
	}
	c.kept[s] = true
	ch.needsMAC, ch.tracks = ch.needsMAC || b.needsMAC, ch.tracks || tracks(&s.Stmt)
	for i := range rules {
		rules[i].what = fmt.Sprintf("template %s, statement %q (%s)", path[len(path)-1], s.Text, s.Where)
		ch.rules = append(ch.rules, rules[i])
	}
	return nil
}

// tracks reports whether a statement asks the kernel's connection tracking.
func tracks(s *stmt.Stmt) bool {
	for _, it := range s.Items {
		switch it := it.(type) {
		case stmt.Match:
			if it.Fields[0].Base == stmt.Ct {
				return true
			}
		case stmt.CtCount:
			return true
		}
	}
	return false
}
