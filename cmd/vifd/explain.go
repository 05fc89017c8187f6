package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vifd/actions/bridge"
	"vifd/cmd/vifd/ruletest"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/matcher"
)

// explainFlags is what explain is asked.
type explainFlags struct {
	event    eventFlag
	recorded string
	live     bool
	guard    bool
	packets  packetFlags
}

func (c *command) explain() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain IFACE | --event KEY=VALUE… | --recorded FILE[:N] [--live] [--guard] [--packet TEXT… --from-guest|--to-guest]",
		Short: "say which rule matches a vif, why, and what it would do",
		Long: "explain holds a vif of this host against the rules; or with --event one that is made up of the facts given (interface=vif7.0\n" +
			"domain=web-1 mac=… ip=… env.NAME=… xen.NAME=…); or with --recorded an event of a recording (vifd events --record), the Nth, else the\n" +
			"last. It prints each rule in order, with the key that kept it from matching, the one that wins, what ${…} in it stands\n" +
			"for and who says so, and what it would do, in the words of nft, ip and bridge. --guard prints the chains that judge the guest, and its\n" +
			"elements, in nft's syntax, with each statement as it is written. --live prints what of the vif is not as it would be; this takes\n" +
			"CAP_NET_ADMIN. Of each --packet, described as a statement would match it (\"ip saddr 192.0.2.7 tcp dport 22\"), it says what the\n" +
			"vif's firewall makes of it, and which statement decides; what is not said of a packet is as an honest one of the guest has it.\n" +
			"Nothing is changed.",
		RunE: func(_ *cobra.Command, args []string) error { return c.runExplain(args, &flags) },
	}
	cmd.Flags().Var(&flags.event, "event", "the arguments are facts, KEY=VALUE")
	cmd.Flags().Lookup("event").NoOptDefVal = "true" // a word behind it is an argument
	cmd.Flags().StringVar(&flags.recorded, "recorded", "", "explain an event of a recording: `file`, or FILE:N for its Nth")
	cmd.Flags().BoolVar(&flags.live, "live", false, "print what of the vif is not as the rules want it")
	cmd.Flags().BoolVar(&flags.guard, "guard", false, "print what judges the guest, in nft's syntax")
	flags.packets.add(cmd)
	return cmd
}

func (c *command) runExplain(args []string, flags *explainFlags) error {
	imagined := flags.event.on || flags.recorded != ""
	facts := slices.Concat(flags.event.facts, args)
	switch {
	case flags.event.on && flags.recorded != "":
		return exit(exitUsage, errors.New("explain takes one of --event and --recorded"))
	case flags.event.on && len(facts) == 0:
		return exit(exitUsage, errors.New("--event needs facts, KEY=VALUE"))
	case flags.recorded != "" && len(args) > 0:
		return exit(exitUsage, errors.New("--recorded takes no other argument"))
	case !imagined && len(args) != 1:
		return exit(exitUsage, errors.New("explain takes one interface, or --event and facts, or --recorded and a file"))
	case imagined && flags.live:
		return exit(exitUsage, errors.New("--live is about a vif of this host"))
	}
	if err := flags.packets.check(); err != nil {
		return err
	}
	var x *explanation
	var err error
	switch {
	case flags.event.on:
		x, err = c.explainFacts(facts, flags)
	case flags.recorded != "":
		x, err = c.explainRecorded(flags)
	default:
		x, err = c.explainLink(args[0], flags)
	}
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.printJSON(x)
	}
	x.print(c)
	c.printPackets(x.Packets, flags.packets.steps)
	return nil
}

// explanation is what explain prints.
type explanation struct {
	APIVersion    string         `json:"apiVersion"`
	Kind          string         `json:"kind"`
	Interface     string         `json:"interface"`
	Rules         []ruleStep     `json:"rules"`
	Rule          string         `json:"rule"` // the winner
	Substitutions []substitution `json:"substitutions,omitempty"`
	Action        string         `json:"action"`
	Network       string         `json:"network"`
	Firewall      []string       `json:"firewall"`
	State         string         `json:"state"`
	Reason        string         `json:"reason,omitempty"`
	Plan          []string       `json:"plan"`
	Guard         string         `json:"guard,omitempty"`
	Drift         *vifDifference `json:"drift,omitempty"` // with --live

	Packets []*ruletest.Outcome `json:"packets,omitempty"`
}

