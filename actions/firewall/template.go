package firewall

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifd/internal/stmt"
)

// Template is a firewall template: statements for both directions.
type Template struct {
	Name      string
	Params    map[string]Param
	FromGuest []Statement
	ToGuest   []Statement
}

// Statement is one statement and where its author wrote it (file:line:col), for messages.
type Statement struct {
	stmt.Stmt
	Where string
}

// Param is a parameter that a template declares. A nil Default makes it required.
type Param struct {
	Types   []stmt.Type // more than one: values that belong together
	Default []string
}

// Ref names a template together with its arguments.
type Ref struct {
	Template string
	With     map[string][]string
}

// chainName is r's part of a chain's name. nft takes no other marks in a name than / \ _ - and the full stop; arguments
// become a number, the same on every host. Refs of one name share a chain: whoever may choose one argument (the addresses that reach
// his guest) must not be able to make it collide with another's, so that the digest is a cryptographic one, of values in quotes.
func (r Ref) chainName() string {
	if len(r.With) == 0 {
		return r.Template
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r.With)) {
		fmt.Fprintf(h, "%q=%q ", name, r.With[name])
	}
	return fmt.Sprintf("%s/%x", r.Template, h.Sum(nil)[:8])
}

// listName is the name of a list of templates.
func listName(refs []Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.chainName()
	}
	return strings.Join(names, ".")
}

func (t *Template) statements(d direction) []Statement {
	if d == fromGuest {
		return t.FromGuest
	}
	return t.ToGuest
}

// argument is what a parameter stands for in one use of a template.
type argument struct {
	types  []stmt.Type
	values []string
}

// arguments are a template's parameters, bound.
type arguments map[string]argument

// bind binds a template's parameters: the ref's arguments, then the defaults.
func (t *Template) bind(with map[string][]string) (arguments, error) {
	for name := range with {
		if _, ok := t.Params[name]; !ok {
			return nil, fmt.Errorf("template %s has no parameter %q", t.Name, name)
		}
	}
	bound := make(arguments, len(t.Params))
	for name, p := range t.Params {
		values, ok := with[name]
		if !ok {
			values = p.Default
		}
		if len(values) == 0 {
			return nil, fmt.Errorf("template %s: parameter %q has neither a value nor a default", t.Name, name)
		}
		for _, v := range values {
			if err := stmt.CheckTuple(p.Types, v); err != nil {
				return nil, fmt.Errorf("template %s: parameter %q: %w", t.Name, name, err)
			}
		}
		bound[name] = argument{types: p.Types, values: values}
	}
	return bound, nil
}

// included is the ref that an include makes in a template whose parameters are args.
func (args arguments) included(in *stmt.Include) (Ref, error) {
	ref := Ref{Template: in.Template}
	if len(in.With) > 0 {
		ref.With = make(map[string][]string, len(in.With))
	}
	for _, a := range in.With {
		ref.With[a.Name] = a.Values
		if a.Param == "" {
			continue
		}
		bound, ok := args[a.Param]
		if !ok {
			return ref, fmt.Errorf("unknown parameter $%s", a.Param)
		}
		ref.With[a.Name] = bound.values
	}
	return ref, nil
}

// holds reports whether a statement under the condition is there.
func (args arguments) holds(c *stmt.Condition) (bool, error) {
	if c == nil {
		return true, nil
	}
	arg, ok := args[c.Param]
	if !ok {
		return false, fmt.Errorf("unknown parameter $%s", c.Param)
	}
	want := c.Value
	if want == "" {
		want = "true"
	}
	is := false
	for _, v := range arg.values {
		is = is || v == want
	}
	return is != c.Not, nil
}
