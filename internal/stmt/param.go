package stmt

import (
	"fmt"
	"slices"
	"strings"
)

// Type is the type of a template's parameter.
type Type int

// The parameter types. TypeNone is that of a field which takes no parameter. A TypePrefix holds addresses and prefixes of
// both families; a statement about one of them sees that family's alone.
const (
	TypeNone Type = iota
	TypeMAC
	TypeIP
	TypeIP6
	TypePrefix
	TypePort
	TypePortRange
	TypeProto
	TypeNumber
	TypeRate
	TypeInterface
	TypeBool
	TypeEnum
)

var typeNames = [...]string{
	TypeNone: "none", TypeMAC: "mac", TypeIP: "ip", TypeIP6: "ip6", TypePrefix: "prefix", TypePort: "port", TypePortRange: "port-range",
	TypeProto: "proto", TypeNumber: "number", TypeRate: "rate", TypeInterface: "interface", TypeBool: "bool", TypeEnum: "enum",
}

func (t Type) String() string { return typeNames[t] }

// TypeNames returns the names that ParseType takes.
func TypeNames() []string { return append([]string(nil), typeNames[1:]...) }

// ParseType reads a parameter type as a template declares it: a name, or several with dots between them for values that
// belong together (`ip . port`).
func ParseType(text string) ([]Type, bool) {
	var types []Type
	for name := range strings.SplitSeq(text, ".") {
		t := parseType(strings.TrimSpace(name))
		if t == TypeNone {
			return nil, false
		}
		types = append(types, t)
	}
	if len(types) > 1 {
		for _, t := range types {
			if t == TypeRate || t == TypeBool {
				return nil, false
			}
		}
	}
	return types, len(types) <= maxConcat
}

func parseType(name string) Type {
	for t, n := range typeNames {
		if n == name {
			return Type(t)
		}
	}
	return TypeNone
}

// TypeText is how a declaration writes types.
func TypeText(types []Type) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return strings.Join(names, " . ")
}

// datatypes are those whose literals a value of the type is; a prefix is one of either.
func (t Type) datatypes() []*Datatype {
	switch t {
	case TypeMAC:
		return []*Datatype{EtherAddr}
	case TypeIP:
		return []*Datatype{IPv4Addr}
	case TypeIP6:
		return []*Datatype{IPv6Addr}
	case TypePrefix:
		return []*Datatype{IPv4Addr, IPv6Addr}
	case TypePort, TypePortRange:
		return []*Datatype{InetService}
	case TypeProto:
		return []*Datatype{InetProto}
	case TypeNumber:
		return []*Datatype{HostInteger}
	case TypeInterface:
		return []*Datatype{Ifname}
	case TypeNone, TypeRate, TypeBool, TypeEnum:
	}
	return nil
}

