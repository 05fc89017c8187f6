package ruletest

import (
	"net"
	"strings"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/frame"
	"vifd/internal/sample"
	"vifd/internal/stmt"
	"vifd/rules"
)

// Subject is the guest whose packets are judged.
type Subject struct {
	Program *firewall.Program
	Guest   *firewall.Guest // nil: the firewall knows nothing of the vif
	Who     sample.Guest    // who is behind the vif
	Bridge  string
	Hosts   []net.HardwareAddr // of the vif and the bridge, besides sample.HostMAC
	State   string             // as in handler.Plan
	Reason  string

	rule *rules.Rule // that decided, if any
}

// PlanSubject is the guest of a plan.
func PlanSubject(p *firewall.Program, plan *handler.Plan, iface string) *Subject {
	s := &Subject{Program: p, Guest: plan.Guest, Bridge: plan.Network(), State: plan.State, Reason: plan.Reason, rule: plan.Decision.Rule}
	s.Who = sample.Guest{Interface: iface, MACs: plan.Decision.Guest.MACs, IPs: plan.Decision.Guest.IPs, Routed: plan.Route != nil}
	if plan.NAT != nil {
		s.Who.IPs = plan.NAT.Prefixes
	}
	return s
}

// Outcome is what becomes of one packet, and why.
type Outcome struct {
	Packet    string   `json:"packet"` // as described
	Direction string   `json:"direction"`
	Frame     string   `json:"frame"` // what it was made to be
	Verdict   string   `json:"verdict"`
	Template  string   `json:"template"`  // that decided; "": none did, see Reason
	Statement string   `json:"statement"` // as written
	Pos       string   `json:"pos"`
	Reason    string   `json:"reason,omitempty"` // why no statement decided, or its verdict is another than the packet's
	Steps     []Step   `json:"steps"`
	Assumed   []string `json:"assumed"`

	data    []byte
	verdict stmt.Verdict
	wish    stmt.Verdict // of the statement, which the kernel may not be able to carry out
	path    []string     // the templates that led to the statement, the outermost first
	sample  *sample.Sample
	other   string
}

// Step is one rule that was looked at.
type Step struct {
	Template  string `json:"template"`
	Rule      string `json:"rule"` // in nft's syntax
	Statement string `json:"statement,omitempty"`
	Pos       string `json:"pos,omitempty"`
	Failed    string `json:"failed,omitempty"` // what of it the packet did not get past
}

// Judge describes what becomes of a packet. The error is a *stmt.Error about the text.
func (s *Subject) Judge(text string, d sample.Direction) (*Outcome, error) {
	described, err := sample.Parse(text)
	if err != nil {
		return nil, err
	}
	data, err := described.Frame(s.Who, d)
	if err != nil {
		return nil, err
	}
	c, err := described.Context(s.Who, d)
	if err != nil {
		return nil, err
	}
	o := &Outcome{
		Packet: text, Direction: d.String(), Frame: frame.Describe(data), Steps: []Step{}, Assumed: []string{},
		data: data, sample: described, other: c.Other,
	}
	in := firewall.Traffic{
		ToGuest: d == sample.ToGuest, Frame: data, Other: c.Other, Bridge: s.Bridge, Hosts: append(c.Hosts, s.Hosts...), Mark: c.Mark, Routes: c.Routes,
	}
	if c.Bridge != "" {
		in.Bridge = c.Bridge
	}
	if c.Ct != nil {
		in.Ct = (*firewall.Connection)(c.Ct)
	}
	s.judge(o, in)
	o.Verdict = o.verdict.String()
	return o, nil
}

func (s *Subject) judge(o *Outcome, in firewall.Traffic) {
	switch s.State {
	case handler.StateIgnored, handler.StateUnmatched:
		o.verdict, o.Reason = stmt.Accept, "the vif is "+s.State+": nothing judges its packets"
		return
	case handler.StateBlocked, handler.StateFailed:
		o.verdict, o.Reason = stmt.Drop, "the vif is "+s.State+" and passes nothing"
		if s.Reason != "" {
			o.Reason += ": " + s.Reason
		}
		return
	}
	j := s.Program.Judge(s.Guest, in)
	o.verdict = j.Verdict
	o.Assumed = append(o.Assumed, j.Assumed...)
	o.steps(j.Steps)
	switch decider := j.Decider(); {
	case j.Unseen != "":
		o.Reason = "it gets to no rule, and nowhere else: " + j.Unseen
	case decider != nil:
		o.wish = decider.Source.Verdict
		o.Template, o.Statement, o.Pos = templateOf(decider.Chain), decider.Source.Text, decider.Source.Where
		o.path = path(j.Steps, decider.Chain)
		if o.wish == stmt.Rejected && o.verdict == stmt.Drop {
			judged := "what a bridge sends to a guest"
			if j.Family == firewall.ARP {
				judged = "ARP"
			}
			o.Reason = "reject is carried out as drop: the kernel answers from none of the hooks that judge " + judged
		}
	case len(j.Steps) == 0:
		o.Reason = "no statement judges packets of that direction"
	default:
		o.Reason = "no statement decides"
	}
}

func (o *Outcome) steps(list []firewall.Step) {
	for _, s := range list {
		step := Step{Template: templateOf(s.Chain), Rule: s.Rule, Failed: s.Failed}
		if s.Source != nil {
			step.Statement, step.Pos = s.Source.Text, s.Source.Where
		}
		o.Steps = append(o.Steps, step)
	}
}

// templateOf is the template of a chain: DIRECTION/TEMPLATE, with a number behind where it has arguments. The chain of a list of
// templates, which has full stops between their names, is of none.
func templateOf(chain string) string {
	_, name, _ := strings.Cut(chain, "/")
	if strings.Contains(name, ".") {
		return ""
	}
	name, _, _ = strings.Cut(name, "/")
	return name
}

// path are the templates by whose includes a chain was come to.
func path(steps []firewall.Step, chain string) []string {
	from := make(map[string]string)
	for _, s := range steps {
		if target, ok := strings.CutPrefix(s.Rule, "jump "); ok && s.Source == nil {
			from[target] = s.Chain
		}
	}
	var names []string
	for chain != "" && len(names) < len(steps)+1 {
		if name := templateOf(chain); name != "" {
			names = append([]string{name}, names...)
		}
		chain = from[chain]
	}
	return names
}

// Decided says in one line who decided.
func (o *Outcome) Decided() string {
	if o.Template == "" {
		return o.Reason
	}
	text := "template " + o.Template + ", " + o.Pos + ": " + o.Statement
	if o.Reason != "" {
		text += " (" + o.Reason + ")"
	}
	return text
}
