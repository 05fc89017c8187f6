package rules

import (
	"fmt"

	"gopkg.in/yaml.v3"
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
		if ref, ok := d.templateRef(item); ok {
			refs = append(refs, ref)
		}
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
	if !ok || d.substituted(n, "a template's name") {
		return TemplateRef{}, false
	}
	return TemplateRef{Name: name, Pos: d.src.node(n)}, true
}

// argument is where one argument of a TemplateRef stands.
type argument struct {
	key    Pos
	values []Pos
	broken bool // a problem has been reported
}

func (d *decoder) argument(ref *TemplateRef, k, v *yaml.Node) {
	arg := argument{key: d.src.node(k)}
	texts := []Text{}
	items := d.oneOrMore(v, fmt.Sprintf("argument %q", k.Value))
	arg.broken = len(items) == 0
	for _, item := range items {
		raw, ok := d.textOrNumber(item, fmt.Sprintf("argument %q", k.Value))
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
		arg.values = append(arg.values, d.src.node(item))
	}
	ref.With[k.Value] = texts
	ref.with[k.Value] = arg
}

// checkFirewalls checks every rule's templates and their arguments.
func (b *builder) checkFirewalls(rep *Report) {
	for i := range b.set.Rules {
		for j := range b.set.Rules[i].Firewall {
			ref := &b.set.Rules[i].Firewall[j]
			t, ok := b.templates[ref.Name]
			if !ok {
				b.unknownTemplate(rep, ref.Pos, ref.Name)
				continue
			}
			if !t.paramsBroken {
				checkArguments(rep, ref, &t.Template)
			}
			ref.with = nil
		}
	}
}

// unknownTemplate reports a name that no template has, unless it may be defined in a file that could not be read.
func (b *builder) unknownTemplate(rep *Report, pos Pos, name string) {
	if b.unread {
		return
	}
	rep.add(Problem{Pos: pos, Code: codeNoTemplate, Msg: fmt.Sprintf("unknown template %s", short(name)), Hint: suggestion(name, b.templateNames(), "templates are")})
}

func checkArguments(rep *Report, ref *TemplateRef, t *Template) {
	for _, name := range sortedKeys(ref.With) {
		arg, values := ref.with[name], ref.With[name]
		p, declared := t.Params[name]
		switch {
		case !declared && len(t.Params) == 0:
			rep.add(Problem{Pos: arg.key, Code: codeNoArgument, Msg: fmt.Sprintf("template %q takes no arguments", t.Name), Hint: "remove it", Related: &Related{Pos: t.Pos, Msg: "the template is here"}})
		case !declared:
			rep.add(Problem{
				Pos: arg.key, Code: codeNoArgument, Msg: fmt.Sprintf("template %q has no parameter %s", t.Name, short(name)),
				Hint: suggestion(name, sortedKeys(t.Params), "it has"), Related: &Related{Pos: t.Pos, Msg: "the template is here"},
			})
		case arg.broken:
		case len(values) > 1 && !p.List:
			rep.add(Problem{
				Pos: arg.values[1], Code: codeManyValues, Msg: fmt.Sprintf("parameter %q takes one value, found %d", name, len(values)),
				Related: &Related{Pos: p.Pos, Msg: "it is declared here, without list: true"},
			})
		default:
			checkValues(rep, name, p, arg, values)
		}
	}
	for _, name := range sortedKeys(t.Params) {
		if _, given := ref.With[name]; !given && t.Params[name].Default == nil {
			rep.add(Problem{
				Pos: ref.Pos, Code: codeMissingArg, Msg: fmt.Sprintf("template %q needs the argument %q", t.Name, name),
				Hint:    fmt.Sprintf("write {template: %s, with: {%s: …}}", t.Name, name),
				Related: &Related{Pos: t.Params[name].Pos, Msg: "it is declared here, without default"},
			})
		}
	}
}

// checkValues checks what is known now; what facts are put into is checked by whoever expands it.
func checkValues(rep *Report, name string, p Param, arg argument, values []Text) {
	for i, v := range values {
		literal, ok := v.Literal()
		if !ok {
			continue
		}
		if err := p.Type.Check(literal); err != nil {
			rep.add(Problem{
				Pos: arg.values[i], Code: codeArgument, Msg: fmt.Sprintf("argument %q: %v", name, err), Hint: fmt.Sprintf("its type is %s", p.Type),
				Related: &Related{Pos: p.Pos, Msg: "it is declared here"},
			})
		}
	}
}
