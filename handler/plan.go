package handler

import (
	"fmt"
	"net/netip"
	"slices"

	"vifd/actions/bridge"
	"vifd/actions/firewall"
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
	Action   string // bridge, ignore, block
	State    string // what the vif's will be when the plan is carried out
	Reason   string // why, where State is failed or blocked against the rule's wish
	Firewall []string
	Guest    *firewall.Guest // nil: the firewall is to know nothing of the vif
	Port     *bridge.Port    // set where Action is bridge and nothing stands against it
	Retry    bool            // what stands against the plan may pass by itself
}

// Network is the name of the bridge that the vif joins.
func (p *Plan) Network() string { return p.Decision.Bridge }

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
		r.block(&p, l, StateFailed, err.Error())
	case d.Kind == rules.Ignore:
		p.State = StateIgnored
		if d.Rule == nil {
			p.State = StateUnmatched
		}
		p.Guest = r.leaveAlone(l)
	case d.Kind == rules.Block:
		r.block(&p, l, StateBlocked, "")
	case d.Kind != rules.Bridge:
		r.block(&p, l, StateFailed, d.Kind.String()+" is not carried out by this version")
	default:
		r.connect(&p, l)
	}
	return p
}

// connect plans the port of a bridge and its guard.
func (r *Ruleset) connect(p *Plan, l *rtnl.Link) {
	d := &p.Decision
	profile, err := r.program.Profile(firewall.List{Refs: Refs(d.Rule.Firewall)})
	if err != nil {
		r.block(p, l, StateFailed, err.Error())
		return
	}
	if profile.NeedsMAC && len(d.Guest.MACs) == 0 {
		r.block(p, l, StateBlocked, "nobody knows the guest's MAC address, so it cannot be guarded: "+
			"give it in guests (by interface, domain or mac) or in the rule's guest")
		return
	}
	p.State = StateConfigured
	p.Guest = &firewall.Guest{Interface: l.Name, Profile: profile, IPs: slices.Clone(d.Guest.IPs)}
	for _, mac := range d.Guest.MACs {
		p.Guest.MACs = append(p.Guest.MACs, firewall.MAC(mac))
	}
	slices.SortFunc(p.Guest.IPs, netip.Prefix.Compare)
	want := &d.Rule.Action.Bridge
	network := r.set.Networks[d.Bridge].Bridge
	create := network.Create
	if want.Create != nil {
		create = *want.Create
	}
	p.Port = &bridge.Port{
		Ifindex: l.Index, Interface: l.Name,
		Bridge: d.Bridge, Create: create, BridgeMTU: network.MTU,
		MTU: want.MTU, Flags: portFlags(want), StaticFDB: want.StaticFDB, GuestMACs: d.Guest.MACs,
	}
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
	return lines
}

// shut reports whether the vif's link is to be down.
func (p *Plan) shut() bool {
	return p.Port == nil && (p.State == StateBlocked || p.State == StateFailed)
}
