package handler

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"vifd/internal/rtnl"
	"vifd/internal/xen"
	"vifd/rules"
)

// Complaint is why a vif has no way to the network, in one line: rule may be empty. A reason that names the rule already names it once.
func Complaint(iface, rule, reason string) string {
	if named := fmt.Sprintf("rule %q: ", rule); rule != "" && !strings.HasPrefix(reason, named) {
		reason = named + reason
	}
	return iface + ": " + shortened(reason)
}

// The most of a quoted value that is shown, in bytes, and how much is left of a longer one: values are other programs', and whoever reads
// the line is to find the end of it.
const (
	maxQuoted  = 64
	keptQuoted = 40
)

// shortened cuts what is quoted in a text.
func shortened(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `"`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		value, after := quoted(rest)
		if len(value) > maxQuoted {
			value = value[:keptQuoted]
			for !utf8.ValidString(value) && value != "" {
				value = value[:len(value)-1]
			}
			value = strings.TrimRight(value, `\`) + "..."
		}
		b.WriteString(`"` + value)
		if after != "" {
			b.WriteByte('"')
			after = after[1:]
		}
		s = after
	}
}

// quoted parts a quoted value from its closing quote and what is behind that; without one, all is the value.
func quoted(s string) (value, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// listedBridges is how many of the host's bridges a message lists.
const listedBridges = 5

// advise says in a plan that failed by the guest's configuration what to write there, and which bridges there are where it names none: a guess
// would put the guest into a network that nobody meant. x is nil where the link is no Xen guest's.
func advise(ctx context.Context, conn Links, p *Plan, x *xen.Facts) {
	if x == nil || p.State != StateFailed {
		return
	}
	p.Reason = shortened(p.Reason)
	for _, ip := range x.Values("ip") {
		// Xen's scripts took this for the one or for all of them, each as its tool did.
		if net, err := netip.ParsePrefix(ip); err == nil && net != net.Masked() && strings.Contains(p.Reason, " "+ip+" ") {
			p.Reason += fmt.Sprintf(": write ip=%s for the one address, or ip=%s for all of these", net.Addr(), net.Masked())
		}
	}
	if p.Decision.Kind != rules.Bridge || x.Err() != nil || x.Absent() {
		return
	}
	bridge := x.Values("bridge")
	switch {
	case (p.unset == "bridge" || p.unset == "xen.bridge") && len(bridge) == 0:
		p.Reason += ": the guest's configuration names no bridge; write bridge=NAME in its vif line (" + bridges(ctx, conn) + ")"
	case len(bridge) == 1 && bridge[0] == p.Decision.Network && strings.Contains(bridge[0], ":"):
		p.Reason += ": Open vSwitch's form of it is NAME.VLAN:VLAN:..., with VLANs from 1 to 4094, and without vlan= beside it; or write bridge=NAME,vlan=10p/20/30"
	}
}

// bridges says which bridges the host has.
func bridges(ctx context.Context, conn Links) string {
	links, err := conn.Links(ctx)
	if err != nil {
		return "and the host's bridges cannot be listed: " + err.Error()
	}
	var names []string
	for i := range links {
		if links[i].Kind == rtnl.KindBridge {
			names = append(names, links[i].Name)
		}
	}
	slices.Sort(names)
	switch n := len(names) - listedBridges; {
	case len(names) == 0:
		return "this host has no bridge"
	case n > 0:
		return fmt.Sprintf("this host has %s and %d more", strings.Join(names[:listedBridges], ", "), n)
	}
	return "this host has " + strings.Join(names, ", ")
}
