package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"vifd/internal/stmt"
)

// dump prints a set as a person would check it.
func dump(s *Set) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("files %q", s.Files)
	p("unmatched %s", s.Defaults.Unmatched)
	for _, name := range sortedKeys(s.Networks) {
		n := s.Networks[name]
		switch n.Kind {
		case BridgeNetwork:
			p("network %s (%s) bridge uplink=%q create=%t mtu=%d", n.Name, n.Pos, n.Bridge.Uplink, n.Bridge.Create, n.Bridge.MTU)
		case RouteNetwork:
			p("network %s (%s) route uplink=%q", n.Name, n.Pos, n.Route.Uplink)
		case NATNetwork:
			p("network %s (%s) nat uplink=%q subnet=%s dhcp=%t dns=%s domain=%q lease=%s mtu=%d",
				n.Name, n.Pos, n.NAT.Uplink, n.NAT.Subnet, n.NAT.DHCP, n.NAT.DNS, n.NAT.Domain, n.NAT.Lease, n.NAT.MTU)
		}
	}
	for _, g := range s.Guests {
		p("guest (%s) interface=%q domain=%q vif=%d mac=%s ip=%v", g.Pos, g.Interface, g.Domain, g.Vif, g.MAC, dumpIPs(g.IP))
	}
	for _, name := range sortedKeys(s.Templates) {
		t := s.Templates[name]
		p("template %s (%s) library=%t %q", t.Name, t.Pos, t.Library, t.Description)
		for _, param := range sortedKeys(t.Params) {
			pp := t.Params[param]
			p("  param %s (%s) type=%s list=%t default=%q values=%q", param, pp.Pos, stmt.TypeText(pp.Types), pp.List, pp.Default, pp.Values)
		}
		for _, st := range t.FromGuest {
			p("  from-guest (%s+%d) %s", st.Pos, st.Pos.Len, st.Text)
		}
		for _, st := range t.ToGuest {
			p("  to-guest (%s+%d) %s", st.Pos, st.Pos.Len, st.Text)
		}
	}
	for _, r := range s.Rules {
		p("rule %s (%s) %s (%s)", r.Name, r.Pos, r.Action.Kind, r.Action.Pos)
		for _, t := range r.Match.Terms {
			p("  match %s", dumpTerm(t))
		}
		for _, t := range r.Match.Not {
			p("  not %s", dumpTerm(t))
		}
		if br := r.Action.Bridge; r.Action.Kind == Bridge {
			p("  bridge %q%s mtu=%d static-fdb=%t", br.Name, dumpFlags(br), br.MTU, br.StaticFDB)
		}
		dumpRouted(p, &r.Action)
		dumpLink(p, &r)
		for i, h := range []Hook{r.Hooks.Up, r.Hooks.Down} {
			if len(h.Argv) > 0 {
				p("  hook %s (%s+%d) %q", []string{"up", "down"}[i], h.Pos, h.Pos.Len, h.Argv)
			}
		}
		for _, ref := range r.Firewall {
			p("  firewall %s (%s) %s", ref.Name, ref.Pos, dumpWith(ref.With))
		}
		for _, sub := range r.Substitutions() {
			p("  %s (%s+%d) waits for %s of %s", sub.Key, sub.pos, sub.pos.Len, sub.Text.Facts(), sub.Text)
		}
		if r.Guest.MAC != nil {
			p("  guest mac %q", *r.Guest.MAC)
		}
		for _, ip := range r.Guest.IP {
			p("  guest ip %q", ip)
		}
	}
	for i := range s.Tests {
		dumpTest(p, &s.Tests[i])
	}
	return b.String()
}

