package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vifd/handler"
	"vifd/rules"
)

// compare holds a plan against what a test expects; text is the plan's.
func (r *Result) compare(t *rules.Test, plan *handler.Plan, text func() []string) {
	e := &t.Expect
	for _, c := range []struct {
		what string
		want rules.Word
		got  string
	}{
		{"rule", e.Rule, plan.Decision.RuleName()},
		{"action", e.Action, plan.Action},
		{"network", e.Network, plan.Network()},
		{"state", e.State, plan.State},
	} {
		if c.want.Text != "" && c.want.Text != c.got {
			r.fail(c.want.Pos, c.what, c.want.Text, orNone(c.got))
			r.note(t, c.want.Pos)
		}
	}
	if w := e.Reason; !strings.Contains(plan.Reason, w.Text) {
		r.fail(w.Pos, "reason", w.Text, orNone(plan.Reason))
	}
	if e.Firewall != nil {
		r.list(t, "firewall", e.Firewall, plan.Firewall)
	}
	r.guest(t, plan)
	if e.ForwardsPos != (rules.Pos{}) {
		r.forwards(e, plan)
	}
	if len(e.Plan)+len(e.NoPlan) > 0 {
		r.plan(e, text())
	}
}

// list compares lists whose order counts.
func (r *Result) list(t *rules.Test, what string, want []rules.Word, got []string) {
	pos, texts := t.Pos, make([]string, len(want))
	for i, w := range want {
		texts[i] = w.Text
	}
	if len(want) > 0 {
		pos = want[0].Pos
	}
	if !slices.Equal(texts, got) {
		r.failList(pos, what, texts, got)
		for _, w := range want {
			r.note(t, w.Pos)
		}
	}
}

// guest compares who is behind the vif. Derived addresses are the guest's as well.
func (r *Result) guest(t *rules.Test, plan *handler.Plan) {
	ips := plan.Decision.Guest.IPs
	if plan.NAT != nil {
		ips = plan.NAT.Prefixes
	}
	byText := func(a, b rules.Word) int { return strings.Compare(a.Text, b.Text) }
	if want := t.Expect.MACs; want != nil {
		var got []string
		for _, mac := range plan.Decision.Guest.MACs {
			got = append(got, mac.String())
		}
		slices.Sort(got)
		r.list(t, "guest mac", slices.SortedFunc(slices.Values(want), byText), got)
	}
	if want := t.Expect.IPs; want != nil {
		var got []string
		for _, ip := range ips {
			got = append(got, rules.GuestIPText(ip))
		}
		slices.Sort(got)
		r.list(t, "guest ip", slices.SortedFunc(slices.Values(want), byText), got)
	}
}

// forwards compares the ports that are led to the guest, in whatever order.
func (r *Result) forwards(e *rules.Expectation, plan *handler.Plan) {
	var have []rules.Forward
	if plan.NAT != nil {
		have = plan.Decision.Rule.Action.NAT.Forward
	}
	want, got := forwardTexts(e.Forwards), forwardTexts(have)
	if !slices.Equal(want, got) {
		r.failList(e.ForwardsPos, "forwards", want, got)
	}
}

func forwardTexts(list []rules.Forward) []string {
	list = slices.SortedFunc(slices.Values(list), func(a, b rules.Forward) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), a.Address.Compare(b.Address))
	})
	texts := make([]string, len(list))
	for i := range list {
		f := &list[i]
		texts[i] = fmt.Sprintf("%s to %d", f, f.To)
		for j, from := range f.From {
			texts[i] += []string{" from ", " and "}[min(j, 1)] + rules.GuestIPText(from)
		}
	}
	return texts
}

// plan looks for fragments in the lines of a plan.
func (r *Result) plan(e *rules.Expectation, lines []string) {
	for _, w := range e.Plan {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, w.Text) }) {
			r.fail(w.Pos, "plan", w.Text, orNone(strings.Join(lines, "\n")))
		}
	}
	for _, w := range e.NoPlan {
		if i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, w.Text) }); i >= 0 {
			r.fail(w.Pos, "no-plan", "no line with "+w.Text, lines[i])
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
