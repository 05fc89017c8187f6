package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"vifd/cmd/vifd/ruletest"
	"vifd/handler"
	"vifd/internal/sample"
	"vifd/internal/stmt"
)

// packetFlags are what explain is told of packets.
type packetFlags struct {
	texts     []string
	fromGuest bool
	toGuest   bool
	steps     bool
}

func (f *packetFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.texts, "packet", nil, "say what becomes of a `packet`, described as a statement would match it; may be repeated")
	cmd.Flags().BoolVar(&f.fromGuest, "from-guest", false, "the packets come from the guest")
	cmd.Flags().BoolVar(&f.toGuest, "to-guest", false, "the packets go to the guest")
	cmd.Flags().BoolVar(&f.steps, "steps", false, "print every statement that a packet met, and what of it failed")
}

func (f *packetFlags) check() error {
	switch {
	case len(f.texts) > 0 && f.fromGuest == f.toGuest:
		return exit(exitUsage, errors.New("--packet needs the way that it goes: one of --from-guest and --to-guest"))
	case len(f.texts) == 0 && (f.fromGuest || f.toGuest || f.steps):
		return exit(exitUsage, errors.New("--from-guest, --to-guest and --steps are about a --packet, and there is none"))
	}
	return nil
}

// judge says what becomes of the packets. All that is wrong with their descriptions is reported.
func (f *packetFlags) judge(rs *handler.Ruleset, plan *handler.Plan, name string, hosts ...net.HardwareAddr) ([]*ruletest.Outcome, error) {
	s := ruletest.PlanSubject(rs.Program(), plan, name)
	s.Hosts = hosts
	var outcomes []*ruletest.Outcome
	var wrong []error
	for _, text := range f.texts {
		o, err := s.Judge(text, sample.Direction(f.toGuest))
		if err != nil {
			wrong = append(wrong, packetError(text, err))
			continue
		}
		outcomes = append(outcomes, o)
	}
	if len(wrong) > 0 {
		return nil, exit(exitUsage, errors.Join(wrong...))
	}
	return outcomes, nil
}

// packetError shows where in a description the error is.
func packetError(text string, err error) error {
	var e *stmt.Error
	if !errors.As(err, &e) {
		return err
	}
	before := strings.Repeat(" ", min(max(0, e.Col-1), len(text)))
	return fmt.Errorf("--packet:1:%d: %w\n  %s\n  %s^%s", e.Col, err, printable(text), before, strings.Repeat("~", max(0, e.Len-1)))
}

func (c *command) printPackets(list []*ruletest.Outcome, steps bool) {
	for _, o := range list {
		fmt.Fprintf(c.out, "packet %s: %s\n", o.Direction, dash(printable(o.Packet)))
		fmt.Fprintf(c.out, "  verdict: %s\n", o.Verdict)
		fmt.Fprintf(c.out, "  by: %s\n", printable(o.Decided()))
		for _, line := range o.Details(steps || c.logLevel == "debug") {
			fmt.Fprintf(c.out, "  %s\n", printable(line))
		}
	}
}