func dumpRouted(p func(format string, args ...any), a *Action) {
	switch a.Kind {
	case Route:
		r := a.Route
		p("  route network=%q uplink=%q address=%s proxy=%t metric=%d table=%d neighbor=%t", r.Network, r.Uplink, r.Address, r.Proxy, r.Metric, r.Table, r.Neighbor)
	case NAT:
		p("  nat network=%q uplink=%q subnet=%s", a.NAT.Network, a.NAT.Uplink, a.NAT.Subnet)
		for i := range a.NAT.Forward {
			f := &a.NAT.Forward[i]
			p("  forward (%s+%d) %s to=%d from=%s", f.Pos, f.Pos.Len, f, f.To, f.From)
		}
	case Bridge:
		if v := a.Bridge.VLAN; v != nil {
			p("  vlan %+v", *v)
		}
	case Ignore, Block:
	}
}

func dumpLink(p func(format string, args ...any), r *Rule) {
	if r.Rate != (Rate{}) {
		p("  rate %+v", r.Rate)
	}
	l := &r.Link
	if l.MTU != 0 {
		p("  link mtu=%d", l.MTU)
	}
	if l.TxQueueLen != nil {
		p("  link txqueuelen=%d", *l.TxQueueLen)
	}
	if l.Group != nil {
		p("  link group=%d", *l.Group)
	}
	if l.Alias != nil {
		p("  link alias=%q", *l.Alias)
	}
	for _, o := range l.Offload {
		p("  link offload %s=%t", o.Feature, o.On)
	}
	for _, s := range l.Sysctl {
		p("  link sysctl %s=%d %s", s.Name, s.Value, s.File("vif1.0"))
	}
}

func dumpTest(p func(format string, args ...any), t *Test) {
	p("test %q (%s) library=%t", t.Name, t.Pos, t.Library)
	for _, key := range sortedKeys(t.Event) {
		p("  event %s=%q", key, t.Event.Values(key))
	}
	if e := t.Expect; t.Event != nil {
		p("  expect rule=%s action=%s network=%s firewall=%t%s", dumpWord(e.Rule), dumpWord(e.Action), dumpWord(e.Network), e.Firewall != nil, e.Firewall)
	}
	if t.Template.Name != "" {
		p("  template %s (%s) %s routed=%t mac=%s ip=%s", t.Template.Name, t.Template.Pos, dumpWith(t.Template.With), t.Routed, t.Guest.MACs, dumpIPs(t.Guest.IPs))
	}
	for i := range t.Packets {
		pk := &t.Packets[i]
		last := pk.At(len(pk.Text), 1)
		p("  packet (%s+%d) to-guest=%t %q expect=%s (%s) by=%s last=%d:%d", pk.Pos, pk.Pos.Len, pk.ToGuest, pk.Text, pk.Expect, pk.ExpectPos, dumpWord(pk.By), last.Line, last.Col)
	}
}

func dumpIPs(prefixes []netip.Prefix) []string {
	texts := []string{}
	for _, p := range prefixes {
		texts = append(texts, GuestIPText(p))
	}
	return texts
}

func dumpWord(w Word) string {
	if w == (Word{}) {
		return "-"
	}
	return fmt.Sprintf("%s(%s)", w.Text, w.Pos)
}

func dumpTerm(t Term) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s):", t.Key, t.Pos)
	for i := range t.Patterns {
		p := &t.Patterns[i]
		fmt.Fprintf(&b, " %q prefix=%q", p.String(), p.Prefix())
		if literal, ok := p.Literal(); ok {
			fmt.Fprintf(&b, " literal=%q", literal)
		}
	}
	return b.String()
}

func dumpFlags(p BridgePort) string {
	var b strings.Builder
	for _, f := range []struct {
		name  string
		value *bool
	}{
		{"create", p.Create},
		{"isolated", p.Isolated},
		{"hairpin", p.Hairpin},
		{"learning", p.Learning},
		{"flood", p.Flood},
		{"mcast-flood", p.McastFlood},
		{"neigh-suppress", p.NeighSuppress},
		{"guard", p.Guard},
		{"root-block", p.RootBlock},
	} {
		if f.value != nil {
			fmt.Fprintf(&b, " %s=%t", f.name, *f.value)
		}
	}
	return b.String()
}

func dumpWith(with map[string][]Text) string {
	var b strings.Builder
	for _, k := range sortedKeys(with) {
		fmt.Fprintf(&b, "%s=%q", k, with[k])
	}
	return b.String()
}
