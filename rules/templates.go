package rules

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/internal/stmt"
)

// template reads one entry of `templates`. A template with errors inside is known by its name all the same, so that those who refer
// to it are not reported as well.
func (d *decoder) template(k, v *yaml.Node) {
	name := k.Value
	if !d.lowerName(k, "a template", name) {
		return
	}
	if before, defined := d.set.templates[name]; defined {
		if before.Library && !d.src.library {
			d.rep.add(Problem{
				Pos: d.src.node(k), Code: codeLibrary, Msg: fmt.Sprintf("template %q is one of the library's and cannot be redefined", name),
				Hint: fmt.Sprintf("choose another name, such as %q", "my-"+name), Related: &Related{Pos: before.Pos, Msg: "the library's is here"},
			})
			return
		}
		d.twice(k, fmt.Sprintf("template %q is defined", name), before.Pos)
		return
	}
	t := &templateEntry{Template: Template{Name: name, Pos: d.src.node(k), Library: d.src.library}}
	d.set.templates[name] = t
	statements := false
	s := schema{what: fmt.Sprintf("template %q", name), known: []string{"description", "params", "from-guest", "to-guest"}}
	ok := d.fields(v, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "description":
			t.Description, _ = d.text(v, key)
		case "params":
			d.params(v, t)
		case "from-guest":
			statements = true
			t.FromGuest = d.statements(v, key)
		case "to-guest":
			statements = true
			t.ToGuest = d.statements(v, key)
		}
	})
	if ok && !statements {
		d.problem(t.Pos, codeMissingKey, fmt.Sprintf("template %q has no statements", name), "it needs from-guest, to-guest or both")
	}
}

// statements reads a list of statements, one a line.
func (d *decoder) statements(n *yaml.Node, what string) []Statement {
	var list []Statement
	for _, item := range d.list(n, what) {
		if item.Kind == yaml.MappingNode && !d.src.handled[item] {
			d.wrongType(item, "a statement", "text", `quote a statement that holds ": "`)
			continue
		}
		text, ok := d.text(item, "a statement")
		if !ok {
			continue
		}
		text = strings.TrimRight(text, "\n")
		parsed, err := stmt.Parse(text)
		if err != nil {
			d.statementError(item, err)
			continue
		}
		var sp *spot
		place := func(col, length int) Pos {
			if sp == nil {
				at := d.src.spot(item)
				sp = &at
			}
			return sp.pos(col-1, length)
		}
		list = append(list, Statement{Pos: d.src.within(item, 0, len(text)), place: place, Stmt: parsed})
	}
	return list
}

func (d *decoder) statementError(n *yaml.Node, err error) {
	var serr *stmt.Error
	if !errors.As(err, &serr) {
		d.problem(d.src.node(n), codeStatement, err.Error(), "")
		return
	}
	d.problem(d.src.within(n, serr.Col-1, max(serr.Len, 1)), codeStatement, serr.Msg, serr.Hint)
}
