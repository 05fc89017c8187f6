package rules

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"vifd/internal/stmt"
)

// firewall reads a rule's `firewall`: a template, or a list of them, each a name or {template: NAME, with: {…}}.
func (d *decoder) firewall(n *yaml.Node) []TemplateRef {
	if d.src.handled[n] {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var refs []TemplateRef
	for _, item := range items {
		ref, ok := d.templateRef(item)
		if !ok {
			continue
		}
		for _, name := range sortedKeys(ref.With) {
			for i, text := range ref.With[name] {
				if len(text.Facts()) > 0 {
					d.problem(ref.with[name].values[i], codeText, fmt.Sprintf("no fact can stand in argument %q: %s", name, ofTemplate), "write the value out, in a rule for each of the values")
				}
			}
		}
		refs = append(refs, ref)
	}
	return refs
}

func (d *decoder) templateRef(n *yaml.Node) (TemplateRef, bool) {
	var ref TemplateRef
	if n.Kind != yaml.MappingNode {
		return d.templateName(n)
	}
	s := schema{what: "a template's use", known: []string{"template", "with"}, required: []string{"template"}}
	named := false
	var with *yaml.Node
	d.fields(n, s, func(key string, _, v *yaml.Node) {
		switch key {
		case "template":
			ref, named = d.templateName(v)
		case "with":
			with = v
		}
	})
	if with != nil {
		ref.With = map[string][]Text{}
		ref.with = map[string]argument{}
		d.entries(with, "with", func(k, v *yaml.Node) { d.argument(&ref, k, v) })
	}
	return ref, named
}

func (d *decoder) templateName(n *yaml.Node) (TemplateRef, bool) {
	name, ok := d.text(n, "a template's name")
	if ok && d.holdsFact(n) {
		d.noFact(n, "a template's name", ofTemplate, "write a rule for each of the templates")
		ok = false
	}
	if !ok {
		return TemplateRef{}, false
	}
	return TemplateRef{Name: name, Pos: d.src.node(n)}, true
}

// argument is where one argument of a TemplateRef stands.
type argument struct {
	key    Pos
	values []Pos
	bools  []bool // which values are true or false without quotes
	broken bool   // a problem has been reported
}

func (d *decoder) argument(ref *TemplateRef, k, v *yaml.Node) {
	arg := argument{key: d.src.node(k)}
	texts := []Text{}
	items := d.oneOrMore(v, fmt.Sprintf("argument %q", k.Value))
	arg.broken = len(items) == 0
	for _, item := range items {
		isBool := classify(item) == scalarBool
		raw, ok := item.Value, true
		if !isBool || d.src.handled[item] {
			raw, ok = d.textOrNumber(item, fmt.Sprintf("argument %q", k.Value))
		}
		if !ok {
			arg.broken = true
			continue
		}
		text, verr := parseText(raw)
		if verr != nil {
			d.value(item, verr)
			arg.broken = true
			continue
		}
		texts = append(texts, text.at(func(off, length int) Pos { return d.src.within(item, off, length) }))
		arg.values, arg.bools = append(arg.values, d.src.node(item)), append(arg.bools, isBool)
	}
	ref.With[k.Value] = texts
	ref.with[k.Value] = arg
}

// checkFirewalls checks every rule's templates and their arguments.
func (b *builder) checkFirewalls(rep *Report) {
	for i := range b.set.Rules {
		for j := range b.set.Rules[i].Firewall {
			b.checkRef(rep, &b.set.Rules[i].Firewall[j])
		}
	}
}

// checkRef checks that a template exists and takes the arguments.
func (b *builder) checkRef(rep *Report, ref *TemplateRef) {
	if t, ok := b.templates[ref.Name]; !ok {
		b.unknownTemplate(rep, ref.Pos, ref.Name)
	} else if !t.paramsBroken {
		checkArguments(rep, ref, t)
	}
	ref.with = nil
}

// unknownTemplate reports a name that no template has, unless it may be defined in a file that could not be read.
func (b *builder) unknownTemplate(rep *Report, pos Pos, name string) {
	if b.unread || rep.full {
		return
	}
	rep.add(Problem{Pos: pos, Code: codeNoTemplate, Msg: fmt.Sprintf("unknown template %s", short(name)), Hint: suggestion(name, b.templateNames(), "templates are")})
}

func checkArguments(rep *Report, ref *TemplateRef, t *templateEntry) {
	for _, name := range sortedKeys(ref.With) {
		arg, values := ref.with[name], ref.With[name]
		p, declared := t.Params[name]
		switch {
		case !declared:
			noArgument(rep, arg.key, name, t)
		case arg.broken:
		case len(values) > 1 && !p.List:
			rep.add(Problem{
				Pos: arg.values[1], Code: codeManyValues, Msg: fmt.Sprintf("parameter %q takes one value, found %d", name, len(values)),
				Related: &Related{Pos: p.Pos, Msg: "it is declared here, without list: true"},
			})
		default:
			checkValues(rep, name, t, arg, values)
		}
	}
	for _, name := range t.required {
		if _, given := ref.With[name]; !given && !rep.full {
			rep.add(Problem{
				Pos: ref.Pos, Code: codeMissingArg, Msg: fmt.Sprintf("template %q needs the argument %q", t.Name, name),
				Hint:    fmt.Sprintf("write {template: %s, with: {%s: …}}", t.Name, name),
				Related: &Related{Pos: t.Params[name].Pos, Msg: "it is declared here, without default"},
			})
		}
	}
}

// noArgument reports an argument that t does not declare.
func noArgument(rep *Report, pos Pos, name string, t *templateEntry) {
	if rep.full {
		return
	}
	p := Problem{Pos: pos, Code: codeNoArgument, Related: &Related{Pos: t.Pos, Msg: "the template is here"}}
	switch {
	case everywhere(name):
		p.Msg, p.Hint = fmt.Sprintf("every template has the parameter $%s; it is no argument", name), "remove it"
	case len(t.Params) == 0:
		p.Msg, p.Hint = fmt.Sprintf("template %q takes no arguments", t.Name), "remove it"
	default:
		p.Msg, p.Hint = fmt.Sprintf("template %q has no parameter %s", t.Name, short(name)), suggestion(name, sortedKeys(t.Params), "it has")
	}
	rep.add(p)
}

// checkValues checks literal values; one with a substitution has been refused.
func checkValues(rep *Report, name string, t *templateEntry, arg argument, values []Text) {
	p := t.Params[name]
	for i, v := range values {
		literal, ok := v.Literal()
		switch {
		case !ok:
		case arg.bools[i] && !p.is(stmt.TypeBool):
			rep.add(Problem{
				Pos: arg.values[i], Code: codeType, Msg: fmt.Sprintf("argument %q must be text, found the boolean %s", name, literal),
				Hint: fmt.Sprintf("quote it if it is text: %q", literal), Related: &Related{Pos: p.Pos, Msg: "it is declared here"},
			})
		default:
			t.checkValue(rep, arg.values[i], name, literal)
		}
	}
}

// checkValue checks one value of a parameter against its type, and against the places where t puts it.
func (t *templateEntry) checkValue(rep *Report, pos Pos, name, value string) bool {
	p := t.Params[name]
	if rep.full {
		return false
	}
	if msg, hint := p.wrong(value); msg != "" {
		rep.add(Problem{
			Pos: pos, Code: codeArgument, Msg: fmt.Sprintf("argument %q: %s", name, msg), Hint: hint,
			Related: &Related{Pos: p.Pos, Msg: "it is declared here"},
		})
		return false
	}
	return p.is(stmt.TypeEnum) || t.checkPlaces(rep, pos, name, value) // an enum's are checked where they are declared
}
