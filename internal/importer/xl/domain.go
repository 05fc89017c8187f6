package xl

import (
	"fmt"
	"maps"
	"slices"

	"vifd/internal/importer/model"
	"vifd/internal/nearest"
)

// domainKeys are the keys of a domain's file that are read, or looked at.
var domainKeys = []string{"name", "uuid", "type", "builder", "vif", "nics"}

// DomainKeys are the keys of xl.cfg that are read.
func DomainKeys() []string { return slices.Clone(domainKeys) }

// others are keys of xl.cfg that look like one of domainKeys, and are none.
var others = []string{"vfb", "vga", "vnc", "pci", "vpt", "tpm"}

// ReadDomain adds a domain's vifs to in.
func ReadDomain(text model.Text, in *model.Input) error {
	c, err := parse(text)
	if err != nil {
		return err
	}
	in.Host.Xen = true
	for _, s := range c.settings {
		if slices.Contains(domainKeys, s.key) || slices.Contains(others, s.key) {
			continue
		}
		if hint := nearest.Hint(s.key, domainKeys); hint != "" && len(s.key) < 6 {
			in.Lose(text.At(s.off), s.key, "xl has no such key", hint)
		}
	}
	name, err := domainName(c)
	if err != nil {
		return err
	}
	if s := c.get("nics"); s != nil {
		in.Lose(text.At(s.off), "nics", "xl does not know it; xm added vifs by it", "write '' into vif for each of them")
	}
	vifs := c.get("vif")
	if vifs == nil {
		return nil
	}
	if !vifs.value.list {
		return &model.Error{Pos: text.At(vifs.value.off), Msg: "vif takes a list", Hint: "as in vif = [ 'bridge=xenbr0' ]"}
	}
	taken := map[int]bool{}
	for i := range vifs.value.values {
		v := &vifs.value.values[i]
		if v.kind != str {
			return &model.Error{Pos: text.At(v.off), Msg: "a vif is a string", Hint: "as in 'bridge=xenbr0'"}
		}
		r := specReader{in: in, text: text, token: v.token, vif: model.Vif{Pos: text.At(v.off), Xen: true, Domain: name, Index: i}} // unless devid says otherwise
		if err := r.read(taken); err != nil {
			return err
		}
	}
	return nil
}

func domainName(c *config) (string, error) {
	s := c.get("name")
	if s == nil {
		return "", &model.Error{Pos: model.Pos{File: c.text.File}, Msg: "the domain has no name", Hint: "as in name = \"web\""}
	}
	if s.value.kind != str {
		return "", &model.Error{Pos: c.text.At(s.value.off), Msg: "name takes a string", Hint: "quote it"}
	}
	if err := model.CheckName(s.value.text); err != nil {
		return "", &model.Error{Pos: c.text.At(s.value.off), Msg: fmt.Sprintf("the domain's name %q cannot stand in rules: %v", s.value.text, err), Hint: "rename it"}
	}
	return s.value.text, nil
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
