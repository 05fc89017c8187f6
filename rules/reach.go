package rules

import (
	"fmt"

	"vifd/internal/stmt"
)

// reach finds statements that no packet gets to: those behind one that always ends the judgement, be it in a template that is
// included there.
type reach struct {
	templates map[string]*templateEntry
	closed    map[reachKey]bool
}

type reachKey struct {
	template string
	toGuest  bool
}

// checkReach warns of the first statement of each list that is never reached.
func (b *builder) checkReach(rep *Report, names []string) {
	r := reach{templates: b.templates, closed: map[reachKey]bool{}}
	for _, name := range names {
		t := b.templates[name]
		for _, toGuest := range []bool{false, true} {
			list := t.list(toGuest)
			for i := range len(list) - 1 {
				s := &list[i]
				if why := r.ends(s, toGuest); why != "" {
					rep.add(Problem{
						Pos: list[i+1].Pos, Severity: Warning, Code: codeUnreachable, Msg: "this statement is never reached",
						Hint: "move it up, or remove it", Related: &Related{Pos: s.Pos, Msg: "every packet ends " + why},
					})
					break
				}
			}
		}
	}
}

func (t *Template) list(toGuest bool) []Statement {
	if toGuest {
		return t.ToGuest
	}
	return t.FromGuest
}

// ends says where every packet that gets to s ends; nothing where some go on.
func (r *reach) ends(s *Statement, toGuest bool) string {
	switch {
	case s.Terminal():
		return fmt.Sprintf("at this %s", s.Verdict)
	case s.Include != nil && s.When == nil && r.isClosed(s.Include.Template, toGuest):
		return fmt.Sprintf("in template %q", s.Include.Template)
	}
	return ""
}

// isClosed reports whether a template lets no packet go on to what stands behind its include. A return, even one on some
// condition, does.
func (r *reach) isClosed(name string, toGuest bool) bool {
	key := reachKey{name, toGuest}
	if closed, known := r.closed[key]; known || r.templates[name] == nil {
		return closed
	}
	r.closed[key] = false // of a circle, too
	list := r.templates[name].list(toGuest)
	for i := range list {
		s := &list[i]
		if s.Verdict == stmt.Return {
			return false
		}
		if r.ends(s, toGuest) != "" {
			r.closed[key] = true
			return true
		}
	}
	return false
}
