package schema

func (g *generator) network() object {
	bridge := mapping(obj(
		"uplink", ref("interface").describe("The host's interface that vifd network moves into the bridge."),
		"create", boolean().describe("Make the bridge when the first guest needs it."),
		"mtu", integer(g.MTU),
	))
	route := mapping(obj("uplink", ref("interface").describe("Through which others reach the guests.")), "required", []string{"uplink"})
	nat := mapping(obj(
		"uplink", ref("interface").describe("Out of which guests' packets go, translated."),
		"subnet", subnet(),
		"dhcp", boolean().describe("Answer DHCPv4, and advertise the host as the IPv6 router."),
		"dns", oneOrMore(ref("address")).describe("DNS servers that guests are told."),
		"domain", pattern(domainForm).describe("The guests' domain, as they are told."),
		"lease", obj("type", "string", "pattern", durationForm, "minLength", 2).describe("How long an address is theirs: 90s, 1h30m, 7d."),
		"mtu", integer(g.MTU),
	), "required", []string{"uplink", "subnet"})
	return mapping(obj(
		"bridge", bridge.describe("Guests are ports of a bridge, which has the network's name."),
		"route", route.describe("Every guest address becomes a route of the host's."),
		"nat", nat.describe("Guests share the host's addresses."),
	), "minProperties", 1, "maxProperties", 1)
}

func subnet() object {
	prefix := pattern(ipForm)
	return obj("anyOf", []object{prefix, obj("type", "array", "items", prefix, "minItems", 1, "maxItems", 2)}).
		describe("Out of which guests get addresses: an IPv4 prefix, an IPv6 one, or one of each.")
}

func (g *generator) guest() object {
	return mapping(obj(
		"interface", ref("interface"),
		"domain", factless(text()).describe("The name of the virtual machine."),
		"uuid", pattern(uuidForm).describe("The virtual machine's."),
		"vif", integer(g.Vif).describe("Which of the domain's interfaces; without it all of them."),
		"mac", ref("mac"),
		"ip", oneOrMore(ref("ip")).describe("The guest's addresses, and prefixes in which it may choose."),
	),
		"anyOf", oneOf("interface", "domain", "uuid", "mac"),
		"dependentSchemas", obj("vif", obj("anyOf", oneOf("domain", "uuid"))),
	)
}

// forward is one entry of a nat action's `forward`; value makes of each value what may stand there.
func (g *generator) forward(value func(object) object) object {
	return mapping(obj(
		"proto", value(enum([]string{"tcp", "udp"})),
		"port", oneOrMore(value(span(g.Port))).describe("The host's: a port, a range \"8000-8010\", or a list."),
		"to", value(span(g.Port)).describe("The guest's; the same if absent."),
		"from", oneOrMore(value(ref("ip"))).describe("Who may; everybody if absent."),
		"address", value(ref("address")).describe("The host's address that it is for; all if absent."),
	), "required", []string{"proto", "port"})
}
