package ruletest

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/rtnl"
	"vifd/internal/sample"
	"vifd/internal/stmt"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// Options says which tests are run, and how.
type Options struct {
	Set     *rules.Set
	Rules   *handler.Ruleset // of Set
	Run     *regexp.Regexp   // names; nil: all
	Library bool             // also the tests of the template library
	Kernel  Kernel           // nil: packets are judged without one
}

// Run runs tests. An error is the Kernel's: what a test finds is in the report.
func Run(o Options) (*Report, error) {
	r := runner{Options: o, templates: handler.Templates(o.Set.Templates), compiled: make(map[*rules.Rule]*firewall.Program)}
	rep := newReport()
	for i := range o.Set.Tests {
		t := &o.Set.Tests[i]
		if t.Library && !o.Library || o.Run != nil && !o.Run.MatchString(t.Name) {
			continue
		}
		res, err := r.test(t)
		if err != nil {
			return nil, fmt.Errorf("test %q (%s): %w", t.Name, t.Pos, err)
		}
		rep.add(res)
	}
	return rep, nil
}

type runner struct {
	Options
	templates map[string]firewall.Template
	compiled  map[*rules.Rule]*firewall.Program // for the Kernel
}

func (r *runner) test(t *rules.Test) (*Result, error) {
	res := &Result{Name: t.Name, Pos: t.Pos.String(), Library: t.Library, Failures: []Failure{}, Packets: []PacketResult{}}
	var s *Subject
	if t.Event != nil {
		s = r.decided(t, res)
	} else {
		var err error
		if s, err = r.alone(t); err != nil {
			res.fail(t.Template.Pos, "template", "to compile", err.Error())
			return res, nil
		}
	}
	for i := range t.Packets {
		if err := r.packet(res, s, &t.Packets[i]); err != nil {
			return nil, err
		}
	}
	res.Passed = len(res.Failures) == 0
	return res, nil
}

// nobody is the interface of a test that names none.
const nobody = "vif1.0"

// decided has the rules decide about the vif of a test, and compares.
func (r *runner) decided(t *rules.Test, res *Result) *Subject {
	facts := r.Rules.Matcher().Facts(eventFacts{t.Event})
	name, ok := facts.Value("interface")
	if !ok {
		name = nobody
	}
	link := rtnl.Link{Name: name, MAC: net.HardwareAddr{}, MTU: 1500}
	plan := r.Rules.Plan(&link, facts)
	res.State, res.Reason = plan.State, plan.Reason
	e := &t.Expect
	for _, c := range []struct {
		what string
		want rules.Word
		got  string
	}{
		{"rule", e.Rule, plan.Decision.RuleName()}, {"action", e.Action, plan.Action}, {"network", e.Network, plan.Network()},
	} {
		if c.want.Text != "" && c.want.Text != c.got {
			res.fail(c.want.Pos, c.what, c.want.Text, orNone(c.got))
		}
	}
	if e.Firewall != nil {
		want, pos := []string{}, t.Pos
		for _, w := range e.Firewall {
			want = append(want, w.Text)
		}
		if len(e.Firewall) > 0 {
			pos = e.Firewall[0].Pos
		}
		if !slices.Equal(want, plan.Firewall) {
			res.fail(pos, "firewall", orNone(strings.Join(want, ", ")), orNone(strings.Join(plan.Firewall, ", ")))
		}
	}
	if len(res.Failures) > 0 {
		res.Decision = why(r.Rules.Matcher(), facts)
	}
	return PlanSubject(r.Rules.Program(), &plan, name)
}

