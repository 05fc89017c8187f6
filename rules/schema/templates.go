package schema

import "strings"

func (g *generator) template() object {
	statements := list(text())
	return mapping(obj(
		"description", text(),
		"params", names(ref("param"), obj("allOf", []object{ref("lowerName"), obj("not", enum(g.OwnParams))})).
			describe("What its users may set; $mac, $ip, $ip6 and $interface every template has."),
		"from-guest", statements.describe("Statements in nft's syntax, for what the guest sends."),
		"to-guest", statements.describe("Statements in nft's syntax, for what the guest is sent."),
	), "anyOf", oneOf("from-guest", "to-guest"))
}

func (g *generator) param() object {
	types := "(" + strings.Join(g.ParamTypes, "|") + ")"
	typ := obj("anyOf", []object{
		pattern("^\\s*" + types + "(\\s*\\.\\s*" + types + ")*\\s*$"),
		obj("type", "array", "items", enum(g.ParamTypes), "minItems", 1, "maxItems", g.ConcatLen),
	})
	value := obj("type", []string{"string", "integer", "boolean"}, "minLength", 1, "pattern", noFacts)
	word := factless(textOrNumber())
	isEnum := obj("properties", obj("type", obj("anyOf", []object{pattern("^\\s*enum\\s*$"), obj("const", []string{"enum"})})), "required", []string{"type"})
	return mapping(obj(
		"type", typ.describe("One of "+strings.Join(g.ParamTypes, ", ")+"; several with dots between them belong together."),
		"list", boolean().describe("It takes several values, which are one set."),
		"default", oneOrMore(value).describe("Without one it must be given."),
		"values", obj("anyOf", []object{word, obj("type", "array", "items", word, "minItems", 1, "maxItems", g.EnumLen)}).
			describe("The words that an enum may be."),
	),
		"required", []string{"type"},
		"if", isEnum, "then", required("values"), "else", obj("not", required("values")),
	)
}

// use is a template in a rule's `firewall`, or in a test.
func (g *generator) use() object {
	value := obj("type", []string{"string", "integer", "boolean"}, "minLength", 1, "pattern", doubled)
	return templateOr(mapping(obj(
		"template", templateName(),
		"with", obj("type", "object", "additionalProperties", oneOrMore(value)).describe("Arguments."),
	), "required", []string{"template"}))
}

func templateName() object { return factless(text()) }

func templateOr(full object) object { return obj("anyOf", []object{templateName(), full}) }
