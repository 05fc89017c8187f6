package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/internal/stmt"
)

// params reads a template's `params`.
func (d *decoder) params(n *yaml.Node, t *templateEntry) {
	t.Params = map[string]Param{}
	t.spots = map[string]paramSpots{}
	d.entries(n, "params", func(k, v *yaml.Node) {
		name := k.Value
		if !d.lowerName(k, "a parameter", name) {
			t.paramsBroken = true
			return
		}
		if everywhere(name) {
			d.problem(d.src.node(k), codeName, fmt.Sprintf("every template has the parameter $%s; it cannot be declared", name), "use it without declaring it, or choose another name")
			t.paramsBroken = true
			return
		}
		p, spots, ok := d.param(k, v)
		if !ok {
			t.paramsBroken = true
		}
		t.Params[name], t.spots[name] = p, spots
	})
}

// everywhere reports whether every template has the parameter without declaring it.
func everywhere(name string) bool {
	_, builtin := stmt.Builtin(name)
	return builtin || name == stmt.Interface
}

func (d *decoder) param(k, v *yaml.Node) (p Param, spots paramSpots, ok bool) {
	p.Pos = d.src.node(k)
	ok = true
	at := map[string]*yaml.Node{}
	s := schema{what: fmt.Sprintf("parameter %q", k.Value), known: []string{"type", "list", "default", "values"}, required: []string{"type"}}
	d.fields(v, s, func(key string, _, v *yaml.Node) {
		at[key] = v
		switch key {
		case "type":
			p.Types = d.paramTypes(v)
		case "list":
			p.List, _ = d.boolean(v, "list")
		}
	})
	if len(p.Types) == 0 {
		return p, spots, false
	}
	if p.List && (p.is(stmt.TypeBool) || p.is(stmt.TypeRate)) {
		d.problem(d.src.node(at["list"]), codeConflict, fmt.Sprintf("a %s has one value, and list: true contradicts it", p.Types[0]), "remove the key")
		ok = false
	}
	values := at["values"]
	switch {
	case values != nil && p.is(stmt.TypeEnum):
		spots.values = d.enumValues(values, &p)
		ok = ok && len(spots.values) > 0
	case values != nil:
		d.problem(d.src.node(values), codeConflict, fmt.Sprintf("values are of an enum, and the type of %q is %s", k.Value, stmt.TypeText(p.Types)), "write type: enum, or remove the key")
		ok = false
	case p.is(stmt.TypeEnum) && hasKey(v, "values"):
		ok = false
	case p.is(stmt.TypeEnum):
		d.problem(p.Pos, codeMissingKey, fmt.Sprintf("the enum %q needs the key \"values\"", k.Value), "the words that it may be, as in values: [strict, loose]")
		ok = false
	}
	if standard := at["default"]; standard != nil && ok {
		spots.defaults, ok = d.paramDefault(standard, k.Value, &p)
	}
	return p, spots, ok
}

// is reports whether p is of type t, and no tuple.
func (p *Param) is(t stmt.Type) bool { return len(p.Types) == 1 && p.Types[0] == t }

// paramTypes reads a parameter's type: a name, or of values that belong together several, with dots between them or as a list.
// Nil means that a problem has been reported.
func (d *decoder) paramTypes(n *yaml.Node) []stmt.Type {
	var words []string
	ok := true
	part := func(n *yaml.Node, off int, word string) {
		if _, known := stmt.ParseType(word); !known {
			d.problem(d.src.within(n, off, len(word)), codeChoice, fmt.Sprintf("unknown type %s", short(word)), suggestion(word, stmt.TypeNames(), "types are"))
			ok = false
		}
		words = append(words, word)
	}
	for _, item := range d.oneOrMore(n, "type") {
		text, isText := d.text(item, "type")
		if !isText {
			return nil
		}
		if n.Kind == yaml.SequenceNode {
			part(item, 0, text)
			continue
		}
		off := 0
		for word := range strings.SplitSeq(text, ".") {
			bare := strings.TrimSpace(word)
			part(item, off+strings.Index(word, bare), bare)
			off += len(word) + 1
		}
	}
	if !ok || len(words) == 0 {
		return nil
	}
	types, ok := stmt.ParseType(strings.Join(words, "."))
	switch {
	case !ok:
		d.problem(d.src.node(n), codeChoice, fmt.Sprintf("%s is no type", strings.Join(words, " . ")), "up to five types can belong together, and neither rate nor bool is one of them")
	case len(types) > 1 && slices.Contains(types, stmt.TypeEnum):
		d.problem(d.src.node(n), codeChoice, "an enum stands alone; it cannot be one of several types that belong together", "")
		ok = false
	}
	if !ok {
		return nil
	}
	return types
}

