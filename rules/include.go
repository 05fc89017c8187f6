package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// checkTemplates checks what a template's statements refer to: parameters and other templates.
func (b *builder) checkTemplates(rep *Report) {
	names := b.templateNames()
	for _, name := range names {
		t := b.templates[name]
		used := map[string]bool{}
		for list := range t.lists() {
			for i := range list {
				b.checkStatement(rep, t, &list[i], used)
			}
		}
		for _, param := range sortedKeys(t.Params) {
			if !used[param] && !t.paramsBroken && len(t.FromGuest)+len(t.ToGuest) > 0 {
				rep.add(Problem{
					Pos: t.Params[param].Pos, Severity: Warning, Code: codeUnusedParam,
					Msg: fmt.Sprintf("no statement of template %q uses its parameter $%s", name, param), Hint: "remove it",
				})
			}
		}
	}
	b.checkCycles(rep, names)
	for _, t := range b.templates {
		for list := range t.lists() {
			for i := range list {
				list[i].node = nil
			}
		}
	}
}

// lists yields the template's two lists of statements.
func (t *Template) lists() func(yield func([]Statement) bool) {
	return slices.Values([][]Statement{t.FromGuest, t.ToGuest})
}

func (b *builder) checkStatement(rep *Report, t *templateEntry, s *Statement, used map[string]bool) {
	if s.Include != nil {
		b.checkInclude(rep, s)
	}
	for _, use := range s.Params() {
		used[use.Name] = true
		pos := s.node(use.Col, use.Len)
		if typ, builtin := stmt.Builtin(use.Name); builtin {
			checkUse(rep, pos, use, typ, nil)
			continue
		}
		if p, declared := t.Params[use.Name]; declared {
			if p.Type != stmt.TypeNone {
				checkUse(rep, pos, use, p.Type, &Related{Pos: p.Pos, Msg: "it is declared here"})
			}
			continue
		}
		if t.paramsBroken {
			continue
		}
		known := append(sortedKeys(t.Params), "mac", "ip", "ip6")
		rep.add(Problem{Pos: pos, Code: codeNoParam, Msg: fmt.Sprintf("unknown parameter $%s", use.Name), Hint: suggestion(use.Name, known, "parameters are")})
	}
}

func checkUse(rep *Report, pos Pos, use stmt.Use, declared stmt.Type, related *Related) {
	if use.Type != declared {
		rep.add(Problem{
			Pos: pos, Code: codeParamType, Msg: fmt.Sprintf("$%s is of type %s, and this place takes %s", use.Name, declared, use.Type),
			Related: related,
		})
	}
}

// checkInclude checks one include. It hands no arguments on, so that what it includes must have defaults for all its parameters.
func (b *builder) checkInclude(rep *Report, s *Statement) {
	pos := s.node(s.Include.Col, s.Include.Len)
	t, ok := b.templates[s.Include.Template]
	if !ok {
		b.unknownTemplate(rep, pos, s.Include.Template)
		return
	}
	for _, name := range sortedKeys(t.Params) {
		if t.Params[name].Default == nil && !t.paramsBroken {
			rep.add(Problem{
				Pos: pos, Code: codeMissingArg, Msg: fmt.Sprintf("template %q needs the argument %q, and include hands none on", t.Name, name),
				Hint: "give the parameter a default", Related: &Related{Pos: t.Params[name].Pos, Msg: "it is declared here, without default"},
			})
		}
	}
}

// checkCycles reports each circle of includes once, at the include that closes it.
func (b *builder) checkCycles(rep *Report, names []string) {
	const (
		unseen = iota
		onPath
		done
	)
	state := make(map[string]int, len(names))
	var path []string
	var visit func(t *templateEntry)
	visit = func(t *templateEntry) {
		state[t.Name] = onPath
		path = append(path, t.Name)
		for list := range t.lists() {
			for i := range list {
				s := &list[i]
				if s.Include == nil || b.templates[s.Include.Template] == nil {
					continue
				}
				next := b.templates[s.Include.Template]
				switch state[next.Name] {
				case unseen:
					visit(next)
				case onPath:
					circle := append(slices.Clone(path[slices.Index(path, next.Name):]), next.Name)
					rep.add(Problem{
						Pos: s.node(s.Include.Col, s.Include.Len), Code: codeCycle, Msg: "templates include each other in a circle: " + strings.Join(circle, " → "),
						Hint: "move what they share into a template that includes neither",
					})
				}
			}
		}
		path = path[:len(path)-1]
		state[t.Name] = done
	}
	for _, name := range names {
		if state[name] == unseen {
			visit(b.templates[name])
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
