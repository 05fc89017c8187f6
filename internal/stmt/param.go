package stmt

// Type is the type of a template's parameter, by the names of DESIGN.md 4.
type Type int

// The parameter types. TypeNone is that of a field which takes no parameter.
const (
	TypeNone Type = iota
	TypeMAC
	TypeIP
	TypeIP6
	TypePort
	TypeProto
)

var typeNames = [...]string{TypeNone: "none", TypeMAC: "mac", TypeIP: "ip", TypeIP6: "ip6", TypePort: "port", TypeProto: "proto"}

func (t Type) String() string { return typeNames[t] }

// ParseType reads the name of a parameter type as a template declares it.
func ParseType(name string) (Type, bool) {
	for t, n := range typeNames {
		if n == name && Type(t) != TypeNone {
			return Type(t), true
		}
	}
	return TypeNone, false
}

// TypeNames returns the names that ParseType takes.
func TypeNames() []string { return append([]string(nil), typeNames[1:]...) }

var typeDatatypes = [...]*Datatype{TypeMAC: EtherAddr, TypeIP: IPv4Addr, TypeIP6: IPv6Addr, TypePort: InetService, TypeProto: InetProto}

// Check reports why value cannot be an argument of type t: a literal, or where nft takes one a range or prefix.
func (t Type) Check(value string) error {
	_, err := t.Elem(value)
	return err
}

// Elem reads value as an argument of type t.
func (t Type) Elem(value string) (Elem, error) {
	d := typeDatatypes[t]
	return elem(d, d.bits, value)
}

// builtins are the parameters that every template has: the guest's own values, kept in sets keyed by interface and value.
var builtins = map[string]Type{"mac": TypeMAC, "ip": TypeIP, "ip6": TypeIP6}

// Builtin returns the type of a parameter that every template has ($mac, $ip, $ip6).
func Builtin(name string) (Type, bool) {
	t, ok := builtins[name]
	return t, ok
}
