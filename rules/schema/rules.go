package schema

import (
	"maps"
	"slices"
)

func (g *generator) rule() object {
	return mapping(obj(
		"name", ref("name"),
		"match", g.patterns().describe("All keys must hold; of a list any one must."),
		"bridge", g.bridge(),
		"route", g.route(),
		"nat", g.nat(),
		"ignore", obj("const", true).describe("Leave the vif alone."),
		"block", obj("const", true).describe("Let nothing through."),
		"firewall", oneOrAny(ref("use")).describe("Templates, in the order in which they judge."),
		"guest", mapping(obj("mac", text(), "ip", oneOrMore(text()))).describe("Goes before the inventory."),
		"rate", g.rate(),
		"link", g.link(),
		"hooks", mapping(obj("up", argv(), "down", argv())).describe("Programs that are run when the vif is connected, and when it is gone."),
	),
		"required", []string{"name", "match"},
		"oneOf", oneOf(g.Actions...),
	)
}

func argv() object {
	return obj("type", "array", "items", textOrNumber(), "minItems", 1).describe("A program's absolute path, and its arguments.")
}

// factText says what the facts are whose name does not.
func factText() map[string]string {
	return map[string]string{
		"interface": "The interface's name; globs.",
		"domid":     "The Xen domain's number.",
		"vifid":     "Which of the domain's interfaces.",
		"driver":    "The driver of the interface's device.",
		"kind":      "vif, tap, veth …, as ip -d link calls it.",
		"alias":     "The link's alias.",
		"group":     "The link's group.",
		"action":    "The event's.",
		"subsystem": "The event's.",
		"domain":    "The name of the virtual machine.",
		"uuid":      "The virtual machine's.",
		"mac":       "The guest's.",
		"ip":        "The guest's addresses; addresses, prefixes and globs.",
		"bridge":    "What the guest's configuration names.",
		"script":    "What the guest's configuration names.",
		"type":      "What the guest's configuration says.",
	}
}

// match is the keys of `match` and their values, but for those that are numbers; a test's event has the same keys, with values and no
// patterns.
func (g *generator) match(text object) object {
	properties := object{}
	for _, f := range g.Facts {
		value := text
		if f.Number {
			value = obj("type", []string{"string", "integer"}, "minimum", 0, "maximum", f.Max, "pattern", "^[0-9]+(-[0-9]+)?$")
		}
		properties = append(properties, member{f.Name, oneOrMore(value).describe(factText()[f.Name])})
	}
	return mapping(properties, "patternProperties", obj(envForm, oneOrMore(text), attrForm, oneOrMore(text)))
}

// patterns is a rule's `match`.
func (g *generator) patterns() object {
	o := g.match(factless(textOrNumber()))
	for i := range o {
		if keys, ok := o[i].value.(object); ok && o[i].key == "properties" {
			o[i].value = append(keys, member{"not", ref("facts").describe("None of these may hold.")})
		}
	}
	return append(o, member{"minProperties", 1})
}

func (g *generator) bridge() object {
	flags := map[string]string{
		"create":         "Make the bridge where it does not exist.",
		"isolated":       "Talk to ports that are not isolated alone.",
		"hairpin":        "Send frames back out of the port they came from.",
		"learning":       "Learn who is behind the port.",
		"flood":          "Get frames for those whom nobody knows.",
		"mcast-flood":    "Get multicast that nobody has asked for.",
		"neigh-suppress": "Answer ARP and neighbour discovery for others.",
		"guard":          "Drop BPDUs that come from the guest.",
		"root-block":     "Never become the port to the root bridge.",
		"static-fdb":     "Pin the guest's MAC to the port.",
	}
	properties := obj("name", text().describe("The bridge; ${fact} and ${fact:-default} are substituted."))
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		properties = append(properties, member{key, late(boolean()).describe(flags[key])})
	}
	properties = append(properties, member{"vlan", mapping(obj(
		"untagged", late(integer(g.VLAN)).describe("The VLAN of frames without a tag; without it they are dropped."),
		"tagged", oneOrMore(late(span(g.VLAN))).describe("VLANs and ranges of them."),
	), "minProperties", 1)})
	return byName(mapping(properties, "required", []string{"name"})).describe("Make the vif a port of this bridge.")
}

// byName is an action in its short form, the network's name, or in full.
func byName(full object) object { return obj("anyOf", []object{text(), full}) }

func (g *generator) route() object {
	table := obj("anyOf", []object{obj("const", "main"), append(integer(g.Table), member{"not", obj("const", 255)})})
	return byName(mapping(obj(
		"network", text().describe("A network of kind route."),
		"uplink", text().describe("An interface of the host's."),
		"address", oneOrMore(late(ref("address"))).describe("The host's on the vif; the uplink's primary if absent."),
		"proxy", late(boolean()).describe("Answer ARP and neighbour discovery for the guest on the uplink."),
		"metric", late(integer(g.Metric)),
		"table", late(table),
		"neighbor", late(boolean()).describe("Pin the guest's MAC to its addresses."),
	), "oneOf", oneOf("network", "uplink"))).describe("Route the guest's addresses to the vif.")
}

func (g *generator) nat() object {
	forward := obj("anyOf", []object{ref("forward"), list(ref("forward"))}).describe("Ports of the host's that lead to the guest.")
	return byName(mapping(obj(
		"network", text().describe("A network of kind nat."),
		"uplink", text().describe("An interface of the host's."),
		"subnet", subnet(),
		"forward", forward,
	),
		"oneOf", oneOf("network", "uplink"),
		"dependentRequired", obj("uplink", []string{"subnet"}, "subnet", []string{"uplink"}),
	)).describe("Translate the guest's addresses.")
}

func (g *generator) rate() object {
	rate := late(obj("type", []string{"string", "integer"}, "pattern", rateForm))
	return mapping(obj(
		"from-guest", rate.describe("As tc or xl have it: 100mbit, 12.5mbps, 10Mb/s@50ms."),
		"to-guest", rate.describe("As tc or xl have it: 100mbit, 12.5mbps, 10Mb/s@50ms."),
		"burst", late(obj("type", []string{"string", "integer"}, "pattern", sizeForm)).describe("Bytes that may go at once: 32kb, 1mb."),
	), "anyOf", oneOf("from-guest", "to-guest"))
}

func (g *generator) link() object {
	offloads, sysctls := object{}, object{}
	for _, name := range g.Offloads {
		offloads = append(offloads, member{name, late(enum([]string{"on", "off"}))})
	}
	for _, s := range g.Sysctls {
		sysctls = append(sysctls, member{s.Name, late(integer(s))})
	}
	return mapping(obj(
		"mtu", late(integer(g.MTU)),
		"txqueuelen", late(integer(g.TxQueueLen)),
		"group", late(integer(g.Group)),
		"alias", text().describe("${fact} is substituted."),
		"offload", mapping(offloads).describe("As ethtool -K has them."),
		"sysctl", mapping(sysctls).describe("Settings of this interface alone."),
	)).describe("What is set of the vif as such.")
}
