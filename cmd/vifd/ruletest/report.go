package ruletest

import (
	"fmt"
	"io"
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
	NotRun     int       `json:"notRunInKernel,omitempty"` // packets
	Tests      []*Result `json:"tests"`
}

// Result is what one test came to.
type Result struct {
	Name     string         `json:"name"`
	Pos      string         `json:"pos"`
	Library  bool           `json:"library,omitempty"`
	Passed   bool           `json:"passed"`
	State    string         `json:"state,omitempty"`  // of a test of the rules: what the vif would be
	Reason   string         `json:"reason,omitempty"` // and why, where it is none that the rule wishes for
	Failures []Failure      `json:"failures"`
	Decision []string       `json:"decision,omitempty"` // which rules matched, where another one was expected
	Packets  []PacketResult `json:"packets"`
}

// Failure is one expectation that was not met.
type Failure struct {
	Pos     string `json:"pos"`
	What    string `json:"what"` // rule, action, network, firewall, or the packet
	Wanted  string `json:"wanted"`
	Got     string `json:"got"`
	Decided string `json:"decided,omitempty"` // of a packet: who decided
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
	if r.Passed {
		rep.Passed++
	} else {
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

// Style is how a report is printed.
type Style struct {
	Verbose   bool                // every packet, and who decided
	Steps     bool                // every statement that was looked at, too
	Printable func(string) string // takes out what a terminal would obey
	Good, Bad func(string) string // colours
}

// WriteText prints the report for people.
func (rep *Report) WriteText(w io.Writer, s Style) error {
	out := &printer{Style: s}
	if len(rep.Tests) == 0 {
		out.say("no tests")
	}
	for _, r := range rep.Tests {
		out.result(r)
	}
	summary := fmt.Sprintf("%d passed, %d failed", rep.Passed, rep.Failed)
	if rep.NotRun > 0 {
		summary += fmt.Sprintf(", %d packets not run in the kernel", rep.NotRun)
	}
	out.say("%s", summary)
	_, err := io.WriteString(w, out.b.String())
	return err
}

type printer struct {
	Style
	b strings.Builder
}

func (p *printer) say(format string, args ...any) {
	p.b.WriteString(fmt.Sprintf(format, args...) + "\n")
}

func (p *printer) result(r *Result) {
	word := p.Good("PASS")
	if !r.Passed {
		word = p.Bad("FAIL")
	}
	p.say("%s %s (%s)", word, p.Printable(r.Name), r.Pos)
	for _, f := range r.Failures {
		p.say("  %s: %s: wanted %s, got %s", f.Pos, p.Printable(f.What), p.Printable(f.Wanted), p.Printable(f.Got))
		if f.Decided != "" {
			p.say("    %s", p.Printable(f.Decided))
		}
	}
	for _, line := range r.Decision {
		p.say("    %s", p.Printable(line))
	}
	if p.Verbose && r.State != "" {
		p.say("  the vif is %s", p.Printable(strings.TrimSuffix(r.State+": "+r.Reason, ": ")))
	}
	for i := range r.Packets {
		pr := &r.Packets[i]
		if pr.NotRun != "" {
			p.say("  not run in the kernel: %s %s: %s", pr.Direction, p.Printable(pr.Packet), pr.NotRun)
		}
		if p.Verbose {
			p.packet(pr)
		}
	}
}

func (p *printer) packet(pr *PacketResult) {
	verdict := pr.Verdict
	if pr.Kernel != "" {
		verdict += ", in the kernel " + pr.Kernel
	}
	p.say("  %s %s: %s", pr.Direction, p.Printable(pr.Packet), verdict)
	p.say("    %s", p.Printable(pr.Decided()))
	for _, line := range pr.Details(p.Steps) {
		p.say("    %s", p.Printable(line))
	}
}

// Details are the frame, what was assumed, and with steps every statement that was looked at.
func (o *Outcome) Details(steps bool) []string {
	lines := []string{"frame: " + o.Frame}
	if len(o.Assumed) > 0 {
		lines = append(lines, "assumed: "+strings.Join(o.Assumed, "; "))
	}
	if !steps {
		return lines
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		text := s.Statement
		if text == "" {
			text = s.Rule
		}
		line := "step: " + text
		if where := strings.TrimSpace(s.Template + " " + s.Pos); where != "" {
			line = "step: " + where + ": " + text
		}
		if s.Failed != "" {
			line += " (no: " + s.Failed + ")"
		}
		lines = append(lines, line)
	}
	return lines
}
