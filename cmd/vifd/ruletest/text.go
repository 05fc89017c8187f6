package ruletest

import (
	"fmt"
	"io"
	"strings"
)

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
	if rep.Coverage != nil {
		out.coverage(rep.Coverage)
	}
	summary := fmt.Sprintf("%d passed, %d failed", rep.Passed, rep.Failed)
	if rep.Errors > 0 {
		summary += fmt.Sprintf(", %d could not be read", rep.Errors)
	}
	if rep.NotStarted > 0 {
		summary += fmt.Sprintf(", %d not started", rep.NotStarted)
	}
	if rep.NotRun > 0 {
		summary += fmt.Sprintf(", %d packets not run in the kernel", rep.NotRun)
	}
	out.say("%s", summary)
	_, err := io.WriteString(w, out.b.String())
	return err
}

// WriteText prints the names and places of tests.
func (l *Listing) WriteText(w io.Writer, s Style) error {
	out := &printer{Style: s}
	for _, t := range l.Tests {
		out.say("%s (%s)", s.Printable(t.Name), t.Pos)
	}
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
	switch {
	case len(r.Problems) > 0:
		word = p.Bad("ERROR")
	case !r.Passed:
		word = p.Bad("FAIL")
	}
	p.say("%s %s (%s)", word, p.Printable(r.Name), r.Pos)
	for _, problem := range r.Problems {
		p.say("  %s", p.Printable(problem))
	}
	p.failures(r)
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

// failures prints what was wanted and what came of it, one under the other.
func (p *printer) failures(r *Result) {
	for i := range r.Failures {
		f := &r.Failures[i]
		p.say("  %s: %s", f.Pos, p.Printable(f.What))
		for _, line := range f.diff(&p.Style) {
			p.say("    %s", line)
		}
		if f.Decided != "" {
			p.say("    %s", p.Printable(f.Decided))
		}
	}
	for _, line := range r.Decision {
		p.say("  %s", p.Printable(line))
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

// coverage prints what no test has come to.
func (p *printer) coverage(c *Coverage) {
	text := fmt.Sprintf("coverage: %.1f %% (%d of %d)", c.Percent, c.Covered, c.Total)
	switch {
	case c.Short():
		p.say("%s", p.Bad(fmt.Sprintf("%s, less than the %g %% that are wanted", text, c.Minimum)))
	case c.Minimum > 0:
		p.say("%s", p.Good(text))
	default:
		p.say("%s", text)
	}
	for i := range c.Files {
		f := &c.Files[i]
		p.say("  %s: %d of %d rules, %d of %d statements", p.Printable(f.File), f.Rules.Covered, f.Rules.Total, f.Statements.Covered, f.Statements.Total)
		for j := range f.Missing {
			m := &f.Missing[j]
			what := "rule " + m.Rule
			if m.Template != "" {
				what = fmt.Sprintf("%s %s: %s", m.Template, m.Direction, m.Statement)
			}
			p.say("    %-8s %s: %s", fmt.Sprintf("%d:%d", m.Line, m.Col), p.Printable(what), m.Why)
		}
	}
}
