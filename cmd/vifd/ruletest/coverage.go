package ruletest

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"vifd/rules"
)

// Coverage is how much of rules and templates the tests have come to. A rule is covered where it has decided in a test, a statement
// where it has held for a packet, but for a limit: that one was looked at shows nothing of what it does. Includes do not count, what they include does;
// and of the library nothing, unless its tests were run, too.
type Coverage struct {
	Percent float64        `json:"percent"` // rounded down to a tenth; 100 where there is nothing to cover
	Minimum float64        `json:"minimum,omitempty"`
	Covered int            `json:"covered"`
	Total   int            `json:"total"`
	Files   []FileCoverage `json:"files"`
}

// FileCoverage is one file's.
type FileCoverage struct {
	File       string    `json:"file"`
	Rules      Ratio     `json:"rules"`
	Statements Ratio     `json:"statements"`
	Missing    []Missing `json:"missing"` // in the order of the lines
}

// Ratio is how many of how many.
type Ratio struct {
	Covered int `json:"covered"`
	Total   int `json:"total"`
}

// Missing is a rule or a statement that no test has come to.
type Missing struct {
	Line      int    `json:"line"`
	Col       int    `json:"col"`
	Rule      string `json:"rule,omitempty"`
	Template  string `json:"template,omitempty"` // of a statement
	Direction string `json:"direction,omitempty"`
	Statement string `json:"statement,omitempty"`
	Why       string `json:"why"`
}

// Short reports whether it is less than the minimum.
func (c *Coverage) Short() bool { return float64(c.Covered)*100 < c.Minimum*float64(c.Total) }

// met is what packets have come to, by the places of statements.
type met struct{ looked, held map[string]bool }

func newCoverage(o *Options, results []*Result) *Coverage {
	decided := make(map[string]bool) // by name: a rule with facts in it is a copy
	m := met{make(map[string]bool), make(map[string]bool)}
	for _, r := range results {
		if r.rule != nil {
			decided[r.rule.Name] = true
		}
		for i := range r.Packets {
			for _, step := range r.Packets[i].Steps {
				m.looked[step.Pos] = true
				if step.Failed == "" || atLimit(step.Failed) {
					m.held[step.Pos] = true
				}
			}
		}
	}
	c := &coverer{files: make(map[string]*FileCoverage)}
	for i := range o.Set.Rules {
		rule := &o.Set.Rules[i]
		f := c.file(rule.Pos.File)
		f.Rules.count(decided[rule.Name])
		if !decided[rule.Name] {
			f.Missing = append(f.Missing, Missing{Line: rule.Pos.Line, Col: rule.Pos.Col, Rule: rule.Name, Why: "no test leads to it"})
		}
	}
	for _, t := range o.Set.Templates {
		if t.Library && !o.Library {
			continue
		}
		c.statements(&t, "from-guest", t.FromGuest, &m)
		c.statements(&t, "to-guest", t.ToGuest, &m)
	}
	return c.sum(o.Set.Files)
}

// atLimit reports whether a packet got as far as a limit that it would have had to exceed, which for the judge none ever does.
func atLimit(failed string) bool {
	return strings.Contains(failed, "limit rate over ") || strings.Contains(failed, "ct count over ")
}

func (r *Ratio) count(covered bool) {
	r.Total++
	if covered {
		r.Covered++
	}
}

type coverer struct{ files map[string]*FileCoverage }

func (c *coverer) file(name string) *FileCoverage {
	f := c.files[name]
	if f == nil {
		f = &FileCoverage{File: name, Missing: []Missing{}}
		c.files[name] = f
	}
	return f
}

func (c *coverer) statements(t *rules.Template, direction string, list []rules.Statement, m *met) {
	for i := range list {
		s := &list[i]
		if s.Include != nil {
			continue
		}
		f, at := c.file(s.Pos.File), s.Pos.String()
		f.Statements.count(m.held[at])
		if m.held[at] {
			continue
		}
		why := "no packet gets there"
		if m.looked[at] {
			why = "it holds for no packet that gets there"
		}
		f.Missing = append(f.Missing, Missing{Line: s.Pos.Line, Col: s.Pos.Col, Template: t.Name, Direction: direction, Statement: s.Text, Why: why})
	}
}

// sum puts the files in the order in which they were read, those of the library first.
func (c *coverer) sum(order []string) *Coverage {
	sum := &Coverage{Percent: 100, Files: []FileCoverage{}}
	for _, f := range c.files {
		slices.SortFunc(f.Missing, func(a, b Missing) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) })
		sum.Covered += f.Rules.Covered + f.Statements.Covered
		sum.Total += f.Rules.Total + f.Statements.Total
		sum.Files = append(sum.Files, *f)
	}
	slices.SortFunc(sum.Files, func(a, b FileCoverage) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.File), slices.Index(order, b.File)), cmp.Compare(a.File, b.File))
	})
	if sum.Total > 0 {
		sum.Percent = math.Floor(1000*float64(sum.Covered)/float64(sum.Total)) / 10
	}
	return sum
}
