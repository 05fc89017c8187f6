package write

import (
	"fmt"

	"vifd/internal/importer/model"
	"vifd/internal/importer/plan"
)

func (d *document) rule(r *plan.Rule) {
	d.sources("  ", r.Sources)
	d.line("  - name: %s", quote(r.Name))
	d.line("    match: %s", match(&r.Match))
	does := &r.Does
	switch does.Action {
	case model.Bridge:
		d.line("    bridge: %s", bridge(does))
	case model.Route:
		d.line("    route: %s", route(does))
	case model.NAT:
		d.line("    nat: %s", quote(does.Network))
	case model.Block:
		d.line("    block: true")
	case model.Ignore, model.Default:
		d.line("    ignore: true")
	}
	switch {
	case len(does.Firewall) > 0:
		d.line("    firewall: %s", list(does.Firewall, template))
	case does.Action == model.Bridge, does.Action == model.Route, does.Action == model.NAT:
		d.line("    firewall: open") // as it was; said, so that nobody takes it for forgotten
	}
	if r.MAC != nil {
		var m mapping
		m.add("mac", quote(r.MAC.String()))
		if len(r.IP) > 0 {
			m.add("ip", flow(r.IP, ip))
		}
		d.line("    guest: %s", m.String())
	}
	if does.From != "" || does.To != "" {
		d.line("    rate: %s", rate(does))
	}
	if does.MTU > 0 {
		d.line("    link: {mtu: %d}", does.MTU)
	}
}

func match(m *plan.Match) string {
	var out mapping
	if len(m.Interfaces) > 0 {
		each := pattern
		if m.Glob {
			each = quote
		}
		out.add("interface", list(m.Interfaces, each))
	}
	if m.Kind != "" {
		out.add("kind", quote(m.Kind))
	}
	if m.Address != "" {
		out.add("attr.address", quote(m.Address))
	}
	if len(m.Domains) > 0 {
		out.add("domain", list(m.Domains, pattern))
	}
	if len(m.Vifs) > 0 {
		out.add("vifid", list(m.Vifs, number))
	}
	return out.String()
}

func bridge(does *plan.Does) string {
	var m mapping
	m.add("name", quote(does.Network)) // its one $ is ours
	if does.Isolated {
		m.add("isolated", "true")
	}
	if v := does.VLAN; v.Untagged != 0 || len(v.Tagged) > 0 {
		var vlan mapping
		if v.Untagged != 0 {
			vlan.add("untagged", number(v.Untagged))
		}
		if len(v.Tagged) > 0 {
			vlan.add("tagged", flow(v.Tagged, span))
		}
		m.add("vlan", vlan.String())
	}
	if len(m) == 1 {
		return quote(does.Network)
	}
	return m.String()
}

func span(s [2]int) string {
	if s[0] == s[1] {
		return number(s[0])
	}
	return fmt.Sprintf(`"%d-%d"`, s[0], s[1])
}

func route(does *plan.Does) string {
	var m mapping
	if does.Network != "" {
		m.add("network", quote(does.Network))
	} else {
		m.add("uplink", quote(does.Uplink))
	}
	if does.Neighbor {
		m.add("neighbor", "true")
	}
	if len(m) == 1 && does.Network != "" {
		return quote(does.Network)
	}
	return m.String()
}

func template(t plan.Template) string {
	if len(t.With) == 0 {
		return quote(t.Name)
	}
	var with, m mapping
	for _, a := range t.With {
		each := text
		if a.Bool {
			each = func(s string) string { return s }
		}
		with.add(a.Name, list(a.Values, each))
	}
	m.add("template", quote(t.Name))
	m.add("with", with.String())
	return m.String()
}

func rate(does *plan.Does) string {
	var m mapping
	if does.From != "" {
		m.add("from-guest", quote(does.From))
	}
	if does.To != "" {
		m.add("to-guest", quote(does.To))
	}
	if does.Burst != "" {
		m.add("burst", quote(does.Burst))
	}
	return m.String()
}
