package rules

import (
	"fmt"
	"strings"

	"vifd/internal/stmt"
)

// place is where a template puts a parameter.
type place struct {
	use stmt.Use
	pos Pos
	one bool // takes one value, and no list or range
}

// assigned returns the columns of the values that a statement sets fields to.
func assigned(s *Statement) map[int]bool {
	var cols map[int]bool
	for _, it := range s.Items {
		if a, ok := it.(stmt.Assign); ok {
			if cols == nil {
				cols = map[int]bool{}
			}
			cols[a.Value.Col] = true
		}
	}
	return cols
}

// kind tells places apart that refuse different values. There are few, however many statements a template has.
func (p *place) kind() string {
	var b strings.Builder
	for _, f := range p.use.Fields {
		fmt.Fprintf(&b, "%s/%d ", f.Type.Name, f.Bits)
	}
	if len(p.use.Fields) == 0 {
		b.WriteString(p.use.What)
	}
	fmt.Fprint(&b, p.one)
	return b.String()
}

// check reports why value, which its parameter's types take, cannot be in the place.
func (p *place) check(types []stmt.Type, value string) error {
	switch {
	case len(p.use.Fields) == 0 && types[0] == stmt.TypeNumber && strings.Contains(value, "-"):
		return fmt.Errorf("%q is a range, and %s takes one number", value, p.use.What)
	case !p.one || len(p.use.Fields) == 0:
		return p.use.Check(types, value)
	}
	m := stmt.Match{Fields: p.use.Fields}
	tuples, err := m.Bind(types, []string{value})
	if err == nil && (len(tuples) == 0 || !tuples[0][0].Single()) {
		err = fmt.Errorf("%q is a range, and %s is set to one value", value, p.use.What)
	}
	return err
}

// checkPlaces checks one value, which stands at pos, against the places where t puts its parameter.
func (t *templateEntry) checkPlaces(rep *Report, pos Pos, name, value string) bool {
	places := t.places[name]
	for i := range places {
		pl := &places[i]
		if err := pl.check(t.Params[name].Types, value); err != nil {
			rep.add(Problem{
				Pos: pos, Code: codeArgument, Msg: fmt.Sprintf("value %s of %q does not fit where it is used: %v", short(value), name, err),
				Related: &Related{Pos: pl.pos, Msg: "it is used here"},
			})
			return false
		}
	}
	return true
}

// checkDeclared checks the values that the declarations themselves hold, once it is known where they are used.
func (t *templateEntry) checkDeclared(rep *Report) {
	for _, name := range sortedKeys(t.places) {
		p, spots := t.Params[name], t.spots[name]
		values, at := p.Default, spots.defaults
		if p.is(stmt.TypeEnum) {
			values, at = p.Values, spots.values
		}
		for i, value := range values {
			if i < len(at) && !t.checkPlaces(rep, at[i], name, value) {
				break
			}
		}
	}
}
