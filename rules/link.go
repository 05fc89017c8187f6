package rules

import (
	"fmt"
	"maps"
	"slices"

	"vifd/internal/stmt"
)

// checkTemplates checks what a template's statements refer to: parameters and other templates. What an include hands on needs the
// places of all parameters, and what is reached needs every circle to be known: hence the passes.
func (b *builder) checkTemplates(rep *Report) {
	names := b.templateNames()
	for _, name := range names {
		b.templates[name].checkStatements(rep)
	}
	for _, name := range names {
		t := b.templates[name]
		if !t.paramsBroken {
			t.checkDeclared(rep)
		}
		for s := range t.statements() {
			if s.Include != nil {
				b.checkInclude(rep, t, s)
			}
		}
		t.checkSets(rep)
		t.checkLimits(rep)
	}
	b.checkCycles(rep, names)
	b.checkReach(rep, names)
}

// forget drops what only loading needs.
func (t *templateEntry) forget() Template {
	for s := range t.statements() {
		s.place = nil
	}
	return t.Template
}

// statements yields all statements of the template.
func (t *Template) statements() func(yield func(*Statement) bool) {
	return func(yield func(*Statement) bool) {
		for _, list := range [][]Statement{t.FromGuest, t.ToGuest} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

func (t *templateEntry) checkStatements(rep *Report) {
	t.places = map[string][]place{}
	used := map[string]bool{}
	kinds := map[string]bool{}
	for s := range t.statements() {
		set := assigned(s)
		for _, use := range s.Params() {
			used[use.Name] = true
			// A limit, a ct count, a condition and a field that is set have room for one value.
			t.checkUse(rep, s, place{use: use, pos: s.place(use.Col, use.Len), one: len(use.Fields) == 0 || set[use.Col]}, kinds)
		}
		if s.Include != nil {
			for _, arg := range s.Include.With {
				used[arg.Param] = true
			}
		}
	}
	for _, param := range sortedKeys(t.Params) {
		if t.Params[param].Default == nil {
			t.required = append(t.required, param)
		}
		if !used[param] && !t.paramsBroken && len(t.FromGuest)+len(t.ToGuest) > 0 {
			rep.add(Problem{
				Pos: t.Params[param].Pos, Severity: Warning, Code: codeUnusedParam,
				Msg: fmt.Sprintf("no statement of template %q uses its parameter $%s", t.Name, param), Hint: "remove it",
			})
		}
	}
}

// checkUse checks that a parameter is there and fits where it stands.
func (t *templateEntry) checkUse(rep *Report, s *Statement, pl place, kinds map[string]bool) {
	use, pos := pl.use, pl.pos
	wrong := func(declared string, related *Related) {
		hint := ""
		if c := s.When; c != nil && c.Col == use.Col {
			hint = map[string]string{"enum": "compare it with one of its values, as in if $" + use.Name + " == VALUE", "bool": "write if $" + use.Name + ", or if not $" + use.Name}[declared]
		}
		rep.add(Problem{
			Pos: pos, Code: codeParamType, Msg: fmt.Sprintf("$%s is of type %s, and %s takes %s", use.Name, declared, use.What, use.Wants()), Hint: hint,
			Related: related,
		})
	}
	if typ, builtin := stmt.Builtin(use.Name); builtin {
		if !use.Fits([]stmt.Type{typ}) {
			wrong(typ.String(), nil)
		}
		return
	}
	if use.Name == stmt.Interface {
		rep.add(Problem{Pos: pos, Code: codeParamType, Msg: "$interface stands in the key of an update, or behind iifname or oifname, only", Hint: "as in update @NAME { $interface limit rate 10/second }"})
		return
	}
	p, declared := t.Params[use.Name]
	switch {
	case !declared && t.paramsBroken:
	case !declared:
		t.unknownParam(rep, pos, use.Name, stmt.TakesInterface(use.Fields))
	case len(p.Types) == 0:
	case !use.Fits(p.Types):
		wrong(stmt.TypeText(p.Types), &Related{Pos: p.Pos, Msg: "it is declared here"})
	default:
		if pl.one && p.List {
			rep.add(Problem{
				Pos: pos, Code: codeManyValues, Msg: fmt.Sprintf("$%s may have several values, and %s takes one", use.Name, use.What),
				Hint: "remove list: true", Related: &Related{Pos: p.Pos, Msg: "it is declared here, with list: true"},
			})
			return
		}
		if c := s.When; c != nil && c.Value != "" && c.Col == use.Col {
			t.checkCondition(rep, s, &p)
			return
		}
		if key := use.Name + " " + pl.kind(); !kinds[key] {
			kinds[key] = true
			t.places[use.Name] = append(t.places[use.Name], pl)
		}
	}
}

func (t *templateEntry) unknownParam(rep *Report, pos Pos, name string, ifname bool) {
	if rep.full {
		return
	}
	known := append(sortedKeys(t.Params), "mac", "ip", "ip6")
	if ifname {
		known = append(known, stmt.Interface)
	}
	rep.add(Problem{Pos: pos, Code: codeNoParam, Msg: fmt.Sprintf("unknown parameter $%s", name), Hint: suggestion(name, known, "parameters are")})
}

// checkCondition checks `if $param == VALUE`.
func (t *templateEntry) checkCondition(rep *Report, s *Statement, p *Param) {
	c := s.When
	if t.paramsBroken || slices.Contains(p.Values, c.Value) {
		return
	}
	rep.add(Problem{
		Pos: s.place(c.Col, c.Len), Code: codeChoice, Msg: fmt.Sprintf("$%s is never %s", c.Param, short(c.Value)), Hint: suggestion(c.Value, p.Values, "its values are"),
		Related: &Related{Pos: p.Pos, Msg: "it is declared here"},
	})
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
