package rules

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"gopkg.in/yaml.v3"
)

// apart is a part of a file that is about tests alone, and what is wrong in it where that is kept from the rules: guests must not lose
// their network because somebody renamed a rule and forgot its test.
type apart struct {
	src      *source
	part     textSpan
	list     textSpan     // the value of `tests`, within part
	tests    []*yaml.Node // its items
	problems []Problem
	broken   map[int]bool // by the item's index; -1 is what belongs to none
}

// setApart notes which parts of a file are about tests: what follows the key `tests` up to the next, or a file of tests as a whole.
func (s *source) setApart(rep *Report, root *yaml.Node) {
	parts := rep.apart
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != "tests" {
			continue
		}
		span := textSpan{s.offset(root.Content[i]), len(s.data) + 1}
		if i+2 < len(root.Content) {
			span.to = s.offset(root.Content[i+2])
		}
		a := &apart{src: s, part: span, list: span, broken: map[int]bool{}}
		if v := root.Content[i+1]; v.Kind == yaml.SequenceNode {
			a.tests = v.Content
		}
		parts = append(parts, a)
	}
	if holdsTests(s.name) {
		if len(parts) == len(rep.apart) {
			parts = append(parts, &apart{src: s, broken: map[int]bool{}})
		}
		parts = parts[:len(rep.apart)+1] // a second `tests` is a key given twice, and not read
		parts[len(rep.apart)].part = textSpan{0, len(s.data) + 1}
	}
	rep.apart = parts
}

// takeApart keeps an error about tests from the others; false where p is none. Beyond as many as a report holds it keeps one of each
// test, so that none of them passes for a good one.
func (r *Report) takeApart(p Problem) bool {
	if p.Severity != Error || p.Pos.Line == 0 {
		return false
	}
	for _, a := range r.apart {
		off, mine := a.offset(p.Pos)
		if !mine || off < a.part.from || off >= a.part.to {
			continue
		}
		if i := a.item(off); len(a.problems) < maxProblems || !a.broken[i] {
			a.broken[i] = true
			a.problems = append(a.problems, p)
		}
		return true
	}
	return false
}

func (a *apart) offset(pos Pos) (off int, mine bool) {
	if pos.File != a.src.name || pos.Line > len(a.src.starts) {
		return 0, false
	}
	return a.src.starts[pos.Line-1] + pos.Col - 1, true
}

// item is the index of the test at a byte of the file, -1 where there is none.
func (a *apart) item(off int) int {
	if off >= a.list.to {
		return -1
	}
	return sort.Search(len(a.tests), func(i int) bool { return a.src.offset(a.tests[i]) > off }) - 1
}

// blame gives each test what is wrong with it. What could not be read as a test, or belongs to none, becomes one that has nothing else.
func (b *builder) blame(rep *Report) {
	at := make(map[Pos]int, len(b.set.Tests))
	for i := range b.set.Tests {
		at[b.set.Tests[i].Pos] = i
	}
	more := false
	for _, a := range rep.apart {
		found := Report{Problems: a.problems}
		found.sort()
		for _, p := range found.Problems {
			off, _ := a.offset(p.Pos)
			t := Test{Name: "tests", Pos: p.Pos}
			if n := a.item(off); n >= 0 {
				t.Name, t.Pos = nameOf(a.tests[n], n), a.src.node(a.tests[n])
			}
			key := t.Pos
			if t.Name == "tests" {
				key = Pos{File: a.src.name} // one for all
			}
			i, known := at[key]
			if !known {
				i, more = len(b.set.Tests), true
				at[key] = i
				b.set.Tests = append(b.set.Tests, t)
			}
			b.set.Tests[i].Problems = append(b.set.Tests[i].Problems, p)
		}
	}
	if !more {
		return
	}
	slices.SortStableFunc(b.set.Tests, func(x, y Test) int {
		return cmp.Or(cmp.Compare(rep.order[x.Pos.File], rep.order[y.Pos.File]), cmp.Compare(x.Pos.Line, y.Pos.Line), cmp.Compare(x.Pos.Col, y.Pos.Col))
	})
}

// nameOf is what a test that cannot be read is called: by its name, or by its place in the list.
func nameOf(n *yaml.Node, index int) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if v := n.Content[i+1]; n.Content[i].Value == "name" && v.Kind == yaml.ScalarNode && v.Value != "" {
			return v.Value
		}
	}
	return fmt.Sprintf("tests[%d]", index)
}
