package handler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/matcher"
	"vifd/rules"
)

// Ruleset is one load of rules, ready for use: matched, and with its templates compiled. It is immutable.
type Ruleset struct {
	set     *rules.Set
	matcher *matcher.Matcher
	program *firewall.Program
	nat     *nat.Program
	claimed []string // as firewall.Config's
	hosts   map[string]bool
	asked   xenKeys
}

// NewRuleset prepares set. Its templates have been checked when they were loaded; an error is the compiler's.
func NewRuleset(set *rules.Set) (*Ruleset, error) {
	r := &Ruleset{set: set, matcher: matcher.New(set), claimed: claimed(set.Rules), hosts: make(map[string]bool), asked: xenKeysOf(set.Rules)}
	for name, n := range set.Networks {
		r.hosts[name] = n.Kind == rules.BridgeNetwork // the others' names are no interfaces'
		for _, uplink := range []string{n.Bridge.Uplink, n.Route.Uplink, n.NAT.Uplink} {
			if uplink != "" {
				r.hosts[uplink] = true
			}
		}
	}
	cfg := firewall.Config{Templates: Templates(set.Templates), Claimed: r.claimed}
	for i := range set.Rules {
		if list := FirewallList(&set.Rules[i]); len(list.Refs) > 0 || list.Routed {
			cfg.Lists = append(cfg.Lists, list)
		}
		for _, text := range []rules.Text{set.Rules[i].Action.Route.Uplink, set.Rules[i].Action.NAT.Uplink} {
			if name, ok := text.Literal(); ok && name != "" {
				r.hosts[name] = true
			}
		}
	}
	program, err := firewall.Compile(cfg)
	if err != nil {
		return nil, fmt.Errorf("compile firewall templates: %w", err)
	}
	r.program = program
	if r.nat, err = compileNAT(set); err != nil {
		return nil, err
	}
	return r, nil
}

// Matcher decides by this load.
func (r *Ruleset) Matcher() *matcher.Matcher { return r.matcher }

// Program is the compiled firewall.
func (r *Ruleset) Program() *firewall.Program { return r.program }

// Set is the load itself.
func (r *Ruleset) Set() *rules.Set { return r.set }

// Rules is the number of rules.
func (r *Ruleset) Rules() int { return len(r.set.Rules) }

// Templates is the templates of a load as the compiler takes them.
func Templates(all map[string]rules.Template) map[string]firewall.Template {
	out := make(map[string]firewall.Template, len(all))
	for name, t := range all {
		out[name] = compilable(&t)
	}
	return out
}

func compilable(t *rules.Template) firewall.Template {
	out := firewall.Template{Name: t.Name, Params: make(map[string]firewall.Param, len(t.Params))}
	for name, p := range t.Params {
		out.Params[name] = firewall.Param{Types: p.Types, Default: p.Default}
	}
	copyAll := func(list []rules.Statement) []firewall.Statement {
		statements := make([]firewall.Statement, len(list))
		for i, s := range list {
			statements[i] = firewall.Statement{Stmt: s.Stmt, Where: s.Pos.String()}
		}
		return statements
	}
	out.FromGuest, out.ToGuest = copyAll(t.FromGuest), copyAll(t.ToGuest)
	return out
}

// Refs is a rule's templates as the compiler takes them. Their arguments hold no substitutions.
func Refs(list []rules.TemplateRef) []firewall.Ref {
	out := make([]firewall.Ref, len(list))
	for i, ref := range list {
		out[i] = firewall.Ref{Template: ref.Name}
		if len(ref.With) == 0 {
			continue
		}
		out[i].With = make(map[string][]string, len(ref.With))
		for name, texts := range ref.With {
			for _, text := range texts {
				literal, _ := text.Literal()
				out[i].With[name] = append(out[i].With[name], literal)
			}
		}
	}
	return out
}

// claimed returns the interface names that rules may do something about, as names and as prefixes with a * behind. A rule
// without an interface pattern, or with one that begins with a wildcard, claims no name beforehand: it would claim the
// host's own.
func claimed(list []rules.Rule) []string {
	var names []string
	for i := range list {
		if list[i].Action.Kind == rules.Ignore {
			continue
		}
		for _, term := range list[i].Match.Terms {
			if term.Key != "interface" {
				continue
			}
			for _, p := range term.Patterns {
				if name, ok := p.Literal(); ok {
					names = append(names, name)
				} else if prefix := p.Prefix(); prefix != "" {
					names = append(names, prefix[:min(len(prefix), vif.MaxNameLen)]+"*")
				}
			}
		}
	}
	// Sorted so, a prefix stands right before all that it takes in.
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.TrimSuffix(a, "*"), strings.TrimSuffix(b, "*")), cmp.Compare(len(b), len(a)))
	})
	kept := names[:0]
	for _, name := range names {
		if len(kept) == 0 || !covers(kept[len(kept)-1], name) {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return kept
}

// covers reports whether a claimed name or prefix* takes in name, which may be one as well.
func covers(claim, name string) bool {
	prefix, isPrefix := strings.CutSuffix(claim, "*")
	if !isPrefix {
		return claim == name
	}
	return strings.HasPrefix(name, prefix)
}

func (r *Ruleset) claims(name string) bool {
	return slices.ContainsFunc(r.claimed, func(claim string) bool { return covers(claim, name) })
}

// ours reports whether l can be a guest's at all. What belongs to the host is no vif, whatever a rule's pattern says: the
// loopback device, bridges and what else has ports, declared networks and their uplinks, and hardware.
func (r *Ruleset) ours(l *rtnl.Link, f *vif.Facts) bool {
	switch {
	case l.Flags&iffLoopback != 0, r.hosts[l.Name]:
		return false
	case l.Kind == "":
		// Neither hardware nor a Xen vif names a kind; the kernel's driver tells them apart.
		kind, ok := f.Value("kind")
		return ok && kind == "vif"
	}
	return !slices.Contains(hostKinds, l.Kind)
}

// hostKinds are kinds of links that a host makes for itself (rtnl_link_ops, drivers/net and net).
var hostKinds = []string{
	rtnl.KindBridge, "bond", "team", "vlan", "vxlan", "vrf", "dummy", "ifb", "gre", "gretap", "ip6gre", "sit", "ipip", "wireguard",
	"openvswitch", "nlmon", "hsr",
}

// iffLoopback is IFF_LOOPBACK of <linux/if.h>.
const iffLoopback = 0x8
