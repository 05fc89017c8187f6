package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads one file's nodes into the set under construction. Its methods report what is wrong and return false; a node whose
// problem has been reported is passed over in silence.
type decoder struct {
	src *source
	rep *Report
	set *builder

	path    []string // the keys that lead to what is being read
	shared  string   // why no fact can stand in what is being read, where late is nil
	late    *late    // of the rule that is being read; nil elsewhere
	filling *filling // nil: the rules are being loaded
}

// schema lists the keys of one kind of mapping.
type schema struct {
	what     string   // "a rule"
	known    []string // in the order of the documentation
	later    []string // in the contract, not built yet
	required []string
}

func (d *decoder) problem(pos Pos, code, msg, hint string) {
	d.rep.add(Problem{Pos: pos, Code: code, Msg: msg, Hint: hint})
}

func (d *decoder) warn(pos Pos, code, msg, hint string) {
	d.rep.add(Problem{Pos: pos, Severity: Warning, Code: code, Msg: msg, Hint: hint})
}

// value reports verr, found in the value of scalar n.
func (d *decoder) value(n *yaml.Node, verr *valueError) {
	d.problem(d.src.within(n, verr.off, verr.len), verr.code, verr.msg, verr.hint)
}

// empty reports a node that holds nothing, at the key it belongs to where the node itself has no place.
func (d *decoder) empty(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || classify(n) != scalarEmpty {
		return false
	}
	d.problem(d.src.node(n), codeEmpty, what+" is missing", "write a value, or remove the key")
	return true
}

func (d *decoder) wrongType(n *yaml.Node, what, expected, hint string) {
	d.problem(d.src.node(n), codeType, fmt.Sprintf("%s must be %s, found %s", what, expected, describe(n)), hint)
}

// fields calls read for every key of mapping n that s knows, in the order written, and reports the others. It is false where n is
// no mapping. A key without value is reported and not read.
func (d *decoder) fields(n *yaml.Node, s schema, read func(key string, k, v *yaml.Node)) bool {
	if d.src.handled[n] || d.empty(n, s.what) {
		return false
	}
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, s.what, "a mapping", "")
		return false
	}
	seen := make([]string, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if d.src.handled[k] {
			continue
		}
		key := k.Value
		seen = append(seen, key)
		switch {
		case slices.Contains(s.later, key):
			d.later(k, fmt.Sprintf("key %q of %s", key, s.what))
		case !slices.Contains(s.known, key):
			d.problem(d.src.node(k), codeUnknownKey, fmt.Sprintf("unknown key %s in %s", short(key), s.what), suggestion(key, s.known, "keys are"))
		case d.src.handled[v]:
		case v.Kind == yaml.ScalarNode && classify(v) == scalarEmpty:
			d.problem(d.src.node(k), codeEmpty, fmt.Sprintf("key %q has no value", key), "write a value, or remove the key")
		default:
			d.path = append(d.path, key)
			read(key, k, v)
			d.path = d.path[:len(d.path)-1]
		}
	}
	for _, key := range s.required {
		if !slices.Contains(seen, key) {
			d.problem(d.src.node(n), codeMissingKey, fmt.Sprintf("%s needs the key %q", s.what, key), "")
		}
	}
	return true
}

func (d *decoder) later(n *yaml.Node, what string) {
	d.problem(d.src.node(n), codeLater, what+" is not supported yet", "")
}

// entries calls read for every key of a mapping whose keys are names.
func (d *decoder) entries(n *yaml.Node, what string, read func(k, v *yaml.Node)) {
	if d.src.handled[n] || d.empty(n, what) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, what, "a mapping", "")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !d.src.handled[k] {
			d.path = append(d.path, k.Value)
			read(k, n.Content[i+1])
			d.path = d.path[:len(d.path)-1]
		}
	}
}

// list returns the items of a list.
func (d *decoder) list(n *yaml.Node, what string) []*yaml.Node {
	if d.src.handled[n] || d.empty(n, what) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.wrongType(n, what, "a list", "")
		return nil
	}
	return n.Content
}

// oneOrMore returns the items of a list, or a single value as its only item; what must not be an empty list.
func (d *decoder) oneOrMore(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if len(n.Content) == 0 && !d.src.handled[n] {
		d.problem(d.src.node(n), codeEmpty, what+" is an empty list", "write a value, or remove the key")
	}
	return n.Content
}

// scalar reads a scalar's value, of whatever type, as the text it is written as.
func (d *decoder) scalar(n *yaml.Node, what, expected string) (string, scalarKind, bool) {
	if d.src.handled[n] || d.empty(n, what) {
		return "", 0, false
	}
	if n.Kind != yaml.ScalarNode {
		d.wrongType(n, what, expected, "")
		return "", 0, false
	}
	return n.Value, classify(n), true
}

// text reads a scalar that must be text.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	v, kind, ok := d.scalar(n, what, "text")
	switch {
	case !ok:
		return "", false
	case kind == scalarSwitch:
		d.problem(d.src.node(n), codeBoolean, fmt.Sprintf("%s must be text, and %s is a boolean to some YAML readers", what, v), quoteHint(n))
		return "", false
	case kind != scalarText:
		d.wrongType(n, what, "text", quoteHint(n))
		return "", false
	case v == "":
		d.problem(d.src.node(n), codeEmpty, what+" is empty", "")
		return "", false
	}
	return v, true
}

