package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"vifd/internal/stmt"
)

// testName keeps the library's tests apart, so that a new version of it does not collide with what users have.
type testName struct {
	library bool
	name    string
}

// test reads one entry of `tests`. Whether it is one of the rules or of a template its keys say.
func (d *decoder) test(n *yaml.Node) {
	t := Test{Library: d.src.library}
	s, ok := d.testSchema(n)
	if !ok {
		return
	}
	ok = d.fields(n, s, func(key string, k, v *yaml.Node) {
		switch key {
		case "name":
			t.Name = d.testName(v)
		case "event":
			t.Event = d.event(v)
		case "expect":
			t.Expect = d.expectation(v)
		case "template":
			t.Template = d.testedTemplate(v)
		case "routed":
			t.Routed, _ = d.boolean(v, key)
		case "guest":
			t.Guest = d.testGuest(v)
		case "packets":
			items := d.list(v, key)
			if v.Kind == yaml.SequenceNode && len(items) == 0 {
				d.problem(d.src.node(k), codeEmpty, "packets is an empty list", "write a packet, or remove the key")
			}
			for _, item := range items {
				if p, ok := d.packet(item); ok {
					t.Packets = append(t.Packets, p)
				}
			}
		}
	})
	if !ok {
		return
	}
	t.Pos = d.src.node(n)
	d.set.set.Tests = append(d.set.set.Tests, t)
}

// testSchema picks the keys of the kind of test that n is; of one that is both or neither it reports that.
func (d *decoder) testSchema(n *yaml.Node) (schema, bool) {
	ofTemplate := schema{
		what: "a template's test", known: []string{"name", "template", "routed", "guest", "packets"}, required: []string{"name", "packets"},
	}
	if d.src.handled[n] || n.Kind != yaml.MappingNode {
		return ofTemplate, true // fields says what is wrong
	}
	at := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at[n.Content[i].Value] = n.Content[i]
	}
	event, template := at["event"], at["template"]
	switch {
	case event != nil && template != nil:
		d.rep.add(Problem{
			Pos: d.src.node(template), Code: codeConflict, Msg: "a test is of the rules, by an event, or of a template, and this one has both",
			Hint: "make two tests of it", Related: &Related{Pos: d.src.node(event), Msg: "the event is here"},
		})
		return schema{}, false
	case event != nil && d.src.library:
		d.problem(d.src.node(event), codeUnknownKey, "a test of the template library has no event", "there are no rules beside the library; test a template")
		return schema{}, false
	case template != nil:
		return ofTemplate, true
	case event == nil:
		d.problem(d.src.node(n), codeMissingKey, `a test needs the key "event" or "template"`, "an event to test the rules with, or the template to test")
		return schema{}, false
	case at["expect"] == nil && at["packets"] == nil:
		d.problem(d.src.node(n), codeMissingKey, `a test needs the key "expect" or "packets"`, "without them it expects nothing")
	}
	return schema{what: "a test", known: []string{"name", "event", "expect", "packets"}, required: []string{"name"}}, true
}

func (d *decoder) testName(n *yaml.Node) string {
	const most = 200
	name, ok := d.text(n, "a test's name")
	switch {
	case !ok:
		return ""
	case len(name) > most || strings.ContainsAny(name, "\n\t"):
		d.problem(d.src.node(n), codeName, fmt.Sprintf("%s is no name for a test", short(name)), fmt.Sprintf("a name is one line of at most %d bytes", most))
		return ""
	}
	key := testName{d.src.library, name}
	if !d.twice(n, fmt.Sprintf("test %q is defined", name), d.set.tests[key]) {
		d.set.tests[key] = d.src.node(n)
	}
	return name
}

func (d *decoder) word(n *yaml.Node, what string) Word {
	text, ok := d.text(n, what)
	if !ok {
		return Word{}
	}
	return Word{text, d.src.node(n)}
}

// choice reads one of some words.
func (d *decoder) choice(n *yaml.Node, what string, choices []string) Word {
	w := d.word(n, what)
	if w.Text == "" || slices.Contains(choices, w.Text) {
		return w
	}
	d.problem(w.Pos, codeChoice, fmt.Sprintf("%s cannot be %s", what, short(w.Text)), suggestion(w.Text, choices, "it is one of"))
	return Word{}
}

// testedTemplate reads the template of a test. There is no vif whose facts could be put into its arguments.
func (d *decoder) testedTemplate(n *yaml.Node) TemplateRef {
	ref, ok := d.templateRef(n)
	if !ok {
		return TemplateRef{}
	}
	for _, name := range sortedKeys(ref.With) {
		arg := ref.with[name]
		for i, text := range ref.With[name] {
			if len(text.Facts()) > 0 {
				d.problem(arg.values[i], codeText, fmt.Sprintf("argument %q has a substitution, and the test of a template has no facts", name), "write the value")
			}
		}
	}
	return ref
}

func (d *decoder) testGuest(n *yaml.Node) TestGuest {
	var g TestGuest
	d.fields(n, schema{what: "a test's guest", known: []string{"mac", "ip"}}, func(key string, _, v *yaml.Node) {
		for _, item := range d.oneOrMore(v, key) {
			text, ok := d.text(item, key)
			if !ok {
				continue
			}
			var verr *valueError
			if key == "mac" {
				mac, bad := parseGuestMAC(text)
				g.MACs, verr = append(g.MACs, mac), bad
			} else {
				ip, bad := parseGuestIP(text)
				g.IPs, verr = append(g.IPs, ip), bad
			}
			if verr != nil {
				d.value(item, verr)
			}
		}
	})
	return g
}

// packet reads one packet of a test and what is expected of it.
func (d *decoder) packet(n *yaml.Node) (Packet, bool) {
	var p Packet
	var text *yaml.Node // the first of from-guest and to-guest
	verdicts := map[string]stmt.Verdict{"accept": stmt.Accept, "drop": stmt.Drop, "reject": stmt.Rejected}
	good := true
	s := schema{what: "a packet", known: []string{"from-guest", "to-guest", "expect", "by"}, required: []string{"expect"}}
	ok := d.fields(n, s, func(key string, k, v *yaml.Node) {
		switch key {
		case "expect":
			w := d.choice(v, "the packet's verdict", []string{"accept", "drop", "reject"})
			p.Expect, p.ExpectPos = verdicts[w.Text], w.Pos
		case "by":
			p.By = d.word(v, "a template's name")
		default:
			if text != nil {
				d.rep.add(Problem{
					Pos: d.src.node(k), Code: codeConflict, Msg: "a packet goes one way, and this one has from-guest and to-guest",
					Hint: "make two packets of it", Related: &Related{Pos: d.src.node(text), Msg: "the other one is here"},
				})
				good = false
				return
			}
			text = k
			p.ToGuest = key == "to-guest"
			if written, ok := d.text(v, "a packet"); ok {
				p.Text = strings.TrimRight(written, "\n")
				p.spot = d.src.spot(v)
				p.Pos = p.spot.pos(0, len(p.Text))
			}
		}
	})
	if ok && text == nil && !hasKey(n, "from-guest") && !hasKey(n, "to-guest") {
		d.problem(d.src.node(n), codeMissingKey, `a packet needs the key "from-guest" or "to-guest"`, "the way it goes, and what it is")
	}
	return p, ok && good
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}
