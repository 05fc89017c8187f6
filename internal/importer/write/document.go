package write

import (
	"fmt"
	"net/netip"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/importer/plan"
	"vifd/rules"
)

// Document is the rules file of what was imported.
func Document(out *plan.Output) string {
	d := &document{}
	d.line("# Made by `vifd import`. Look through it, above all at the end, then put it in force: vifd check --strict FILE, vifd reload.")
	d.networks(out.Networks)
	d.guests(out.Guests)
	d.rules(out.Rules)
	d.unguarded(out.Rules)
	d.notes(out.Notes)
	return d.String()
}

type document struct{ strings.Builder }

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// sources names where something comes from, many places shortened.
func (d *document) sources(indent string, sources []model.Pos) {
	const most = 6
	var names []string
	seen := map[string]bool{}
	for _, pos := range sources {
		if s := pos.Source(); !seen[s] {
			seen[s] = true
			names = append(names, s)
		}
	}
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	if len(names) > 0 {
		d.line("%s# %s", indent, strings.Join(names, ", "))
	}
}

func (d *document) networks(networks []plan.Network) {
	if len(networks) == 0 {
		return
	}
	d.line("networks:")
	for _, n := range networks {
		var m mapping
		m.add("uplink", quote(n.Uplink))
		if n.Kind == model.Bridge {
			m.add("create", "true")
		}
		if n.Subnet != "" {
			m.add("subnet", quote(n.Subnet))
		}
		if n.DHCP {
			m.add("dhcp", "true")
		}
		d.sources("  ", n.Sources)
		d.line("  %s: {%s: %s}", quote(n.Name), n.Kind, m.String())
	}
}

func (d *document) guests(guests []plan.Guest) {
	if len(guests) == 0 {
		return
	}
	d.line("guests:")
	for _, g := range guests {
		var m mapping
		if g.Interface != "" {
			m.add("interface", quote(g.Interface))
		}
		if g.Domain != "" {
			m.add("domain", quote(g.Domain))
			m.add("vif", number(g.Vif))
		}
		if g.MAC != nil {
			m.add("mac", quote(g.MAC.String()))
		}
		if len(g.IP) > 0 {
			m.add("ip", flow(g.IP, ip))
		}
		d.sources("  ", g.Sources)
		d.line("  - %s", m.String())
	}
}

func ip(p netip.Prefix) string { return quote(rules.GuestIPText(p)) }

func (d *document) rules(list []plan.Rule) {
	if len(list) == 0 {
		return
	}
	d.line("rules:")
	for i := range list {
		d.rule(&list[i])
	}
}

// unguarded says what a missing guard means, once.
func (d *document) unguarded(list []plan.Rule) {
	for i := range list {
		does := &list[i].Does
		if len(does.Firewall) == 0 && (does.Action == model.Bridge || does.Action == model.Route || does.Action == model.NAT) {
			d.line("\n# Rules without firewall guard nobody, as nothing did before. Where a guest's addresses are known, write firewall: source-guard.")
			return
		}
	}
}

func (d *document) notes(notes []model.Note) {
	for _, part := range []struct {
		title string
		lost  bool
	}{{"# Not carried over:", true}, {"# Carried over in another form:", false}} {
		titled := false
		for _, n := range notes {
			if n.Lost != part.lost {
				continue
			}
			if !titled {
				titled = true
				d.line("\n%s", part.title)
			}
			d.line("#   %s", comment(n.Pos.String()+": "+n.Text()))
		}
	}
}

// comment keeps text on its line. What notes say of others' text is quoted already.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if q := quote("a " + string(r)); strings.HasPrefix(q, `"a \`) && r != '"' && r != '\\' || r == '\ufffd' {
			return '.'
		}
		return r
	}, s)
}