// textOrNumber reads a scalar whose values may look like numbers.
func (d *decoder) textOrNumber(n *yaml.Node, what string) (string, bool) {
	if !d.src.handled[n] && classify(n) == scalarInteger {
		return n.Value, true
	}
	return d.text(n, what)
}

// boolean reads true or false.
func (d *decoder) boolean(n *yaml.Node, what string) (value, ok bool) {
	if n, ok = d.settled(n, what); !ok {
		return false, false
	}
	v, kind, ok := d.scalar(n, what, "true or false")
	switch {
	case !ok:
		return false, false
	case kind == scalarBool:
		return v == "true", true
	case kind == scalarSwitch:
		better := "false"
		if slices.Contains([]string{"true", "yes", "on"}, strings.ToLower(v)) {
			better = "true"
		}
		d.problem(d.src.node(n), codeBoolean, fmt.Sprintf("%s must be true or false, found %s", what, v), "write "+better)
	default:
		hint := ""
		if v == "true" || v == "false" {
			hint = "remove the quotes"
		}
		d.wrongType(n, what, "true or false", hint)
	}
	return false, false
}

// integer reads a number from lo to hi.
func (d *decoder) integer(n *yaml.Node, what string, lo, hi int) (int, bool) {
	i, ok := d.number(n, what, int64(lo), int64(hi))
	return int(i), ok
}

// number is integer for what does not fit into an int everywhere.
func (d *decoder) number(n *yaml.Node, what string, lo, hi int64) (int64, bool) {
	n, ok := d.settled(n, what)
	if !ok {
		return 0, false
	}
	v, kind, ok := d.scalar(n, what, "a number")
	if !ok {
		return 0, false
	}
	if kind != scalarInteger {
		hint := ""
		if _, isNumber := parseNumber(v); isNumber {
			hint = "remove the quotes"
		}
		d.wrongType(n, what, "a whole number", hint)
		return 0, false
	}
	i, err := strconv.ParseInt(v, 10, 64)
	if err != nil || i < lo || i > hi {
		d.problem(d.src.node(n), codeOutOfRange, fmt.Sprintf("%s is from %d to %d, found %s", what, lo, hi, v), "")
		return 0, false
	}
	return i, true
}

// span reads a number or a range of them, both from lo to hi.
func (d *decoder) span(n *yaml.Node, what string, lo, hi uint16) (first, last uint16, ok bool) {
	n, v, ok := d.settledText(n, what)
	if !ok {
		return 0, 0, false
	}
	a, b, verr := parseRange(v, fact{name: what, max: int64(hi)})
	switch {
	case verr != nil:
		d.value(n, verr)
		return 0, 0, false
	case a < int64(lo):
		d.problem(d.src.node(n), codeOutOfRange, fmt.Sprintf("%s is from %d to %d, found %s", what, lo, hi, v), "")
		return 0, 0, false
	}
	return uint16(a), uint16(b), true
}

// onOff reads on or off, as ethtool has it. Unquoted they are booleans to some YAML readers, to which true and false are the same
// thing; here one word means it.
func (d *decoder) onOff(n *yaml.Node, what string) (on, ok bool) {
	if n, ok = d.settled(n, what); !ok {
		return false, false
	}
	v, kind, ok := d.scalar(n, what, "on or off")
	switch {
	case !ok:
		return false, false
	case v == "on", v == "off":
		return v == "on", true
	case kind == scalarBool, kind == scalarSwitch:
		better := "off"
		if slices.Contains([]string{"true", "yes", "on"}, strings.ToLower(v)) {
			better = "on"
		}
		d.problem(d.src.node(n), codeBoolean, fmt.Sprintf("%s must be on or off, found %s", what, v), "write "+better)
	default:
		d.wrongType(n, what, "on or off", "")
	}
	return false, false
}

// interfaceName reads the name of an interface.
func (d *decoder) interfaceName(n *yaml.Node, what string) (string, bool) {
	v, ok := d.text(n, what)
	if !ok || d.substituted(n, what) {
		return "", false
	}
	if verr := checkInterface(v); verr != nil {
		d.value(n, verr)
		return "", false
	}
	return v, true
}

// expandable reads a text with substitutions. What it is without them, or where no fact is known, must pass check.
func (d *decoder) expandable(n *yaml.Node, what string, check func(string) *valueError) (Text, bool) {
	v, ok := d.text(n, what)
	if !ok {
		return Text{}, false
	}
	t, verr := parseText(v)
	if verr != nil {
		d.value(n, verr)
		return Text{}, false
	}
	t = t.at(func(off, length int) Pos { return d.src.within(n, off, length) })
	if value, known := t.defaults(); known {
		if verr := check(value); verr != nil {
			if _, literal := t.Literal(); !literal {
				verr.msg = "with its defaults: " + verr.msg
				verr.off, verr.len = 0, len(v)
			}
			d.value(n, verr)
			return Text{}, false
		}
	}
	return t, true
}