// why says which rules were passed over, and which key kept each from matching.
func why(m *matcher.Matcher, f *vif.Facts) []string {
	var lines []string
	for _, step := range m.Explain(f) {
		if step.Failed == nil {
			lines = append(lines, fmt.Sprintf("rule %s (%s) matches", step.Rule.Name, step.Rule.Pos))
			continue
		}
		must := "must be"
		if step.Failed.Negated {
			must = "must not be"
		}
		var wanted []string
		for i := range step.Failed.Term.Patterns {
			wanted = append(wanted, step.Failed.Term.Patterns[i].String())
		}
		lines = append(lines, fmt.Sprintf("rule %s (%s) does not: %s %s %s, and is %s",
			step.Rule.Name, step.Rule.Pos, step.Failed.Term.Key, must, strings.Join(wanted, " or "), orNone(strings.Join(step.Failed.Got, ", "))))
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// eventFacts are a test's facts; a Xen name tells the domain's number besides.
type eventFacts struct{ event rules.Event }

// Values answers what the event says.
func (e eventFacts) Values(key string) []string {
	if values := e.event.Values(key); values != nil {
		return values
	}
	if names := e.event.Values("interface"); len(names) > 0 {
		return handler.NameFacts(names[0], key)
	}
	return nil
}

// unnamedMAC is that of a guest for whom a template's test gives none; the honest packets of such a guest come from it.
var unnamedMAC = net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x53, 0x01}

// alone is the guest of a template's test, judged by that template alone.
func (r *runner) alone(t *rules.Test) (*Subject, error) {
	list := firewall.List{Refs: handler.Refs([]rules.TemplateRef{t.Template}), Routed: t.Routed}
	p, err := firewall.Compile(firewall.Config{Templates: r.templates, Lists: []firewall.List{list}})
	if err != nil {
		return nil, err
	}
	profile, err := p.Profile(list)
	if err != nil {
		return nil, err
	}
	macs := t.Guest.MACs
	if len(macs) == 0 {
		macs = []net.HardwareAddr{unnamedMAC}
	}
	g := &firewall.Guest{Interface: nobody, Profile: profile, IPs: t.Guest.IPs}
	for _, mac := range macs {
		g.MACs = append(g.MACs, firewall.MAC(mac))
	}
	s := &Subject{Program: p, Guest: g, State: handler.StateConfigured}
	s.Who = sample.Guest{Interface: nobody, MACs: macs, IPs: t.Guest.IPs, Routed: t.Routed}
	if !t.Routed {
		s.Bridge = "xenbr0"
	}
	return s, nil
}

// packet judges one packet and compares.
func (r *runner) packet(res *Result, s *Subject, p *rules.Packet) error {
	outcome, err := s.Judge(p.Text, sample.Direction(p.ToGuest))
	var wrong *stmt.Error
	if errors.As(err, &wrong) {
		res.fail(p.At(wrong.Col, max(1, wrong.Len)), "the packet", "a description of one", wrong.Error())
		return nil
	}
	if err != nil {
		return err
	}
	pr := PacketResult{Outcome: *outcome, Expect: p.Expect.String(), By: p.By.Text, TestPos: p.Pos.String(), Passed: true}
	fail := func(pos rules.Pos, wanted, got string) {
		pr.Passed = false
		res.Failures = append(res.Failures, Failure{Pos: pos.String(), What: outcome.Direction + " " + outcome.Packet, Wanted: wanted, Got: got, Decided: outcome.Decided()})
	}
	switch {
	case p.Expect != outcome.verdict && (p.Expect != stmt.Rejected || outcome.wish != stmt.Rejected):
		fail(p.ExpectPos, pr.Expect, outcome.Verdict)
	case p.By.Text != "" && !slices.Contains(outcome.path, p.By.Text):
		fail(p.By.Pos, pr.Expect+" by "+p.By.Text, outcome.Verdict+" by "+orNone(outcome.Template))
	}
	if r.Kernel != nil {
		pr.Kernel, pr.NotRun, err = r.send(s, outcome)
		if err != nil {
			return err
		}
		if pr.NotRun == "" && !agree(outcome.Verdict, pr.Kernel) {
			fail(p.Pos, outcome.Verdict+", as the rules are evaluated", pr.Kernel+", by the kernel")
		}
	}
	res.Packets = append(res.Packets, pr)
	return nil
}
