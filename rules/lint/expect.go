package lint

import (
	"fmt"

	"vifd/rules"
)

// tests finds those that can never pass: they expect a rule that never decides, or of a rule what it does not do.
func (l *linter) tests() {
	byName := make(map[string]int, len(l.set.Rules))
	for i := range l.set.Rules {
		byName[l.set.Rules[i].Name] = i
	}
	for i := range l.set.Tests {
		t := &l.set.Tests[i]
		n, known := byName[t.Expect.Rule.Text]
		if !known || t.Event == nil {
			continue
		}
		r := &l.set.Rules[n]
		network, literal := r.Action.Network().Literal()
		why, pos := "", t.Expect.Rule.Pos
		switch action := t.Expect.Action.Text; {
		case l.dead[n] != "":
			why = l.dead[n]
		case action != "" && action != r.Action.Kind.String():
			why, pos = fmt.Sprintf("its action is %s", r.Action.Kind), t.Expect.Action.Pos
		case literal && network != "" && t.Expect.Network.Text != "" && t.Expect.Network.Text != network:
			why, pos = fmt.Sprintf("its network is %s", network), t.Expect.Network.Pos
		}
		if why != "" {
			l.warnBeside(pos, rules.CodeTestNeverTrue, fmt.Sprintf("test %q can never pass: rule %q is not the answer, since %s", t.Name, r.Name, why),
				"correct the test, or the rule", r.Pos, "the rule is here")
		}
	}
}
