package xl

import (
	"cmp"
	"slices"

	"vifd/internal/importer/model"
	"vifd/internal/nearest"
)

// confKeys are what of xl.conf(5) is about the network, the old names among them.
var confKeys = map[string]func(in *model.Input) *model.Setting{
	"vif.default.script":     func(in *model.Input) *model.Setting { return &in.Host.Script },
	"vifscript":              func(in *model.Input) *model.Setting { return &in.Host.Script },
	"vif.default.bridge":     func(in *model.Input) *model.Setting { return &in.Host.Bridge },
	"defaultbridge":          func(in *model.Input) *model.Setting { return &in.Host.Bridge },
	"vif.default.gatewaydev": func(in *model.Input) *model.Setting { return &in.Host.Uplink },
	"vif.default.backend":    func(in *model.Input) *model.Setting { return &in.Host.Backend },
	"run_hotplug_scripts":    nil,
}

// old are the names that xl.conf had for two of the keys.
var old = map[string]int{"vifscript": 1, "defaultbridge": 1}

// ConfKeys are the keys of xl.conf that are read.
func ConfKeys() []string { return names(confKeys) }

// ReadConf adds what xl.conf says to in.
func ReadConf(text model.Text, in *model.Input) error {
	c, err := parse(text)
	if err != nil {
		return err
	}
	in.Host.Xen = true
	// xl reads the old names first, and puts what the new ones say in their place.
	slices.SortStableFunc(c.settings, func(a, b *setting) int { return cmp.Compare(old[a.key], old[b.key]) })
	for _, s := range c.settings {
		target, known := confKeys[s.key]
		pos := text.At(s.off)
		if !known {
			if hint := nearest.Hint(s.key, names(confKeys)); hint != "" {
				in.Lose(pos, s.key, "xl has no such key", hint)
			}
			continue
		}
		if target == nil {
			if s.value.text == "0" {
				in.Lose(pos, s.key+"=0", "xl runs no scripts then, and does not wait for a vif", "remove it, or have vifd listen")
			}
			continue
		}
		if s.value.kind != str || s.value.text == "" {
			return &model.Error{Pos: text.At(s.value.off), Msg: s.key + " takes a string", Hint: "quote it"}
		}
		if s.key == "vif.default.gatewaydev" && !in.CheckUplink(pos, s.key, s.value.text) {
			continue
		}
		in.Set(target(in), text.At(s.value.off), s.key, s.value.text)
	}
	return nil
}
