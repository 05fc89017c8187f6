package ruletest

import (
	"errors"
	"slices"

	"vifd/internal/sample"
	"vifd/internal/stmt"
	"vifd/rules"
)

// packet judges one packet and compares.
func (r *runner) packet(res *Result, s *Subject, t *rules.Test, p *rules.Packet) error {
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
		res.fail(pos, outcome.Direction+" "+outcome.Packet, wanted, got)
		res.Failures[len(res.Failures)-1].Decided = outcome.Decided()
	}
	switch {
	case p.Expect != outcome.verdict && (p.Expect != stmt.Rejected || outcome.wish != stmt.Rejected):
		fail(p.ExpectPos, pr.Expect, outcome.Verdict)
	case p.By.Text != "" && !slices.Contains(outcome.path, p.By.Text):
		fail(p.By.Pos, pr.Expect+" by "+p.By.Text, outcome.Verdict+" by "+orNone(outcome.Template))
		res.note(t, p.By.Pos)
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
