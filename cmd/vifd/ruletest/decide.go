package ruletest

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"vifd/actions/bridge"
	"vifd/handler"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

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
	res.State, res.Reason, res.rule = plan.State, plan.Reason, plan.Decision.Rule
	res.compare(t, &plan, func() []string { return plan.Text(bridge.Actual{Link: link}) })
	if len(res.Failures) > 0 {
		res.Decision = r.why(&t.Expect, &plan, facts)
	}
	return PlanSubject(r.Rules.Program(), &plan, name)
}

// maxPassedOver is how many rules that did not match are told of where no one of them was expected to.
const maxPassedOver = 5

// why says which rule won, and what kept the expected one from it; where the test names no rule, what kept those before the winner.
func (r *runner) why(e *rules.Expectation, plan *handler.Plan, facts *vif.Facts) []string {
	var lines []string
	won := plan.Decision.Rule
	steps := r.Rules.Matcher().Explain(facts)
	expected := func(rule *rules.Rule) bool { return rule.Name == e.Rule.Text }
	switch {
	case e.Rule.Text == "":
		for i, step := range steps {
			if step.Failed == nil {
				break
			}
			if i == maxPassedOver {
				lines = append(lines, "… and others do not, either")
				break
			}
			lines = append(lines, passedOver(step))
		}
	case won == nil || !expected(won):
		if i := slices.IndexFunc(steps, func(s matcher.Step) bool { return expected(s.Rule) }); i >= 0 {
			lines = append(lines, passedOver(steps[i]))
		} else if i := slices.IndexFunc(r.Set.Rules, func(rule rules.Rule) bool { return expected(&rule) }); i >= 0 {
			lines = append(lines, fmt.Sprintf("rule %s (%s) is not asked: it stands behind the one that wins", e.Rule.Text, r.Set.Rules[i].Pos))
		}
	}
	if won == nil {
		lines = append(lines, "no rule matches: the default decides")
	} else {
		lines = append(lines, fmt.Sprintf("rule %s (%s) wins: it is the first whose keys all hold", won.Name, won.Pos))
	}
	if plan.Reason != "" {
		lines = append(lines, "the vif is "+plan.State+": "+plan.Reason)
	}
	return lines
}

// passedOver says which key kept a rule from matching.
func passedOver(step matcher.Step) string {
	must := "must be"
	if step.Failed.Negated {
		must = "must not be"
	}
	var wanted []string
	for i := range step.Failed.Term.Patterns {
		wanted = append(wanted, step.Failed.Term.Patterns[i].String())
	}
	got := "and nobody knows it"
	if len(step.Failed.Got) > 0 {
		got = "and is " + strings.Join(step.Failed.Got, ", ")
	}
	return fmt.Sprintf("rule %s (%s) does not match: %s %s %s, %s", step.Rule.Name, step.Rule.Pos, step.Failed.Term.Key, must, strings.Join(wanted, " or "), got)
}
