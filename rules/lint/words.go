package lint

import (
	"fmt"
	"slices"
	"strings"

	"vifd/internal/vif"
	"vifd/rules"
)

// vocabulary is what is known of the values of a fact that are words.
type vocabulary struct {
	meant  []string // those that rules ask for
	others []string // those that there are besides, of which none is a misspelling
	closed bool     // there are no others
}

// vocabularies are those of the facts whose values are words of the kernel's or of Xen's.
func vocabularies() map[string]vocabulary {
	return map[string]vocabulary{
		// kobject_actions of lib/kobject_uevent.c
		"action": {meant: []string{vif.Add, vif.Change, vif.Move, vif.Online, vif.Offline, vif.Remove, vif.Bind, vif.Unbind}, closed: true},
		// those of whose events vifd hears
		"subsystem": {meant: []string{"net", "xen-backend"}},
		// rtnl_link_ops of drivers/net and net, and a Xen guest's, whose link names none
		"kind": {
			meant: []string{"vif", "tap", "veth", "macvtap", "ipvtap", "netkit"},
			others: []string{
				"amt", "bareudp", "batadv", "bond", "bridge", "can", "dsa", "dummy", "erspan", "geneve", "gre", "gretap", "gtp", "hsr", "ifb",
				"ip6erspan", "ip6gre", "ip6gretap", "ip6tnl", "ipip", "ipoib", "ipvlan", "lowpan", "macsec", "macvlan", "netdevsim", "nlmon",
				"openvswitch", "ovpn", "pfcp", "ppp", "rmnet", "sit", "team", "tun", "vcan", "virt_wifi", "vlan", "vrf", "vsockmon", "vti",
				"vti6", "vxcan", "vxlan", "wireguard", "wwan", "xfrm",
			},
		},
		// LIBXL_NIC_TYPE_VIF and LIBXL_NIC_TYPE_VIF_IOEMU as libxl writes them, and what xend wrote
		"type": {meant: []string{"vif", "vif_ioemu"}, others: []string{"ioemu", "netfront"}},
	}
}

// words finds words that a fact never is, and that look like one that it may be. Where the words are all known any other is wrong.
func (l *linter) words() {
	known := vocabularies()
	for i := range l.set.Rules {
		r := &l.set.Rules[i]
		for _, terms := range [][]rules.Term{r.Match.Terms, r.Match.Not} {
			for j := range terms {
				if v, ok := known[terms[j].Key]; ok {
					l.misspelled(r, &terms[j], &v)
				}
			}
		}
	}
}

func (l *linter) misspelled(r *rules.Rule, t *rules.Term, v *vocabulary) {
	for i := range t.Patterns {
		p := &t.Patterns[i]
		word, literal := p.Literal()
		near, like := rules.Nearest(word, v.meant)
		hint := fmt.Sprintf("did you mean %q?", near)
		switch {
		case slices.ContainsFunc(v.meant, p.Match), slices.ContainsFunc(v.others, p.Match):
			continue
		case literal && like:
		case v.closed:
			hint = t.Key + "s are: " + strings.Join(v.meant, ", ")
		default:
			continue
		}
		l.warn(t.Pos, rules.CodeMisspelled, fmt.Sprintf("rule %q names the %s %q, and there is none of that name", r.Name, t.Key, p.String()), hint)
	}
}
