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

// params reads a template's `params`.
func (d *decoder) params(n *yaml.Node, t *templateEntry) {
	t.Params = map[string]Param{}
	d.entries(n, "params", func(k, v *yaml.Node) {
		name := k.Value
		if !d.lowerName(k, "a parameter", name) {
			t.paramsBroken = true
			return
		}
		if _, builtin := stmt.Builtin(name); builtin || name == "interface" {
			d.problem(d.src.node(k), codeName, fmt.Sprintf("every template has the parameter $%s; it cannot be declared", name), "use it without declaring it, or choose another name")
			t.paramsBroken = true
			return
		}
		p, ok := d.param(k, v)
		if !ok {
			t.paramsBroken = true
		}
		t.Params[name] = p
	})
}

func (d *decoder) param(k, v *yaml.Node) (Param, bool) {
	p := Param{Pos: d.src.node(k)}
	var standard *yaml.Node
	s := schema{what: fmt.Sprintf("parameter %q", k.Value), known: []string{"type", "list", "default"}, required: []string{"type"}}
	d.fields(v, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "type":
			word, ok := d.text(v, "type")
			if !ok {
				return
			}
			if p.Type, ok = stmt.ParseType(word); !ok {
				d.problem(d.src.node(v), codeChoice, fmt.Sprintf("unknown type %s", short(word)), suggestion(word, stmt.TypeNames(), "types are"))
			}
		case "list":
			p.List, _ = d.boolean(v, "list")
		case "default":
			standard = v
		}
	})
	if standard == nil || p.Type == stmt.TypeNone {
		return p, p.Type != stmt.TypeNone
	}
	return p, d.paramDefault(standard, k.Value, &p)
}

func (d *decoder) paramDefault(n *yaml.Node, name string, p *Param) bool {
	items := d.oneOrMore(n, "default")
	if len(items) > 1 && !p.List {
		d.problem(d.src.node(n), codeManyValues, fmt.Sprintf("parameter %q takes one value, and its default has %d", name, len(items)), "list: true makes it take several")
		return false
	}
	ok := len(items) > 0
	for _, item := range items {
		text, isText := d.textOrNumber(item, "default")
		if !isText || d.substituted(item, "a default") {
			ok = false
			continue
		}
		if err := p.Type.Check(text); err != nil {
			d.problem(d.src.node(item), codeArgument, fmt.Sprintf("default of %q: %v", name, err), fmt.Sprintf("its type is %s", p.Type))
			ok = false
			continue
		}
		p.Default = append(p.Default, text)
	}
	return ok
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
		list = append(list, Statement{Pos: d.src.within(item, 0, len(text)), node: d.place(item), Stmt: parsed})
	}
	d.unreachable(list)
	return list
}

// place returns the way from the columns of a statement in scalar n to places in the file.
func (d *decoder) place(n *yaml.Node) func(col, length int) Pos {
	return func(col, length int) Pos { return d.src.within(n, col-1, length) }
}

func (d *decoder) statementError(n *yaml.Node, err error) {
	var serr *stmt.Error
	if !errors.As(err, &serr) {
		d.problem(d.src.node(n), codeStatement, err.Error(), "")
		return
	}
	d.problem(d.place(n)(serr.Col, max(serr.Len, 1)), codeStatement, serr.Msg, serr.Hint)
}

// unreachable warns of the first statement behind one that always ends the judgement.
func (d *decoder) unreachable(list []Statement) {
	for i := range len(list) - 1 {
		if list[i].Terminal() {
			d.rep.add(Problem{
				Pos: list[i+1].Pos, Severity: Warning, Code: codeUnreachable, Msg: "this statement is never reached",
				Hint: "move it up, or remove it", Related: &Related{Pos: list[i].Pos, Msg: fmt.Sprintf("every packet ends at this %s", list[i].Verdict)},
			})
			return
		}
	}
}
