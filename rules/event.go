package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// event reads the facts of a test's vif.
func (d *decoder) event(n *yaml.Node) Event {
	e := Event{}
	d.entries(n, "event", func(k, v *yaml.Node) {
		f, ok := lookupFact(k.Value)
		if !ok && !knownTextFact(k.Value) {
			d.unknownFact(k, "event", textFactNames())
			return
		}
		if v.Kind == yaml.ScalarNode && !d.src.handled[v] && classify(v) == scalarEmpty {
			d.problem(d.src.node(k), codeEmpty, fmt.Sprintf("key %q has no value", k.Value), "write a value, or remove the key")
			return
		}
		values := []string{}
		for _, item := range d.oneOrMore(v, k.Value) {
			text, ok := d.textOrNumber(item, k.Value)
			if !ok {
				continue
			}
			if verr := f.check(text); verr != nil {
				d.value(item, verr)
			}
			values = append(values, text)
		}
		e[k.Value] = values
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		d.problem(d.src.node(n), codeEmpty, "event holds no fact", "name the interface at least: {interface: vif7.0}")
	}
	return e
}

// check reports why no vif can have value as its fact f.
func (f *fact) check(value string) *valueError {
	fail := func(code, msg, hint string) *valueError {
		return &valueError{code: code, len: len(value), msg: fmt.Sprintf("%s is no %s", short(value), msg), hint: hint}
	}
	switch f.kind {
	case kindName:
		if strings.ContainsAny(value, "*?[") {
			return fail(codeInterface, "interface's name", "an event has one vif, and no pattern")
		}
		return checkInterface(value)
	case kindMAC:
		_, verr := parseMAC(value)
		return verr
	case kindNumber:
		if n, ok := parseNumber(value); !ok || n > f.max {
			return fail(codeRange, f.name, fmt.Sprintf("write a number of at most %d", f.max))
		}
	case kindIP:
		_, err := netip.ParseAddr(value)
		if _, perr := netip.ParsePrefix(value); err != nil && perr != nil {
			return fail(codeIP, "IP address", "write it as in 192.0.2.7 or 2001:db8::7")
		}
	case kindGlob, kindFolded: // any text
	}
	return nil
}
