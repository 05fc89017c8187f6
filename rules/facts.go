package rules

import (
	"math"
	"strings"

	"vifd/internal/vif"
)

// patternKind is how the values of a fact are written and compared.
type patternKind int

const (
	kindGlob   patternKind = iota // text, byte for byte
	kindFolded                    // text, in which A and a are the same (ASCII)
	kindName                      // an interface's name
	kindMAC                       // an Ethernet address
	kindNumber                    // a decimal number
	kindIP                        // an IP address
)

// fact is one fact of a vif that a rule may ask for.
type fact struct {
	name string
	kind patternKind
	max  int64 // of a number
}

// facts lists those with a name of their own; env.NAME, attr.NAME and xen.NAME come beside them.
var facts = [...]fact{
	{name: "interface", kind: kindName},
	{name: "domid", kind: kindNumber, max: vif.MaxDomid},
	{name: "vifid", kind: kindNumber, max: math.MaxInt32},
	{name: "mac", kind: kindMAC},
	{name: "driver"},
	{name: "kind"},
	{name: "alias"},
	{name: "group", kind: kindNumber, max: math.MaxUint32},
	{name: "action"},
	{name: "subsystem"},
	{name: "domain"},
	{name: "uuid", kind: kindFolded},
	{name: "ip", kind: kindIP},
	{name: "bridge"},
	{name: "script"},
	{name: "type"},
}

// FactNames returns the keys of `match`, in the order of the documentation; the last ones are families, with NAME for what follows.
func FactNames() []string {
	names := make([]string, 0, len(facts)+2)
	for i := range facts {
		names = append(names, facts[i].name)
	}
	return append(names, "env.NAME", "attr.NAME")
}

// IsFact reports whether name is a key of `match`, or one of a family of them.
func IsFact(name string) bool {
	_, ok := lookupFact(name)
	return ok
}

// textFactNames adds what only a substitution can name: what xenstore holds of the vif, as Xen calls it.
func textFactNames() []string { return append(FactNames(), "xen.NAME") }

// lookupFact returns the fact that a key of `match` names.
func lookupFact(name string) (fact, bool) {
	for i := range facts {
		if facts[i].name == name {
			return facts[i], true
		}
	}
	if rest, ok := strings.CutPrefix(name, "env."); ok {
		// Names of a uevent's properties are those of environment variables (lib/kobject_uevent.c, add_uevent_var).
		ok = allOf(rest, func(c byte) bool { return isWord(c) || c == '_' }) && !isDigit(rest[0])
		return fact{name: name}, ok
	}
	if rest, ok := strings.CutPrefix(name, "attr."); ok {
		return fact{name: name}, isPath(rest)
	}
	return fact{}, false
}

// knownTextFact reports whether ${name} may stand in a text.
func knownTextFact(name string) bool {
	if rest, ok := strings.CutPrefix(name, "xen."); ok {
		return isPath(rest)
	}
	_, ok := lookupFact(name)
	return ok
}

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isPath reports whether p names something below a folder, of sysfs or xenstore, and cannot lead out of it.
func isPath(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "." || part == ".." || !allOf(part, func(c byte) bool { return isWord(c) || c == '_' || c == '-' || c == '.' }) {
			return false
		}
	}
	return true
}
