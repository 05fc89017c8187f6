package firewall

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"vifd/internal/stmt"
)

// Config is what a Program is compiled from.
type Config struct {
	Templates map[string]Template
	Lists     [][]Ref  // every list of templates that a rule names
	Claimed   []string // interface names that the rules may claim: exact, or with a * at the end
}

// maxChainName is NFT_NAME_MAXLEN of <linux/netfilter/nf_tables.h> less the closing NUL, less the direction's prefix.
const maxChainName = 255 - len("from/")

// Compile turns templates into chains. Only what a list reaches is compiled; all errors are returned, joined.
func Compile(cfg Config) (*Program, error) {
	c := compiler{cfg: cfg, done: make(map[string]*chain)}
	p := &Program{profiles: make(map[string]Profile)}
	for _, refs := range cfg.Lists {
		p.profiles[listName(refs)] = c.profile(refs)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	for d := range directions {
		p.base[d] = baseRules(direction(d), cfg.Claimed)
	}
	for _, ch := range c.done {
		if len(ch.rules) > 0 {
			p.chains = append(p.chains, *ch)
		}
	}
	sort.Slice(p.chains, func(i, j int) bool { return p.chains[i].name < p.chains[j].name })
	return p, nil
}

type compiler struct {
	cfg  Config
	done map[string]*chain // by name
	errs []error
}

func (c *compiler) failf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// profile compiles a list of templates into one chain a direction. A single template needs no chain around it.
func (c *compiler) profile(refs []Ref) Profile {
	var p Profile
	if name := listName(refs); len(name) > maxChainName {
		c.failf("firewall [%s]: the list's names together have %d bytes; %d fit into a chain's name", name, len(name), maxChainName)
		return p
	}
	for d := range directions {
		d := direction(d)
		var rules []rule
		for _, ref := range refs {
			ch := c.template(d, ref, nil)
			p.NeedsMAC = p.NeedsMAC || ch.needsMAC
			if len(ch.rules) > 0 {
				rules = append(rules, jumpRule(ch.name))
			}
		}
		verdict := Verdict{Kind: VerdictAccept}
		switch len(rules) {
		case 0:
		case 1:
			verdict = Verdict{Kind: VerdictGoto, Chain: rules[0].jump}
		default:
			list := &chain{name: directions[d].prefix + listName(refs), dir: d, rules: rules}
			c.done[list.name] = list
			verdict = Verdict{Kind: VerdictGoto, Chain: list.name}
		}
		p.verdicts[d] = verdict
	}
	return p
}

// template compiles one template for one direction. path is the chain of includes that led here.
func (c *compiler) template(d direction, ref Ref, path []string) *chain {
	name := directions[d].prefix + ref.chainName()
	if ch, ok := c.done[name]; ok {
		return ch
	}
	ch := &chain{name: name, dir: d}
	for _, above := range path {
		if above == ref.Template {
			c.failf("template %s includes itself: %s", ref.Template, strings.Join(append(path, ref.Template), " → "))
			return ch
		}
	}
	t, ok := c.cfg.Templates[ref.Template]
	if !ok {
		c.failf("unknown template %q", ref.Template)
		return ch
	}
	args, err := arguments(&t, ref.With)
	if err != nil {
		c.errs = append(c.errs, err)
		return ch
	}
	for _, s := range t.statements(d) {
		if s.Include != nil {
			inner := c.template(d, Ref{Template: s.Include.Template}, append(path, ref.Template))
			ch.needsMAC = ch.needsMAC || inner.needsMAC
			if len(inner.rules) > 0 {
				ch.rules = append(ch.rules, jumpRule(inner.name))
			}
			continue
		}
		r, err := newRule(d, &s.Stmt, args)
		if err != nil {
			c.failf("%s: template %s: %s: %w", s.Where, t.Name, s.Text, err)
			continue
		}
		r.what = fmt.Sprintf("template %s, statement %q (%s)", t.Name, s.Text, s.Where)
		ch.needsMAC = ch.needsMAC || r.needsMAC()
		ch.rules = append(ch.rules, r)
	}
	c.done[name] = ch
	return ch
}

// arguments binds a template's parameters: the ref's arguments, then the defaults.
func arguments(t *Template, with map[string][]string) (map[string][]stmt.Elem, error) {
	for name := range with {
		if _, ok := t.Params[name]; !ok {
			return nil, fmt.Errorf("template %s has no parameter %q", t.Name, name)
		}
	}
	bound := make(map[string][]stmt.Elem, len(t.Params))
	for name, p := range t.Params {
		values, ok := with[name]
		if !ok {
			values = p.Default
		}
		if len(values) == 0 {
			return nil, fmt.Errorf("template %s: parameter %q has neither a value nor a default", t.Name, name)
		}
		for _, v := range values {
			e, err := p.Type.Elem(v)
			if err != nil {
				return nil, fmt.Errorf("template %s: parameter %q: %w", t.Name, name, err)
			}
			bound[name] = append(bound[name], e)
		}
	}
	return bound, nil
}
