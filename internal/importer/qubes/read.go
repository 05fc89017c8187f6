package qubes

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/lazy"
	"vifd/internal/vif"
)

// Keys are what is read: the sets of the tables, and QubesDB's lists.
func Keys() []string { return []string{"allowed", "downstream", "connected-ips", "connected-ips6"} }

// IsList reports whether a file is a list of QubesDB's, by its name.
func IsList(file string) bool {
	name := path.Base(file)
	return name == "connected-ips" || name == "connected-ips6"
}

var (
	table   = lazy.Regexp(`^\s*table (ip6?) (\S+) \{`)
	set     = lazy.Regexp(`^\s*(?:set|map|chain) (\S+) \{`)
	element = lazy.Regexp(`"([^"]*)" \. ([0-9a-fA-F.:/]+(?:-[0-9a-fA-F.:]+)?)`)
	address = lazy.Regexp(`[0-9a-fA-F.:/]+`)
)

// Read adds the vifs to in.
func Read(text model.Text, in *model.Input) error {
	if IsList(text.File) {
		list(text, in)
		return nil
	}
	r := reader{text: text, in: in, byName: map[string]int{}}
	inside, name, found := false, "", false
	off := 0
	for line := range strings.Lines(text.Data) {
		if m := table().FindStringSubmatch(line); m != nil {
			inside, name = m[2] == "qubes", ""
			found = found || inside
		}
		if m := set().FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if inside && name == "allowed" {
			r.elements(line, off)
		}
		off += len(line)
	}
	if !found {
		return &model.Error{Pos: model.Pos{File: text.File}, Msg: "there is no table of the name qubes", Hint: "take what nft list ruleset prints in the domain that the vifs are in"}
	}
	if in.Qubes.Pos == (model.Pos{}) {
		in.Qubes.Pos = text.At(0)
	}
	in.Change(text.At(0), "tables qubes", "vifd routes and guards the vifs; masquerading, and what is kept between guests, stay with these tables", "leave them in force")
	return nil
}

type reader struct {
	text   model.Text
	in     *model.Input
	byName map[string]int // the vifs of this file
}

// elements reads the pairs of interface and address in a line.
func (r *reader) elements(line string, off int) {
	for _, m := range element().FindAllStringSubmatchIndex(line, -1) {
		name, addr, pos := line[m[2]:m[3]], line[m[4]:m[5]], r.text.At(off+m[0])
		if _, ok := vif.ParseXenName(name); !ok {
			r.in.Lose(pos, fmt.Sprintf("interface %q", name), "no vif is called so", "")
			continue
		}
		p, _, err := model.ParseIP(addr)
		if err != nil {
			r.in.Lose(pos, fmt.Sprintf("address %q", addr), err.Error(), "")
			continue
		}
		i, known := r.byName[name]
		if !known {
			i = len(r.in.Vifs)
			r.byName[name] = i
			r.in.Vifs = append(r.in.Vifs, model.Vif{Pos: pos, Index: -1, Names: []string{name}, Action: model.Route, Neighbor: true, Held: true})
		}
		if v := &r.in.Vifs[i]; !slices.Contains(v.IP, p) {
			v.IP = append(v.IP, p)
		}
	}
}

// list takes addresses of which nothing says whose they are; other files may.
func list(text model.Text, in *model.Input) {
	for _, m := range address().FindAllStringIndex(text.Data, -1) {
		addr := text.Data[m[0]:m[1]]
		p, _, err := model.ParseIP(addr)
		if err != nil {
			in.Lose(text.At(m[0]), fmt.Sprintf("address %q", addr), err.Error(), "")
			continue
		}
		in.Qubes.Listed = append(in.Qubes.Listed, model.Listed{Pos: text.At(m[0]), IP: p})
	}
}
