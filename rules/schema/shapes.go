package schema

import (
	"fmt"

	"vifd/rules"
)

// What values look like, in the words of JSON Schema. Each is a new object, to which a description can be added.

func ref(name string) object { return obj("$ref", "#/$defs/"+name) }

func (o object) describe(text string) object { return append(object{{"description", text}}, o...) }

func text() object { return obj("type", "string", "minLength", 1) }

func boolean() object { return obj("type", "boolean") }

func pattern(re string) object { return obj("type", "string", "pattern", re) }

func enum(words []string) object { return obj("enum", words) }

func integer(r rules.RangeTable) object {
	return obj("type", "integer", "minimum", r.Lo, "maximum", r.Hi)
}

// late is a value of a rule's, or a text in which facts stand that decide it. What comes of them the decoder judges.
func late(of object) object { return obj("anyOf", []object{of, ref("facts-in-text")}) }

// The forms of texts in which no fact stands: where a dollar stands for itself, and where it is doubled.
const (
	noFacts = "^([^$]|\\$+[^${])*\\$*$"
	doubled = "^([^$]|\\$\\$)*$"
)

// textOrNumber is what may look like a number without being one.
func textOrNumber() object { return obj("type", []string{"string", "integer"}, "minLength", 1) }

// factless is an object for text in which no fact may stand.
func factless(text object) object { return append(text, member{"pattern", noFacts}) }

// span is a number or a range of them, which is text.
func span(r rules.RangeTable) object {
	return obj("anyOf", []object{integer(r), pattern("^(0|[1-9][0-9]*)(-[1-9][0-9]*)?$")})
}

// oneOrMore is a value, or a list of some.
func oneOrMore(of object) object {
	return obj("anyOf", []object{of, obj("type", "array", "items", of, "minItems", 1)})
}

// oneOrAny is oneOrMore with the empty list, which says something, too.
func oneOrAny(of object) object { return obj("anyOf", []object{of, list(of)}) }

func list(of object) object { return obj("type", "array", "items", of) }

// mapping is an object that has no other keys than those given.
func mapping(properties object, more ...any) object {
	o := obj("type", "object", "properties", properties, "additionalProperties", false)
	return append(o, obj(more...)...)
}

// names is an object whose keys are names.
func names(of, name object) object {
	return obj("type", "object", "propertyNames", name, "additionalProperties", of)
}

func required(keys ...string) object { return obj("required", keys) }

// oneOf is the objects that have exactly one of some keys.
func oneOf(keys ...string) []object {
	var list []object
	for _, key := range keys {
		list = append(list, required(key))
	}
	return list
}

// The forms of names and addresses. What they mean the decoder judges.
const (
	macForm      = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"
	ipForm       = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"
	addrForm     = "^[0-9A-Fa-f:.]+$"
	uuidForm     = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
	durationForm = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
	rateForm     = "^[0-9]+(\\.[0-9]+)?([A-Za-z]+(/s)?)?(@[0-9]+[mu]?s?)?$"
	sizeForm     = "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$"
	domainForm   = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
	envForm      = "^env\\.[A-Za-z_][A-Za-z0-9_]*$"
	attrForm     = "^attr\\.[A-Za-z0-9_./-]+$"
)

func (g *generator) defs() object {
	return obj(
		"name", pattern(fmt.Sprintf("^[A-Za-z0-9][A-Za-z0-9._-]{0,%d}$", g.NameLen-1)),
		"lowerName", pattern(fmt.Sprintf("^[a-z0-9][a-z0-9-]{0,%d}$", g.NameLen-1)),
		"interface", obj("type", "string", "pattern", "^[^/:\\s]+$", "minLength", 1, "maxLength", 15),
		"mac", pattern(macForm),
		"ip", pattern(ipForm),
		"address", pattern(addrForm),
		"network", g.network(),
		"guest", g.guest(),
		"template", g.template(),
		"param", g.param(),
		"use", g.use(),
		"rule", g.rule(),
		"facts", g.match(factless(textOrNumber())),
		"facts-in-text", pattern("\\$\\{[^}]+\\}").describe("${fact} or ${fact:-default}; what comes of it is checked when a vif comes."),
		"forward", g.forward(late),
		"expectedForward", g.forward(func(of object) object { return of }),
		"test", g.test(),
		"packet", g.packet(),
	)
}

func (g *generator) file() object {
	root := obj(
		"$schema", "https://json-schema.org/draft/2020-12/schema",
		"title", "vifd rules",
		"description", "How virtual machines' interfaces are connected to the host's network; docs/rules.md explains all of it.",
	)
	root = append(root, mapping(obj(
		"networks", names(ref("network"), ref("name")).describe("The host's side: bridges, and networks that are routed or translated."),
		"guests", list(ref("guest")).describe("Who is behind a vif."),
		"templates", names(ref("template"), ref("lowerName")).describe("Firewall templates. Those of the built-in library are there as well."),
		"rules", list(ref("rule")).describe("The first rule that matches a vif decides about it."),
		"tests", list(ref("test")).describe("What is expected of rules and templates; run by vifd test."),
		"defaults", mapping(obj(
			"unmatched", enum([]string{"ignore", "block"}).describe("What becomes of a vif that no rule matches."),
		)),
	))...)
	root[3].value = []string{"object", "null"} // a file may hold nothing
	return append(root, member{"$defs", g.defs()})
}
