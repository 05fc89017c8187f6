package rules

import (
	"cmp"
	"fmt"
	"slices"
)

// maxProblems bounds what one load reports, so that a hostile file cannot make a report much larger than itself.
const maxProblems = 500

// Severity tells an error, with which nothing is loaded, from a warning.
type Severity int

// The severities of a problem.
const (
	Error Severity = iota
	Warning
)

// String returns the word that every output form uses: error or warning.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is one finding of a load.
type Problem struct {
	Pos      Pos
	Severity Severity
	Code     string // VIFnnn; Codes tells what it stands for
	Msg      string // one line, lower-case, without the position
	Hint     string // the next step; may be empty
	Related  *Related
}

// Related is a second place that a problem is about, such as where a name was defined first.
type Related struct {
	Pos Pos
	Msg string
}

// String returns the problem's first line: FILE:LINE:COL: error[VIFnnn]: message.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s[%s]: %s", p.Pos, p.Severity, p.Code, p.Msg)
}

// String returns FILE:LINE:COL, or FILE alone where the problem is the whole file's.
func (p Pos) String() string {
	if p.Line == 0 {
		return printable(p.File)
	}
	return fmt.Sprintf("%s:%d:%d", printable(p.File), p.Line, p.Col)
}

// Report is what one load found. Its problems are in the order of the files read and of their lines.
type Report struct {
	Problems []Problem

	sources map[string]*source // for the lines that the text form shows
	order   map[string]int     // of the files, by name
	apart   []*apart           // parts of files that are about tests, with Options.TestsApart
	full    bool               // with an error beyond maxProblems: what is added now is dropped

	disabled map[string]bool // codes of warnings that nobody wants to hear
	ignored  map[ignoreKey]*ignore
}

func newReport() *Report {
	return &Report{sources: map[string]*source{}, order: map[string]int{}}
}

// Errors counts the problems that keep the rules from being loaded.
func (r *Report) Errors() int { return r.count(Error) }

// Warnings counts the problems that do not.
func (r *Report) Warnings() int { return r.count(Warning) }

// First is the first problem that keeps the rules from being loaded, or the zero Problem.
func (r *Report) First() Problem {
	for _, p := range r.Problems {
		if p.Severity == Error {
			return p
		}
	}
	return Problem{}
}

// Err is why nothing was loaded, in one line; nil where something was.
func (r *Report) Err() error {
	switch n := r.Errors(); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("the rules have an error: %s", r.First())
	default:
		return fmt.Errorf("the rules have %d errors, the first: %s", n, r.First())
	}
}

func (r *Report) count(s Severity) int {
	n := 0
	for i := range r.Problems {
		if r.Problems[i].Severity == s {
			n++
		}
	}
	return n
}

func (r *Report) addSource(s *source) {
	if _, ok := r.sources[s.name]; !ok {
		r.order[s.name] = len(r.order)
		r.sources[s.name] = s
	}
}

func (r *Report) add(p Problem) {
	switch {
	case r.takeApart(p):
	case p.Severity == Warning && r.hushed(p):
	case len(r.Problems) < maxProblems:
		r.Problems = append(r.Problems, p)
	case p.Severity == Error && !r.full:
		// One more place, so that errors after a flood of warnings still count as errors.
		r.full = true
		p.Hint = fmt.Sprintf("only the first %d problems are shown", maxProblems)
		r.Problems = append(r.Problems, p)
	}
}

// Add puts a problem that was found after loading in its place.
func (r *Report) Add(p Problem) {
	r.add(p)
	r.sort()
}

// AddAll is Add for several, in whatever order.
func (r *Report) AddAll(problems []Problem) {
	for i := range problems {
		r.add(problems[i])
	}
	r.sort()
}

// sort puts the problems in the order of the text, and drops those said twice.
func (r *Report) sort() {
	rank := func(file string) int {
		if n, ok := r.order[file]; ok {
			return n
		}
		return -1 // a path that could not be read
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank(a.Pos.File), rank(b.Pos.File)),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
		)
	})
	r.Problems = slices.CompactFunc(r.Problems, func(a, b Problem) bool {
		return a.Pos == b.Pos && a.Code == b.Code && a.Msg == b.Msg
	})
}
