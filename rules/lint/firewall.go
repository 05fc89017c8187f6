package lint

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/stmt"
	"vifd/rules"
)

// judgement is what a template does to what a guest sends, as far as order matters.
type judgement struct {
	accepts *rules.Statement // the first that lets something pass before anything has asked who the guest is
	guard   bool             // something asks who the guest is
	checks  bool             // something drops what is not from who the guest is, or may be
	closes  bool             // something drops whatever comes there, and nothing has returned before
}

// firewalls looks at the lists of templates of rules that connect.
func (l *linter) firewalls() {
	known := map[string]*judgement{}
	for i := range l.set.Rules {
		r := &l.set.Rules[i]
		if r.Action.Kind == rules.Ignore || r.Action.Kind == rules.Block || r.Action.Pos == (rules.Pos{}) {
			continue
		}
		if len(r.Firewall) == 0 {
			l.warn(r.Action.Pos, rules.CodeOpen, fmt.Sprintf("rule %q connects guests without a firewall: each may send as anybody", r.Name),
				"add firewall: source-guard; where that is meant, firewall: open says so")
			continue
		}
		l.listedTwice(r)
		l.order(r, known)
	}
}

func (l *linter) listedTwice(r *rules.Rule) {
	first := make(map[string]rules.Pos, len(r.Firewall))
	for i := range r.Firewall {
		ref := &r.Firewall[i]
		key := ref.Name
		names := make([]string, 0, len(ref.With))
		for name := range ref.With {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, text := range ref.With[name] {
				key += fmt.Sprintf(" %s=%q", name, text.String())
			}
		}
		if before, twice := first[key]; twice {
			l.warnBeside(ref.Pos, rules.CodeTemplateTwice, fmt.Sprintf("template %q is in the list already", ref.Name), "remove one of the two", before, "the first is here")
			continue
		}
		first[key] = ref.Pos
	}
}

// order looks for what is accepted before the guest's identity is checked, and for lists that never check it.
func (l *linter) order(r *rules.Rule, known map[string]*judgement) {
	var early *rules.TemplateRef
	var accepts *rules.Statement
	guarded, meant := false, false
	for i := range r.Firewall {
		ref := &r.Firewall[i]
		j := l.judge(ref.Name, known, 0)
		if !guarded && accepts == nil && j.accepts != nil {
			early, accepts = ref, j.accepts
		}
		if j.guard && !guarded && accepts != nil {
			l.warnBeside(early.Pos, rules.CodeBeforeGuard, fmt.Sprintf("template %q accepts before anything has checked whose MAC and addresses a packet has", early.Name),
				"put it behind the guard; an allowance that has to stand before it names $mac or $ip", accepts.Pos, "this is accepted from anybody")
		}
		guarded = guarded || j.guard
		meant = meant || j.checks || j.closes || ref.Name == "open"
	}
	if !meant {
		l.warn(r.Firewall[0].Pos, rules.CodeUnguarded, fmt.Sprintf("no template of rule %q checks whose MAC and addresses a guest sends from: each may send as anybody", r.Name),
			"put source-guard first; where that is not meant, add open")
	}
}

// maxIncludes is deeper than any includes are; a load refuses circles.
const maxIncludes = 1000

func (l *linter) judge(name string, known map[string]*judgement, depth int) *judgement {
	if j := known[name]; j != nil || depth > maxIncludes {
		return j
	}
	t := l.set.Templates[name]
	j := &judgement{}
	returns, named := false, false // something goes on to the next template, and who may is named
	for i := range t.FromGuest {
		s := &t.FromGuest[i]
		var of *judgement
		if s.Include != nil {
			of = l.judge(s.Include.Template, known, depth+1)
		}
		if of == nil {
			of = judgeStatement(s)
		}
		if !j.guard && j.accepts == nil {
			j.accepts = of.accepts
		}
		j.guard, j.checks = j.guard || of.guard, j.checks || of.checks || of.closes && named
		j.closes = j.closes || of.closes && !returns
		if s.Verdict == stmt.Return {
			returns, named = true, named || asksForSender(s, stmt.Eq)
		}
	}
	// The library's allowances accept just what they are for, and have to stand before the guard that would stop it; the order in
	// its guards is its own.
	if t.Library && (j.guard || strings.HasPrefix(name, "allow-")) {
		j.accepts = nil
	}
	known[name] = j
	return j
}

func judgeStatement(s *rules.Statement) *judgement {
	drops := s.Verdict == stmt.Drop || s.Verdict == stmt.Rejected
	j := &judgement{closes: s.Terminal() && drops}
	for _, use := range s.Params() {
		_, own := stmt.Builtin(use.Name)
		j.guard = j.guard || own
	}
	if s.Verdict == stmt.Accept && !j.guard {
		j.accepts = s
	}
	j.checks = drops && asksForSender(s, stmt.Neq)
	return j
}

// asksForSender reports whether a statement is about who the guest is: by $mac, $ip or $ip6, by the routing tables, or in words of one's
// own, where it compares senders with them by op.
func asksForSender(s *rules.Statement, op stmt.Op) bool {
	return slices.ContainsFunc(s.Items, func(it stmt.Item) bool {
		m, ok := it.(stmt.Match)
		_, own := stmt.Builtin(m.Value.Param)
		return ok && (own || slices.ContainsFunc(m.Fields, func(f *stmt.Field) bool {
			switch f.Name {
			case "ether saddr", "arp saddr ether", "arp saddr ip", "ip saddr", "ip6 saddr", "@ll,48,48", "@nh,96,32", "@nh,64,128":
				return m.Op == op
			}
			return strings.HasPrefix(f.Name, "fib saddr") && strings.Contains(f.Name, "oif")
		}))
	})
}
