package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vifd/actions/bridge"
	"vifd/cmd/vifd/ruletest"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xenstore"
	"vifd/matcher"
	"vifd/rules"
)

func (c *command) explain() *cobra.Command {
	var event bool
	var packets packetFlags
	cmd := &cobra.Command{
		Use:   "explain IFACE | --event KEY=VALUE… [--packet TEXT… --from-guest|--to-guest]",
		Short: "say which rule matches a vif, why, and what it would do",
		Long: "explain holds a vif of this host, or with --event one that is made up of the facts given (interface=vif7.0 domain=web-1\n" +
			"mac=… ip=… env.NAME=…), against the rules: each rule in order, with the key that kept it from matching, the one that\n" +
			"wins, and what it would do, in the words of nft, ip and bridge. Of each --packet, described as a statement would match it\n" +
			"(\"ip saddr 192.0.2.7 tcp dport 22\"), it says what the vif's firewall makes of it, and which statement decides; what is not\n" +
			"said of a packet is as an honest one of the guest has it. Nothing is changed.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !event && len(args) != 1 {
				return exit(exitUsage, errors.New("explain takes one interface, or --event and facts"))
			}
			if err := packets.check(); err != nil {
				return err
			}
			var x *explanation
			var err error
			if event {
				x, err = c.explainFacts(args, &packets)
			} else {
				x, err = c.explainLink(args[0], &packets)
			}
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(x)
			}
			x.print(c)
			c.printPackets(x.Packets, packets.steps)
			return nil
		},
	}
	cmd.Flags().BoolVar(&event, "event", false, "the arguments are facts, KEY=VALUE")
	packets.add(cmd)
	return cmd
}

// explanation is what explain prints.
type explanation struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Interface  string     `json:"interface"`
	Rules      []ruleStep `json:"rules"`
	Rule       string     `json:"rule"` // the winner
	Action     string     `json:"action"`
	Network    string     `json:"network"`
	Firewall   []string   `json:"firewall"`
	State      string     `json:"state"`
	Reason     string     `json:"reason,omitempty"`
	Plan       []string   `json:"plan"`

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

// explainLink explains a vif of this host.
func (c *command) explainLink(name string, packets *packetFlags) (*explanation, error) {
	records, err := c.records()
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	c.scripts = handler.CalledAs(records)
	rs, err := c.ruleset()
	if err != nil {
		return nil, err
	}
	conn, err := rtnl.Dial()
	if err != nil {
		return nil, exit(exitCannot, err)
	}
	defer conn.Close()
	link, err := conn.LinkByName(name)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	var record *journal.Record
	if i := slices.IndexFunc(records, func(r journal.Record) bool { return r.Ifindex == link.Index }); i >= 0 {
		record = &records[i]
	}
	store := xenstore.New()
	defer store.Close() //nolint:errcheck // it was only read from
	ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
	defer cancel()
	facts, ours, err := rs.Facts(ctx, sysfs, store, &link, record)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	if !ours {
		return nil, exit(exitFailed, fmt.Errorf("%s is the host's own (loopback, bridge, uplink or hardware): no rule is asked about it", name))
	}
	plan := rs.Plan(&link, facts)
	if err := plan.Locate(ctx, conn); err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	now := bridge.Actual{Link: link}
	if plan.Port != nil {
		if b, err := conn.LinkByName(plan.Port.Bridge); err == nil {
			now.Bridge = &b
		}
	}
	x := explainPlan(rs, facts, link.Name, &plan, now)
	hosts := []net.HardwareAddr{link.MAC}
	if now.Bridge != nil {
		hosts = append(hosts, now.Bridge.MAC)
	}
	x.Packets, err = packets.judge(rs, &plan, link.Name, hosts...)
	return x, err
}

// explainFacts explains a vif that is made up of facts.
func (c *command) explainFacts(args []string, packets *packetFlags) (*explanation, error) {
	rs, err := c.ruleset()
	if err != nil {
		return nil, err
	}
	given := make(givenFacts)
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || !rules.IsFact(key) {
			return nil, exit(exitUsage, fmt.Errorf("%q is not a fact, KEY=VALUE; keys are %s", arg, strings.Join(rules.FactNames(), ", ")))
		}
		given[key] = append(given[key], value)
	}
	facts := rs.Matcher().Facts(given)
	name, _ := facts.Value("interface")
	if err := vif.CheckName(name); err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--event needs interface=NAME: %w", err))
	}
	link := rtnl.Link{Name: name, MAC: net.HardwareAddr{}, MTU: 1500}
	plan := rs.Plan(&link, facts)
	x := explainPlan(rs, facts, name, &plan, bridge.Actual{Link: link})
	x.Packets, err = packets.judge(rs, &plan, name)
	return x, err
}

// givenFacts are facts from the command line; a Xen name tells the domain's number besides.
type givenFacts map[string][]string

// Values answers what was given.
func (g givenFacts) Values(key string) []string {
	if values, ok := g[key]; ok {
		return values
	}
	if len(g["interface"]) == 0 {
		return nil
	}
	return handler.NameFacts(g["interface"][0], key)
}

func explainPlan(rs *handler.Ruleset, f *vif.Facts, name string, plan *handler.Plan, now bridge.Actual) *explanation {
	x := &explanation{
		APIVersion: ctl.APIVersion, Kind: "Explanation", Interface: name, Rule: plan.Decision.RuleName(), Action: plan.Action,
		Network: plan.Network(), Firewall: append([]string{}, plan.Firewall...), State: plan.State, Reason: plan.Reason,
		Plan: append([]string{}, plan.Text(now)...), Rules: []ruleStep{},
	}
	for _, step := range rs.Matcher().Explain(f) {
		x.Rules = append(x.Rules, newRuleStep(step))
	}
	return x
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
	fmt.Fprintf(c.out, "action: %s\n", strings.TrimSpace(x.Action+" "+x.Network))
	fmt.Fprintf(c.out, "firewall: %s\n", dash(strings.Join(x.Firewall, ", ")))
	fmt.Fprintf(c.out, "state: %s\n", x.State)
	if x.Reason != "" {
		fmt.Fprintf(c.out, "reason: %s\n", printable(x.Reason))
	}
	fmt.Fprintln(c.out, "plan:")
	for _, line := range x.Plan {
		fmt.Fprintf(c.out, "  %s\n", printable(line))
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
