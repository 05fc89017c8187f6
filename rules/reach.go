package rules

import (
	"fmt"

	"vifd/internal/stmt"
)

// reach finds what no packet gets to: statements behind one that always ends the judgement, be it in a template that is included there,
// and templates behind one that has such a statement in a rule's list.
type reach struct {
	templates map[string]*templateEntry
	closed    map[reachKey]bool
	contents  map[reachKey]content
}

// content is what a template's list holds.
type content struct{ statements, accepts bool }

type reachKey struct {
	template string
	toGuest  bool
}

// checkReach warns of the first statement of each template's list that is never reached, and of the first template of each rule's.
func (b *builder) checkReach(rep *Report, names []string) {
	r := reach{templates: b.templates, closed: map[reachKey]bool{}, contents: map[reachKey]content{}}
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
	for i := range b.set.Rules {
		r.checkFirewall(rep, b.set.Rules[i].Firewall)
	}
}

// checkFirewall warns of the first template of a list that is never reached, in all that it judges or where it would accept something.
// One that accepts nothing there stands behind what closes for its other direction: no-other-traffic behind stateful-basic.
func (r *reach) checkFirewall(rep *Report, list []TemplateRef) {
	var by [2]*TemplateRef // what closes each direction, from the guest and to it
	for i := range list {
		ref := &list[i]
		judges, dead, lost := 0, 0, -1
		for d, toGuest := range []bool{false, true} {
			c := r.content(ref.Name, toGuest)
			if c.statements {
				judges++
			}
			if c.statements && by[d] != nil {
				dead++
			}
			if c.accepts && by[d] != nil && lost < 0 {
				lost = d
			}
		}
		if dead > 0 && (dead == judges || lost >= 0) {
			r.behind(rep, ref, by, dead == judges, lost)
			return
		}
		for d, toGuest := range []bool{false, true} {
			if by[d] == nil && r.isClosed(ref.Name, toGuest) {
				by[d] = ref
			}
		}
	}
}

// behind reports a template behind those that close each direction: in all that it judges, or in one direction.
func (r *reach) behind(rep *Report, ref *TemplateRef, by [2]*TemplateRef, all bool, direction int) {
	msg := [...]string{"nothing that the guest sends gets to template %q", "nothing that goes to the guest gets to template %q"}
	what := [...]string{"what the guest sends", "what goes to the guest"}
	p := Problem{Pos: ref.Pos, Severity: Warning, Code: codeUnreachable, Hint: "move it up, or remove it"}
	if all {
		p.Msg = fmt.Sprintf("template %q is never reached", ref.Name)
		if direction = 0; by[0] == nil || !r.content(ref.Name, false).statements {
			direction = 1
		}
	} else {
		p.Msg = fmt.Sprintf(msg[direction], ref.Name)
	}
	p.Related = &Related{Pos: by[direction].Pos, Msg: fmt.Sprintf("%s ends in template %q", what[direction], by[direction].Name)}
	if by[0] == by[1] {
		p.Related.Msg = fmt.Sprintf("every packet ends in template %q", by[0].Name)
	}
	rep.add(p)
}

// content says what a template has for a direction, itself or by what it includes.
func (r *reach) content(name string, toGuest bool) content {
	key := reachKey{name, toGuest}
	if c, known := r.contents[key]; known || r.templates[name] == nil {
		return c
	}
	r.contents[key] = content{} // of a circle, too
	var c content
	list := r.templates[name].list(toGuest)
	for i := range list {
		of := content{statements: true, accepts: list[i].Verdict == stmt.Accept}
		if in := list[i].Include; in != nil {
			of = r.content(in.Template, toGuest)
		}
		c.statements, c.accepts = c.statements || of.statements, c.accepts || of.accepts
	}
	r.contents[key] = c
	return c
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
