package rules

import (
	"fmt"
	"testing"
)

func TestShape(t *testing.T) {
	for _, tt := range []struct{ key, pattern, want string }{
		{"interface", "vif1.0", "literal vif1.0"},
		{"interface", "vif*", "glob vif* whole"},
		{"interface", "*.0", "glob *.0 whole"},
		{"interface", "**", "glob * whole"},
		{"interface", "vif*.0", "glob vif*.0"},
		{"interface", "vif?", "glob vif*"},
		{"interface", "[vt]*", "glob *"},
		{"domain", `a\*b*[cd]é`, "glob a*b*é"},
		{"uuid", "AB*", "glob ab* whole folds"},
		{"mac", "00:16:3E:00:00:01", "literal 00:16:3e:00:00:01 folds"},
		{"domid", "7", "literal 7"},
		{"domid", "7-7", "literal 7"},
		{"domid", "7-9", "range 7 9"},
		{"ip", "2001:DB8::1", "network 2001:db8::1/128"},
		{"ip", "192.0.2.0/24", "network 192.0.2.0/24"},
		{"ip", "192.0.2.*", "glob 192.0.2.* whole"},
	} {
		p, err := ParsePattern(tt.key, tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Shape()
		got := map[ShapeKind]string{
			ShapeLiteral: "literal " + s.Text, ShapeGlob: "glob " + s.Prefix + "*" + s.Suffix,
			ShapeRange: fmt.Sprintf("range %d %d", s.Lo, s.Hi), ShapeNetwork: "network " + s.Net.String(),
		}[s.Kind]
		if s.Whole {
			got += " whole"
		}
		if s.Fold {
			got += " folds"
		}
		if got != tt.want || s.Address != (tt.key == "ip") {
			t.Errorf("%s %s: %s, address %t; want %s", tt.key, tt.pattern, got, s.Address, tt.want)
		}
	}
}
