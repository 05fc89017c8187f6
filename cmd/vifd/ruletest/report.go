package ruletest

import (
	"strings"

	"vifd/internal/ctl"
	"vifd/rules"
)

// Report is what all tests came to.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Passed     int       `json:"passed"`
	Failed     int       `json:"failed"`
	Errors     int       `json:"errors,omitempty"`         // tests that could not be read
	NotStarted int       `json:"notStarted,omitempty"`     // tests behind the failure that ended the run
	NotRun     int       `json:"notRunInKernel,omitempty"` // packets
	Tests      []*Result `json:"tests"`
	Coverage   *Coverage `json:"coverage,omitempty"`

	notStarted []*rules.Test
}

// Result is what one test came to.
type Result struct {
	Name     string         `json:"name"`
	Pos      string         `json:"pos"`
	Library  bool           `json:"library,omitempty"`
	Passed   bool           `json:"passed"`
	State    string         `json:"state,omitempty"`    // of a test of the rules: what the vif would be
	Reason   string         `json:"reason,omitempty"`   // and why, where it is none that the rule wishes for
	Problems []string       `json:"problems,omitempty"` // because of which it could not be run
	Failures []Failure      `json:"failures"`
	Decision []string       `json:"decision,omitempty"` // which rule won and why, where something else was expected
	Packets  []PacketResult `json:"packets"`

	file string
	rule *rules.Rule // that decided
}

// Failure is one expectation that was not met.
type Failure struct {
	Pos     string `json:"pos"`
	What    string `json:"what"` // rule, action, network …, or the packet
	Wanted  string `json:"wanted"`
	Got     string `json:"got"`
	Note    string `json:"note,omitempty"`    // there is nothing of the name that is wanted
	Decided string `json:"decided,omitempty"` // of a packet: who decided

	want, got []string // of a list: what it consists of
}

// PacketResult is what became of one packet, and what was expected.
type PacketResult struct {
	Outcome
	Expect  string `json:"expect"`
	By      string `json:"by,omitempty"`
	TestPos string `json:"testPos"`
	Passed  bool   `json:"passed"`
	Kernel  string `json:"kernel,omitempty"` // what became of it there
	NotRun  string `json:"notRunInKernel,omitempty"`
}

func newReport() *Report {
	return &Report{APIVersion: ctl.APIVersion, Kind: "TestReport", Tests: []*Result{}}
}

func (rep *Report) add(r *Result) {
	rep.Tests = append(rep.Tests, r)
	switch {
	case r.Passed:
		rep.Passed++
	case len(r.Problems) > 0:
		rep.Errors++
	default:
		rep.Failed++
	}
	for i := range r.Packets {
		if r.Packets[i].NotRun != "" {
			rep.NotRun++
		}
	}
}

func (r *Result) fail(pos rules.Pos, what, wanted, got string) {
	r.Failures = append(r.Failures, Failure{Pos: pos.String(), What: what, Wanted: wanted, Got: got})
}

// unreadable takes over what keeps a test from being run.
func (r *Result) unreadable(t *rules.Test) {
	for _, p := range t.Problems {
		text := p.String()
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		r.Problems = append(r.Problems, text)
	}
}

// note adds to the last failure that there is nothing of the name that a word of the test gives.
func (r *Result) note(t *rules.Test, pos rules.Pos) {
	if text := t.Unknown(pos); text != "" {
		f := &r.Failures[len(r.Failures)-1]
		f.Note = strings.TrimPrefix(f.Note+"; "+text, "; ")
	}
}

// failList is fail for what consists of parts.
func (r *Result) failList(pos rules.Pos, what string, want, got []string) {
	r.fail(pos, what, orNone(strings.Join(want, ", ")), orNone(strings.Join(got, ", ")))
	f := &r.Failures[len(r.Failures)-1]
	f.want, f.got = want, got
}

// Listing is which tests there are.
type Listing struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Tests      []ListedTest `json:"tests"`
}

// ListedTest is one of a Listing.
type ListedTest struct {
	Name     string `json:"name"`
	Pos      string `json:"pos"`
	Library  bool   `json:"library,omitempty"`
	Template string `json:"template,omitempty"` // that is tested; "": the rules are
	Packets  int    `json:"packets"`
}

// List lists the tests that o asks for.
func List(o *Options) *Listing {
	l := &Listing{APIVersion: ctl.APIVersion, Kind: "TestList", Tests: []ListedTest{}}
	for _, t := range o.Selected() {
		l.Tests = append(l.Tests, ListedTest{Name: t.Name, Pos: t.Pos.String(), Library: t.Library, Template: t.Template.Name, Packets: len(t.Packets)})
	}
	return l
}
