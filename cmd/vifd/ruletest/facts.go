package ruletest

import (
	"slices"
	"strings"

	"vifd/handler"
	"vifd/internal/vif"
	"vifd/rules"
)

// eventFacts are a test's facts, and what follows from them as on a host.
type eventFacts struct{ event rules.Event }

// backendFacts are those that a Xen vif's folder in xenstore has under the same name.
var backendFacts = []string{"mac", "ip", "bridge", "script", "type"}

// Values answers what the event says. A Xen name tells the numbers besides; and what xenstore says of a vif has two names, of
// which the event needs to give one.
func (e eventFacts) Values(key string) []string {
	if values := e.event.Values(key); values != nil {
		return values
	}
	for _, name := range e.event.Values("interface") {
		if values := handler.NameFacts(name, key); values != nil {
			return values
		}
	}
	name, ofXen := strings.CutPrefix(key, "xen.")
	if !slices.Contains(backendFacts, name) {
		return nil
	}
	values := e.event.Values("xen." + name)
	switch {
	case !ofXen && name == "ip" && len(values) > 0:
		return strings.Fields(values[0])
	case !ofXen:
		return values
	case !e.xen() || e.event.Values(name) == nil:
		return nil // a tap's bridge, say, nobody has written into a store
	}
	return []string{strings.Join(e.event.Values(name), " ")}
}

// xen reports whether the vif is a Xen guest's.
func (e eventFacts) xen() bool {
	return e.event.Values("domid") != nil || slices.ContainsFunc(e.event.Values("interface"), func(name string) bool {
		_, ok := vif.ParseXenName(name)
		return ok
	})
}
