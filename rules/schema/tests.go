package schema

func (g *generator) test() object {
	name := obj("type", "string", "minLength", 1, "maxLength", g.TestNameLen)
	packets := obj("type", "array", "items", ref("packet"), "minItems", 1)
	event := append(g.match(textOrNumber()), member{"minProperties", 1})
	ofRules := mapping(obj(
		"name", name,
		"event", event.describe("The facts of a vif."),
		"expect", g.expect(),
		"packets", packets,
	), "required", []string{"name"}, "allOf", []object{required("event"), obj("anyOf", oneOf("expect", "packets"))})
	ofTemplate := mapping(obj(
		"name", name,
		"template", ref("use"),
		"routed", boolean().describe("Judged as a routed guest's."),
		"guest", mapping(obj("mac", oneOrMore(ref("mac")), "ip", oneOrMore(ref("ip")))),
		"packets", packets,
	), "required", []string{"name", "packets"})
	return obj("if", required("template"), "then", ofTemplate, "else", ofRules)
}

func (g *generator) expect() object {
	fragments := oneOrMore(text())
	return mapping(obj(
		"rule", text(),
		"action", enum(g.Actions),
		"network", text(),
		"firewall", oneOrAny(text()).describe("Names of templates; [] is none."),
		"state", enum(g.TestStates),
		"reason", text(),
		"guest", mapping(obj("mac", oneOrAny(ref("mac")), "ip", oneOrAny(ref("ip"))), "minProperties", 1).describe("Who is behind the vif; [] is nobody known."),
		"forwards", obj("anyOf", []object{ref("expectedForward"), list(ref("expectedForward"))}).describe("All ports that lead to the guest."),
		"plan", fragments.describe("Parts of lines that the plan must have."),
		"no-plan", fragments.describe("Parts of lines that it must not have."),
	), "minProperties", 1)
}

func (g *generator) packet() object {
	return mapping(obj(
		"from-guest", text().describe("What the guest sends, in the words of a statement."),
		"to-guest", text().describe("What the guest is sent, in the words of a statement."),
		"expect", enum([]string{"accept", "drop", "reject"}),
		"by", text().describe("The template that must decide."),
	), "required", []string{"expect"}, "oneOf", oneOf("from-guest", "to-guest"))
}
