package ruletest

import (
	"vifd/actions/firewall"
	"vifd/rules"
)

// compilable is the templates as the compiler takes them.
func compilable(templates map[string]rules.Template) map[string]firewall.Template {
	out := make(map[string]firewall.Template, len(templates))
	for name, t := range templates {
		c := firewall.Template{Name: name, Params: make(map[string]firewall.Param, len(t.Params)), FromGuest: statements(t.FromGuest), ToGuest: statements(t.ToGuest)}
		for name, p := range t.Params {
			c.Params[name] = firewall.Param{Types: p.Types, Default: p.Default}
		}
		out[name] = c
	}
	return out
}

func statements(list []rules.Statement) []firewall.Statement {
	out := make([]firewall.Statement, len(list))
	for i, s := range list {
		out[i] = firewall.Statement{Stmt: s.Stmt, Where: s.Pos.String()}
	}
	return out
}

// ref is a test's template with its arguments, which hold no substitutions.
func ref(t *rules.TemplateRef) firewall.Ref {
	r := firewall.Ref{Template: t.Name}
	for name, texts := range t.With {
		if r.With == nil {
			r.With = make(map[string][]string)
		}
		for _, text := range texts {
			literal, _ := text.Literal()
			r.With[name] = append(r.With[name], literal)
		}
	}
	return r
}
