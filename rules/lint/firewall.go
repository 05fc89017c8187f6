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
	accepts *rules.Statement // the first that lets something of anybody pass before anything has checked who the guest is
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
		if j.checks && !guarded && accepts != nil {
			l.warnBeside(early.Pos, rules.CodeBeforeGuard, fmt.Sprintf("template %q accepts before anything has checked whose MAC and addresses a packet has", early.Name),
				"put it behind the guard; an allowance that has to stand before it names $mac or $ip", accepts.Pos, "this is accepted from anybody")
		}
		guarded = guarded || j.checks
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
	// Something goes on to the next template; who is let go, or let pass, is named; what gets here is from who is named.
	returns, named, narrowed := false, false, false
	for i := range t.FromGuest {
		s := &t.FromGuest[i]
		var of *judgement
		if s.Include != nil {
			of = l.judge(s.Include.Template, known, depth+1)
		}
		if of == nil {
			of = judgeStatement(s)
		}
		if !j.checks && !narrowed && j.accepts == nil {
			j.accepts = of.accepts
		}
		j.checks = j.checks || of.checks || of.closes && named
		j.closes = j.closes || of.closes && !returns
		switch s.Verdict {
		case stmt.Return:
			returns, named = true, named || asksForSender(s, stmt.Eq)
			narrowed = narrowed || always(s) && asksForSender(s, stmt.Neq)
		case stmt.Accept:
			named = named || asksForSender(s, stmt.Eq)
		case stmt.None, stmt.Drop, stmt.Continue, stmt.Rejected:
		}
	}
	// The library's allowances accept just what they are for, and have to stand before the guard that would stop it; the order in
	// its guards is its own.
	if t.Library && (j.checks || strings.HasPrefix(name, "allow-")) {
		j.accepts = nil
	}
	known[name] = j
	return j
}

func judgeStatement(s *rules.Statement) *judgement {
	drops := s.Verdict == stmt.Drop || s.Verdict == stmt.Rejected
	j := &judgement{closes: s.Terminal() && drops, checks: drops && always(s) && asksForSender(s, stmt.Neq)}
	if s.Verdict == stmt.Accept && !asksForSender(s, stmt.Eq) {
		j.accepts = s
	}
	return j
}

// always reports whether a statement's verdict is that of whatever it asks for: no limit and no count lets some of it go on, nor a set
// that is full, or has no key for it.
func always(s *rules.Statement) bool {
	return !slices.ContainsFunc(s.Items, func(it stmt.Item) bool {
		if u, ok := it.(stmt.Update); ok {
			_, counts := u.Each.(stmt.Counter)
			return !counts || len(u.Key) > 1 || u.Key[0] != nil
		}
		switch it.(type) {
		case stmt.Limit, stmt.CtCount:
			return true
		}
		return false
	})
}

// asksForSender reports whether a statement is about who the guest is, and compares senders with that by op: with $mac, $ip or $ip6,
// in words of one's own, or by the routing tables.
func asksForSender(s *rules.Statement, op stmt.Op) bool {
	return slices.ContainsFunc(s.Items, func(it stmt.Item) bool {
		m, ok := it.(stmt.Match)
		_, own := stmt.Builtin(m.Value.Param)
		return ok && slices.ContainsFunc(m.Fields, func(f *stmt.Field) bool {
			switch f.Name {
			case "ether saddr", "arp saddr ether", "arp saddr ip", "ip saddr", "ip6 saddr", "@ll,48,48", "@nh,96,32", "@nh,64,128":
				return m.Op == op
			case "ether daddr", "ip daddr", "ip6 daddr":
				return false // to whom, and not from whom
			}
			return own && m.Op == op || strings.HasPrefix(f.Name, "fib saddr") && strings.Contains(f.Name, "oif")
		})
	})
}
