package plan

import (
	"fmt"
	"slices"

	"vifd/internal/importer/model"
)

// xenDefault makes the rule for all vifs of Xen's that have no other.
func (p *planner) xenDefault() Rule {
	h := &p.in.Host
	v := model.Vif{Pos: first(h.Script.Pos, h.Bridge.Pos, h.Uplink.Pos), Xen: true, Index: -1, Uplink: h.Uplink.Value}
	script := h.Script.Value
	if script == "" {
		script = "vif-bridge"
	}
	p.in.UseScript(&v, h.Script.Pos, script)
	if v.Named = p.hostBridge(); v.Named.Pos == (model.Pos{}) {
		v.Named.Pos = h.Bridge.Pos
	}
	p.in.UseBridge(&v, p.isOVS())
	if b := h.Backend; b.Value != "" && b.Value != "0" && b.Value != "Domain-0" {
		p.in.Lose(b.Pos, fmt.Sprintf("backend %q", b.Value), "the vifs are in that domain, not here", "run vifd there, and import the files there as well")
	}
	p.standard = p.does(&v)
	p.standard.Firewall = nil
	does := p.standard
	if h.Antispoof.Value != "" && connects(does.Action) {
		p.standard.Firewall = []Template{{Name: "source-guard"}}
		does.Firewall = p.standard.Firewall
	}
	// What xenstore says of a domain that no file is about goes before the default; not where it may be no name of a bridge now.
	if does.Action == model.Bridge && len(p.renamed) == 0 && !p.isOVS() && does.VLAN.Untagged == 0 && does.VLAN.Tagged == nil {
		does.Network = "${bridge:-" + does.Network + "}"
	}
	r := Rule{Name: "xen", Match: Match{Interfaces: []string{anyXen}, Glob: true}, Does: does}
	for _, s := range []model.Setting{h.Script, h.Bridge, h.Uplink, h.Antispoof} {
		if s.Pos != (model.Pos{}) && !slices.Contains(r.Sources, s.Pos) {
			r.Sources = append(r.Sources, s.Pos)
		}
	}
	return r
}

// isQubes reports whether a vif is of Qubes OS, whose tables know no domains.
func isQubes(v *model.Vif) bool { return v.Domain == "" && !v.Xen }

// qubes makes the rule for all vifs of a host of Qubes OS: their numbers are others with every start, and what a new one has for
// addresses xenstore says.
func (p *planner) qubes() Rule {
	v := model.Vif{Pos: p.in.Qubes.Pos, Action: model.Route, Neighbor: true}
	does := p.does(&v)
	does.Firewall = []Template{{Name: "source-guard"}}
	return Rule{Sources: []model.Pos{v.Pos}, Name: "qubes", Match: Match{Interfaces: []string{anyXen}, Glob: true}, Does: does}
}

// whose settles what holds for vifs of which nothing is said on a host whose files are of Xen's and of Qubes': what somebody wrote there.
func (p *planner) whose() {
	said := p.in.Host.Script.Pos != (model.Pos{}) || slices.ContainsFunc(p.in.Vifs, func(v model.Vif) bool { return v.Xen })
	if !said {
		return
	}
	p.in.Lose(p.in.Qubes.Pos, "vifs that are not in the tables", "Xen's files are imported with them, and what these say of all vifs holds", "import the tables by themselves, in the domain that the vifs are in")
	p.isQubes = false
}
