package rules

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// checkInclude checks one include of template from, and what it hands on.
func (b *builder) checkInclude(rep *Report, from *templateEntry, s *Statement) {
	pos := s.place(s.Include.Col, s.Include.Len)
	to, ok := b.templates[s.Include.Template]
	if !ok {
		b.unknownTemplate(rep, pos, s.Include.Template)
	}
	given := make(map[string]Pos, len(s.Include.With))
	for i := range s.Include.With {
		arg := &s.Include.With[i]
		at := s.place(arg.Col, arg.Len)
		if first, twice := given[arg.Name]; twice {
			rep.add(Problem{
				Pos: at, Code: codeDupKey, Msg: fmt.Sprintf("argument %q is given twice", arg.Name),
				Hint: "put the two together, or remove one", Related: &Related{Pos: first, Msg: "first given here"},
			})
			continue
		}
		given[arg.Name] = at
		known := from.checkHandedOn(rep, at, arg)
		switch {
		case !ok || to.paramsBroken || everywhere(arg.Param):
		case to.Params[arg.Name].Types == nil:
			noArgument(rep, at, arg.Name, to)
		case arg.Param == "":
			to.checkWritten(rep, at, arg)
		case known:
			to.checkSameParam(rep, at, arg, from)
		}
	}
	if !ok || to.paramsBroken {
		return
	}
	for _, name := range to.required {
		if rep.full {
			return
		}
		if _, is := given[name]; !is {
			rep.add(Problem{
				Pos: pos, Code: codeMissingArg, Msg: fmt.Sprintf("template %q needs the argument %q", to.Name, name),
				Hint:    fmt.Sprintf("write include %s with %s = …", to.Name, name),
				Related: &Related{Pos: to.Params[name].Pos, Msg: "it is declared here, without default"},
			})
		}
	}
}

// checkHandedOn checks the $name that an argument hands on; false means that nothing is to be said of its type.
func (t *templateEntry) checkHandedOn(rep *Report, pos Pos, arg *stmt.Argument) bool {
	p, declared := t.Params[arg.Param]
	switch {
	case arg.Param == "":
		return false
	case everywhere(arg.Param):
		rep.add(Problem{
			Pos: pos, Code: codeHandOn, Msg: fmt.Sprintf("$%s is handed on, and every template has it", arg.Param),
			Hint: fmt.Sprintf("remove the argument, and use $%s in the other template", arg.Param),
		})
		return false
	case !declared && !t.paramsBroken:
		t.unknownParam(rep, pos, arg.Param, false)
	}
	return declared && len(p.Types) > 0
}

// checkWritten checks the values that an include of t writes out.
func (t *templateEntry) checkWritten(rep *Report, pos Pos, arg *stmt.Argument) {
	p := t.Params[arg.Name]
	if len(arg.Values) > 1 && !p.List {
		rep.add(Problem{
			Pos: pos, Code: codeManyValues, Msg: fmt.Sprintf("parameter %q takes one value, found %d", arg.Name, len(arg.Values)),
			Related: &Related{Pos: p.Pos, Msg: "it is declared here, without list: true"},
		})
		return
	}
	for _, value := range arg.Values {
		if !t.checkValue(rep, pos, arg.Name, value) {
			return
		}
	}
}

// checkSameParam checks that a parameter of from can be handed on as one of t: whatever it may be, the other may be as well.
func (t *templateEntry) checkSameParam(rep *Report, pos Pos, arg *stmt.Argument, from *templateEntry) {
	has, wants := from.Params[arg.Param], t.Params[arg.Name]
	related := &Related{Pos: wants.Pos, Msg: "it is declared here"}
	switch {
	case !slices.Equal(has.Types, wants.Types):
		rep.add(Problem{
			Pos: pos, Code: codeParamType, Related: related,
			Msg: fmt.Sprintf("$%s is of type %s, and parameter %q of template %q is of type %s", arg.Param, stmt.TypeText(has.Types), arg.Name, t.Name, stmt.TypeText(wants.Types)),
		})
	case has.List && !wants.List:
		related.Msg = "it is declared here, without list: true"
		rep.add(Problem{
			Pos: pos, Code: codeManyValues, Related: related,
			Msg: fmt.Sprintf("$%s may have several values, and parameter %q of template %q takes one", arg.Param, arg.Name, t.Name),
		})
	default:
		for _, value := range has.Values {
			if !slices.Contains(wants.Values, value) {
				rep.add(Problem{
					Pos: pos, Code: codeArgument, Msg: fmt.Sprintf("$%s may be %s, and parameter %q of template %q may not", arg.Param, short(value), arg.Name, t.Name),
					Hint: suggestion(value, wants.Values, "its values are"), Related: related,
				})
				return
			}
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
		for s := range t.statements() {
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
					Pos: s.place(s.Include.Col, s.Include.Len), Code: codeCycle, Msg: "templates include each other in a circle: " + strings.Join(circle, " → "),
					Hint: "move what they share into a template that includes neither",
				})
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