// Check reports why value cannot be an argument of type t: a literal, or where nft takes one a range or prefix.
func (t Type) Check(value string) error {
	switch t {
	case TypeRate:
		_, err := ParseRate(value)
		return err
	case TypeBool:
		if value != "true" && value != "false" {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		return nil
	case TypeNone, TypeEnum:
		return nil // the places where it is used know
	case TypeMAC, TypeIP, TypeIP6, TypePrefix, TypePort, TypePortRange, TypeProto, TypeNumber, TypeInterface:
	}
	var first error
	for _, d := range t.datatypes() {
		_, err := elem(d, d.bits, value)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if t == TypePrefix {
		return fmt.Errorf("%q is neither an address nor a prefix of IPv4 or IPv6", value)
	}
	return first
}

// CheckTuple is Check for values that belong together, with dots between them.
func CheckTuple(types []Type, value string) error {
	parts := splitTuple(value)
	if len(parts) != len(types) {
		return fmt.Errorf("%q has %d parts, and its type %s has %d", value, len(parts), TypeText(types), len(types))
	}
	for i, t := range types {
		if err := t.Check(parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// splitTuple cuts `192.0.2.1 . 443`. The dots have spaces around them, as those of an address have not.
func splitTuple(value string) []string {
	parts := strings.Split(value, " . ")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// Bind reads the values of a parameter as what m compares its fields with. Of prefixes it takes those of the field's
// family, which may be none.
func (m *Match) Bind(types []Type, values []string) ([]Tuple, error) {
	return bind(m.Fields, types, values)
}

func bind(fs []*Field, types []Type, values []string) ([]Tuple, error) {
	var tuples []Tuple
	var taken []string
	for _, value := range values {
		parts := []string{value}
		if len(fs) > 1 {
			parts = splitTuple(value)
		}
		if len(parts) != len(fs) || len(types) != len(fs) {
			return nil, fmt.Errorf("%q has %d parts, and is compared with %d fields", value, len(parts), len(fs))
		}
		tuple := make(Tuple, 0, len(fs))
		other := false
		for i, f := range fs {
			e, err := elem(f.Type, f.Bits, parts[i])
			if err != nil && types[i] == TypePrefix && types[i].Check(parts[i]) == nil {
				other = true
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			tuple = append(tuple, e)
		}
		if !other {
			tuples, taken = append(tuples, tuple), append(taken, value)
		}
	}
	if i, j, ok := overlap(tuples); ok {
		return nil, fmt.Errorf("%s and %s overlap", taken[i], taken[j])
	}
	return tuples, nil
}

// builtins are the parameters that every template has: the guest's own values, kept in sets keyed by interface and value.
var builtins = map[string]Type{"mac": TypeMAC, "ip": TypeIP, "ip6": TypeIP6}

// Interface is the parameter that stands for the guest's interface: in the key of an update, and behind the field by which
// all packets of the direction are the guest's.
const Interface = "interface"

// Builtin returns the type of a parameter that every template has ($mac, $ip, $ip6).
func Builtin(name string) (Type, bool) {
	t, ok := builtins[name]
	return t, ok
}

// Use is one place where a statement names a parameter.
type Use struct {
	Name     string
	Takes    []Type   // what the place takes; of a concatenation nil
	Fields   []*Field // what the parameter is compared with, if anything
	What     string   // the place, for messages
	Col, Len int
}

// Fits reports whether a parameter of these types can stand in the place.
func (u *Use) Fits(types []Type) bool {
	if len(u.Fields) > 1 {
		if len(types) != len(u.Fields) {
			return false
		}
		for i, f := range u.Fields {
			if !f.Type.takesType(types[i]) {
				return false
			}
		}
		return true
	}
	return len(types) == 1 && slices.Contains(u.Takes, types[0])
}

// Wants says in words what the place takes.
func (u *Use) Wants() string {
	if len(u.Fields) > 1 {
		names := make([]string, len(u.Fields))
		for i, f := range u.Fields {
			names[i] = f.Type.takes[0].String()
		}
		return strings.Join(names, " . ")
	}
	names := make([]string, len(u.Takes))
	for i, t := range u.Takes {
		names[i] = t.String()
	}
	return strings.Join(names, " or ")
}

// Check reports why value cannot be in the place, which knows more than the parameter's type does.
func (u *Use) Check(types []Type, value string) error {
	if len(u.Fields) == 0 {
		return nil
	}
	_, err := bind(u.Fields, types, []string{value})
	return err
}

func (d *Datatype) takesType(t Type) bool { return slices.Contains(d.takes, t) }

// Params returns every parameter that s names, in order.
func (s *Stmt) Params() []Use {
	var uses []Use
	if c := s.When; c != nil {
		takes := TypeBool
		if c.Value != "" {
			takes = TypeEnum
		}
		uses = append(uses, Use{Name: c.Param, Takes: []Type{takes}, What: "a condition", Col: c.Col, Len: c.Len})
	}
	for _, it := range s.Items {
		uses = append(uses, itemParams(it)...)
	}
	return uses
}

func itemParams(it Item) []Use {
	switch it := it.(type) {
	case Match:
		return valueParams(it.Fields, it.Value)
	case Assign:
		return valueParams([]*Field{it.Field}, it.Value)
	case Limit:
		if it.Param != "" {
			return []Use{{Name: it.Param, Takes: []Type{TypeRate}, What: "limit rate", Col: it.Col, Len: it.Len}}
		}
	case CtCount:
		if it.Param != "" {
			return []Use{{Name: it.Param, Takes: []Type{TypeNumber}, What: "ct count", Col: it.Col, Len: it.Len}}
		}
	case Update:
		return itemParams(it.Each)
	}
	return nil
}

func valueParams(fs []*Field, v Value) []Use {
	if v.Param == "" || v.Param == Interface {
		return nil
	}
	u := Use{Name: v.Param, Fields: fs, What: fieldNames(fs), Col: v.Col, Len: v.Len}
	if len(fs) == 1 {
		u.Takes = fs[0].Type.takes
	}
	return []Use{u}
}

func fieldNames(fs []*Field) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = "$" + Interface
		if f != nil {
			names[i] = f.Name
		}
	}
	return strings.Join(names, " . ")
}
