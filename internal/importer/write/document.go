package write

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/importer/plan"
	"vifd/rules"
)

// Allowed is a warning that a line of the document is right to have, since its source says what is warned of.
type Allowed struct {
	Line int // of the document without what is allowed in it
	Code string
}

// Sources are the places that a line of the document comes from; nil where it comes from none, or is not about anything.
func Sources(out *plan.Output, line int) []model.Pos {
	d := &document{}
	d.body(out)
	return d.places.at(line)
}

// Document is the rules file of what was imported.
func Document(out *plan.Output, allowed []Allowed) string {
	d := &document{}
	d.body(out)
	d.allow(allowed)
	d.notes(out.Notes)
	return d.String()
}

// body writes all but the notes.
func (d *document) body(out *plan.Output) {
	d.line("# Made by `vifd import`. Look through it, above all at the end, then put it in force: vifd check --strict FILE, vifd reload.")
	d.networks(out.Networks)
	d.guests(out.Guests)
	d.rules(out.Rules)
	d.unguarded(out.Rules)
}

// allow puts a comment above each line that has a warning, which takes it off.
func (d *document) allow(allowed []Allowed) {
	if len(allowed) == 0 {
		return
	}
	codes := map[int][]string{}
	for _, a := range allowed {
		if !slices.Contains(codes[a.Line], a.Code) {
			codes[a.Line] = append(codes[a.Line], a.Code)
		}
	}
	text, from := d.String(), d.places
	d.Reset()
	n := 0
	for line := range strings.Lines(text) {
		n++
		if len(codes[n]) > 0 {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			d.line("%s# vifd:ignore %s it is so in %s", indent, strings.Join(codes[n], ", "), named(from.at(n)))
		}
		d.WriteString(line)
	}
}

type document struct {
	strings.Builder

	places places
	lines  int
}

// places say from which line on something comes from where.
type places []place

type place struct {
	line    int
	sources []model.Pos
}

// at are the places that a line comes from.
func (list places) at(line int) []model.Pos {
	var sources []model.Pos
	for _, p := range list {
		if p.line > line {
			break
		}
		sources = p.sources
	}
	return sources
}

func (d *document) line(format string, args ...any) {
	text := fmt.Sprintf(format+"\n", args...)
	d.lines += strings.Count(text, "\n")
	d.WriteString(text)
}

// sources names where what follows comes from.
func (d *document) sources(indent string, sources []model.Pos) {
	if len(sources) > 0 {
		d.line("%s# %s", indent, named(sources))
	}
	d.places = append(d.places, place{d.lines + 1, sources})
}

// named names places, many of them shortened.
func named(sources []model.Pos) string {
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
	return strings.Join(names, ", ")
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