type ruleStep struct {
	Rule    string   `json:"rule"`
	Pos     string   `json:"pos"`
	Matches bool     `json:"matches"`
	Key     string   `json:"key,omitempty"`
	Not     bool     `json:"not,omitempty"`
	Wanted  []string `json:"wanted,omitempty"`
	Got     []string `json:"got,omitempty"`
}

func explainPlan(rs *handler.Ruleset, view *handler.View, name string, plan *handler.Plan, now bridge.Actual, guard bool) (*explanation, error) {
	x := &explanation{
		APIVersion: ctl.APIVersion, Kind: "Explanation", Interface: name, Rule: plan.Decision.RuleName(), Action: plan.Action,
		Network: plan.Network(), Firewall: append([]string{}, plan.Firewall...), State: plan.State, Reason: plan.Reason,
		Plan: append([]string{}, plan.Text(now)...), Rules: []ruleStep{},
	}
	for _, step := range rs.Matcher().Explain(view.Facts) {
		x.Rules = append(x.Rules, newRuleStep(step))
	}
	x.Substitutions = substitutions(plan.Decision.Rule, view)
	if guard && plan.Guest != nil {
		text, err := rs.Program().Guard(plan.Guest)
		if err != nil {
			return nil, exit(exitFailed, err)
		}
		x.Guard = text
	}
	return x, nil
}

func newRuleStep(step matcher.Step) ruleStep {
	s := ruleStep{Rule: step.Rule.Name, Pos: step.Rule.Pos.String(), Matches: step.Failed == nil}
	if step.Failed != nil {
		s.Key, s.Not, s.Got = step.Failed.Term.Key, step.Failed.Negated, step.Failed.Got
		for i := range step.Failed.Term.Patterns {
			s.Wanted = append(s.Wanted, step.Failed.Term.Patterns[i].String())
		}
	}
	return s
}

func (x *explanation) print(c *command) {
	fmt.Fprintln(c.out, printable(x.Interface))
	for _, s := range x.Rules {
		fmt.Fprintf(c.out, "  rule %s (%s): %s\n", s.Rule, s.Pos, s.text())
	}
	if x.Rule == "" {
		fmt.Fprintln(c.out, "  no rule matches: the default decides")
	}
	if len(x.Substitutions) > 0 {
		fmt.Fprintln(c.out, "substitutions:")
	}
	for _, s := range x.Substitutions {
		fmt.Fprintf(c.out, "  %s\n", printable(s.String()))
	}
	fmt.Fprintf(c.out, "action: %s\n", printable(strings.TrimSpace(x.Action+" "+x.Network)))
	fmt.Fprintf(c.out, "firewall: %s\n", dash(strings.Join(x.Firewall, ", ")))
	fmt.Fprintf(c.out, "state: %s\n", x.State)
	if x.Reason != "" {
		fmt.Fprintf(c.out, "reason: %s\n", printable(x.Reason))
	}
	fmt.Fprintln(c.out, "plan:")
	for _, line := range x.Plan {
		fmt.Fprintf(c.out, "  %s\n", printable(line))
	}
	if x.Guard != "" {
		fmt.Fprintln(c.out, "guard:")
		for line := range strings.Lines(x.Guard) {
			tabs := len(line) - len(strings.TrimLeft(line, "\t"))
			fmt.Fprintf(c.out, "  %s%s\n", line[:tabs], printable(strings.TrimSpace(line)))
		}
	}
	if x.Drift != nil {
		x.Drift.printDrift(c)
	}
}

func (s ruleStep) text() string {
	got := "nobody knows it"
	if len(s.Got) > 0 {
		got = "it is " + printable(strings.Join(s.Got, ", "))
	}
	switch {
	case s.Matches:
		return "matches"
	case s.Not:
		return fmt.Sprintf("no: %s must not be %s; %s", s.Key, strings.Join(s.Wanted, " or "), got)
	}
	return fmt.Sprintf("no: %s must be %s; %s", s.Key, strings.Join(s.Wanted, " or "), got)
}
