package handler

import (
	"errors"
	"fmt"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
	"vifd/actions/link"
	"vifd/actions/nat"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// The states of a vif (DESIGN.md 2, status). StateWorking is that of a record whose vif is being worked on.
const (
	StateConfigured = "configured"
	StateFailed     = "failed"
	StateBlocked    = "blocked"
	StateIgnored    = "ignored"
	StateUnmatched  = "unmatched"
	StateWorking    = "working"
)

// Plan is what is to become of one vif.
type Plan struct {
	Decision matcher.Decision
	Action   string // bridge, route, nat, ignore, block
	State    string // what the vif's will be when the plan is carried out
	Reason   string // why, where State is failed or blocked against the rule's wish
	Firewall []string
	Guest    *firewall.Guest // nil: the firewall is to know nothing of the vif
	Port     *bridge.Port    // set where Action is bridge and nothing stands against it
	Route    *route.Route    // set where Action is route or nat, and likewise; what only the kernel knows is still open: see Locate
	NAT      *nat.Guest      // set where Action is nat
	Told     Told
	Rate     *rate.Rate // nil: no limit
	Link     *link.Link // nil: it is left as it is
	Retry    bool       // what stands against the plan may pass by itself
	hooks    *hooked    // nil: no program is run
	unhooked bool       // what was carried out stays, and only a hook has failed
	waiting  bool       // which is not tried yet again
	unset    string     // the fact that nobody knows, and that the rule has no way without; empty: there is none
	seat     string     // whose the vif's addresses are: see holder; empty: as the name says
}

// Network is the name of the network that the vif is connected to, of a bridge that of the bridge.
func (p *Plan) Network() string { return p.Decision.Network }

// needs is the interface without which the plan cannot be carried out: a bridge, or an uplink.
func (p *Plan) needs() string {
	switch {
	case p.unhooked:
		return "" // all is there, and what happens to it is no reason to try sooner
	case p.Port != nil:
		return p.Port.Bridge
	case p.Route != nil:
		return p.Route.Uplink.Name
	}
	return ""
}

// Plan decides about the link with what is known of it. It reads and writes nothing but facts.
func (r *Ruleset) Plan(l *rtnl.Link, f *vif.Facts) Plan {
	d, err := r.matcher.Decide(f)
	p := Plan{Decision: d, Action: d.Kind.String()}
	if d.Rule != nil {
		for _, ref := range d.Rule.Firewall {
			p.Firewall = append(p.Firewall, ref.Name)
		}
	}
	switch {
	case err != nil:
		r.refuse(&p, l, err)
	case d.Kind == rules.Ignore:
		p.State = StateIgnored
		if d.Rule == nil {
			p.State = StateUnmatched
		}
		p.Guest = r.leaveAlone(l)
	case d.Kind == rules.Block:
		r.block(&p, l, StateBlocked, "")
	default:
		r.connect(&p, l, f)
	}
	return p
}

// portFlags spells out every flag of a port: one that a rule does not name is to be as the kernel makes it, also where an
// earlier rule had it otherwise.
func portFlags(want *rules.BridgePort) rtnl.PortFlags {
	def := rtnl.NewPort()
	pick := func(wanted *bool, def bool) *bool {
		if wanted != nil {
			return wanted
		}
		return &def
	}
	return rtnl.PortFlags{
		Isolated: pick(want.Isolated, def.Isolated), Hairpin: pick(want.Hairpin, def.Hairpin),
		Learning: pick(want.Learning, def.Learning && !want.StaticFDB), Flood: pick(want.Flood, def.Flood),
		McastFlood: pick(want.McastFlood, def.McastFlood), NeighSuppress: pick(want.NeighSuppress, def.NeighSuppress),
		Guard: pick(want.Guard, def.Guard), RootBlock: pick(want.RootBlock, def.RootBlock),
	}
}

// block plans that the vif passes nothing.
func (r *Ruleset) block(p *Plan, l *rtnl.Link, state, reason string) {
	p.State, p.Reason = state, reason
	p.Guest = &firewall.Guest{Interface: l.Name, Profile: r.program.Blocked()}
}

// refuse is block for what a rule cannot be followed by.
func (r *Ruleset) refuse(p *Plan, l *rtnl.Link, err error) {
	r.block(p, l, StateFailed, err.Error())
	var unset *rules.UnsetFactError
	if errors.As(err, &unset) {
		p.unset = unset.Fact
	}
}

// leaveAlone plans nothing for a link that is none of vifd's business; where its name is one that rules may claim, the
// firewall is told so, or it would be kept shut until decided upon.
func (r *Ruleset) leaveAlone(l *rtnl.Link) *firewall.Guest {
	if !r.claims(l.Name) {
		return nil
	}
	return &firewall.Guest{Interface: l.Name, Profile: r.program.Open()}
}

// Text is the plan in the words of nft, ip and bridge; now is what the kernel has.
func (p *Plan) Text(now bridge.Actual) []string {
	var lines []string
	if p.Guest != nil {
		lines = append(lines, p.Guest.Plan()...)
	}
	if p.NAT != nil {
		commands, err := p.NAT.Commands()
		if err != nil {
			return append(lines, "# "+err.Error())
		}
		lines = append(lines, commands...)
	}
	if p.Link != nil {
		lines = append(lines, deviceText(p.Link, now)...)
	}
	if p.Rate != nil {
		lines = append(lines, rateText(p.Rate, now)...)
	}
	if p.Route != nil {
		for _, step := range route.Diff(*p.Route, route.Actual{Link: now.Link}) {
			lines = append(lines, step.String())
		}
	}
	if p.Port != nil {
		if now.Bridge == nil && !p.Port.Create {
			lines = append(lines, "# the bridge "+p.Port.Bridge+" must exist: it is not vifd's to create")
			now.Bridge = &rtnl.Link{Index: -1, Name: p.Port.Bridge, Kind: rtnl.KindBridge, MTU: now.Link.MTU}
		}
		for _, step := range bridge.Diff(*p.Port, now) {
			lines = append(lines, step.String())
		}
	}
	if p.shut() {
		lines = append(lines, fmt.Sprintf("ip link set dev %s down", p.Guest.Interface))
	}
	if p.hooks != nil {
		lines = append(lines, p.hooks.text()...)
	}
	return lines
}

// shut reports whether the vif's link is to be down.
func (p *Plan) shut() bool {
	return p.Port == nil && p.Route == nil && (p.State == StateBlocked || p.State == StateFailed)
}