// enumValues reads the words that an enum may be, and returns where they stand. They are words of a statement, because a condition
// names them.
func (d *decoder) enumValues(n *yaml.Node, p *Param) []Pos {
	const most = 64
	items := d.oneOrMore(n, "values")
	if len(items) > most {
		d.problem(d.src.node(items[most]), codeOutOfRange, fmt.Sprintf("an enum has up to %d values, found %d", most, len(items)), "")
		return nil
	}
	var at []Pos
	ok := true
	first := map[string]*yaml.Node{}
	for _, item := range items {
		word, isText := d.textOrNumber(item, "a value of an enum")
		switch {
		case !isText || d.substituted(item, "a value of an enum"):
			ok = false
			continue
		case !allOf(word, func(c byte) bool { return isWord(c) || strings.IndexByte("-_.:/", c) >= 0 }):
			d.problem(d.src.node(item), codeName, fmt.Sprintf("%s is no value for an enum", short(word)), "a value has letters, digits and - _ . : / only")
			ok = false
			continue
		case first[word] != nil:
			d.twice(item, fmt.Sprintf("value %q is listed", word), d.src.node(first[word]))
			ok = false
			continue
		}
		first[word] = item
		p.Values, at = append(p.Values, word), append(at, d.src.node(item))
	}
	if !ok {
		return nil
	}
	return at
}

func (d *decoder) paramDefault(n *yaml.Node, name string, p *Param) ([]Pos, bool) {
	items := d.oneOrMore(n, "default")
	if len(items) > 1 && !p.List {
		hint := "list: true makes it take several"
		if p.is(stmt.TypeBool) || p.is(stmt.TypeRate) {
			hint = ""
		}
		d.problem(d.src.node(n), codeManyValues, fmt.Sprintf("parameter %q takes one value, and its default has %d", name, len(items)), hint)
		return nil, false
	}
	ok := len(items) > 0
	var at []Pos
	for _, item := range items {
		text, isText := d.paramValue(item, "default", p)
		if !isText || d.substituted(item, "a default") {
			ok = false
			continue
		}
		if msg, hint := p.wrong(text); msg != "" {
			d.problem(d.src.node(item), codeArgument, fmt.Sprintf("default of %q: %s", name, msg), hint)
			ok = false
			continue
		}
		p.Default, at = append(p.Default, text), append(at, d.src.node(item))
	}
	return at, ok
}

// paramValue reads a value as YAML has it: numbers without quotes and, for a bool, true and false.
func (d *decoder) paramValue(n *yaml.Node, what string, p *Param) (string, bool) {
	if p.is(stmt.TypeBool) && !quoted(n) {
		b, ok := d.boolean(n, what)
		return fmt.Sprint(b), ok
	}
	return d.textOrNumber(n, what)
}

// wrong says why value cannot be one of p's, and what could; nothing where it can.
func (p *Param) wrong(value string) (msg, hint string) {
	if p.is(stmt.TypeEnum) {
		if slices.Contains(p.Values, value) {
			return "", ""
		}
		return fmt.Sprintf("%s is not one of its values", short(value)), suggestion(value, p.Values, "they are")
	}
	if err := stmt.CheckTuple(p.Types, value); err != nil {
		return err.Error(), "its type is " + stmt.TypeText(p.Types)
	}
	return "", ""
}
