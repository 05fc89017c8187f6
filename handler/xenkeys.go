package handler

import (
	"strings"

	"vifd/rules"
)

// xenKeys are keys of a backend's folder that rules name, as ${xen.KEY}.
type xenKeys map[string]bool

// names reports whether rules name a key, or one below it: with a folder all goes that is in it, and xenstored tells of the folder alone.
func (k xenKeys) names(key string) bool {
	if k[key] {
		return true
	}
	for named := range k {
		if key != "" && strings.HasPrefix(named, key+"/") {
			return true
		}
	}
	return false
}

// xenKeysOf are those of all that rules say of a vif; what they match has names of its own.
func xenKeysOf(list []rules.Rule) xenKeys {
	keys := xenKeys{}
	add := func(texts ...rules.Text) {
		for i := range texts {
			for _, fact := range texts[i].Facts() {
				if key, ok := strings.CutPrefix(fact, "xen."); ok {
					keys[key] = true
				}
			}
		}
	}
	for i := range list {
		r := &list[i]
		add(r.Action.Bridge.Name, r.Action.Route.Network, r.Action.Route.Uplink, r.Action.NAT.Network, r.Action.NAT.Uplink)
		for _, text := range []*rules.Text{r.Link.Alias, r.Guest.MAC} {
			if text != nil {
				add(*text)
			}
		}
		add(r.Guest.IP...)
		add(r.Hooks.Up.Argv...)
		add(r.Hooks.Down.Argv...)
		for _, s := range r.Substitutions() {
			add(s.Text)
		}
	}
	return keys
}
