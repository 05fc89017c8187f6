package rules

import (
	"math"

	"vifd/internal/stmt"
)

// Tables is what the decoder knows of words and numbers, for a schema of rules files.
type Tables struct {
	Facts      []FactTable // the keys of `match`, without the families env.NAME and attr.NAME
	Actions    []string    // of which a rule has one
	Offloads   []string
	Sysctls    []RangeTable
	ParamTypes []string
	TestStates []string // what `expect` may ask for
	OwnParams  []string // parameters that every template has and none declares

	// Numbers, from the least to the most.
	MTU, VLAN, Port, TxQueueLen, Group, Metric, Table, Vif RangeTable
	// NameLen and TestNameLen are the most bytes of a name, EnumLen the most values of an enum, ConcatLen the most types of a tuple.
	NameLen, TestNameLen, EnumLen, ConcatLen int
}

// FactTable is one fact of a vif.
type FactTable struct {
	Name   string
	Number bool  // takes numbers, and in `match` ranges
	Max    int64 // of a number
}

// RangeTable is the values that a number may have; Name is for those that are keys themselves.
type RangeTable struct {
	Name   string
	Lo, Hi int64
}

// SchemaTables returns the decoder's own tables.
func SchemaTables() Tables {
	t := Tables{
		Actions: actionKeys(), Offloads: features(), ParamTypes: stmt.TypeNames(), TestStates: append([]string(nil), testStates...),
		MTU: RangeTable{Lo: minMTU, Hi: maxMTU}, VLAN: RangeTable{Lo: 1, Hi: maxVLAN}, Port: RangeTable{Lo: 1, Hi: maxPort},
		TxQueueLen: RangeTable{Lo: 0, Hi: maxTxQueueLen}, Group: RangeTable{Lo: 0, Hi: math.MaxUint32}, Metric: RangeTable{Lo: 1, Hi: maxMetric},
		Table: RangeTable{Lo: 1, Hi: math.MaxUint32}, Vif: RangeTable{Lo: 0, Hi: math.MaxInt32},
		NameLen: maxName, TestNameLen: 200, EnumLen: 64, ConcatLen: 5,
	}
	for _, f := range facts {
		t.Facts = append(t.Facts, FactTable{f.name, f.kind == kindNumber, f.max})
	}
	for _, name := range sysctlNames() {
		allowed, _ := lookupSysctl(name)
		t.Sysctls = append(t.Sysctls, RangeTable{name, allowed.lo, allowed.hi})
	}
	for _, name := range []string{"mac", "ip", "ip6", stmt.Interface} {
		if everywhere(name) {
			t.OwnParams = append(t.OwnParams, name)
		}
	}
	return t
}
