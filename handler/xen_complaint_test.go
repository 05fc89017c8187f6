package handler

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestComplaint(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, c := range [][3]string{
		{"", "why", "vif1.0: why"},
		{"web", "why", `vif1.0: rule "web": why`},
		{"web", `rule "web": bridge: why`, `vif1.0: rule "web": bridge: why`},
		{"a", `rule "web": why`, `vif1.0: rule "a": rule "web": why`},
		{"", `"` + long + `" is long, and "short" is not`, `vif1.0: "` + long[:keptQuoted] + `..." is long, and "short" is not`},
		{"", `an open "` + long, `vif1.0: an open "` + long[:keptQuoted] + `...`},
		{"", `"a \" b"`, `vif1.0: "a \" b"`},
		{"", `"`, `vif1.0: "`},
	} {
		if got := Complaint("vif1.0", c[0], c[1]); got != c[2] {
			t.Errorf("rule %q, %q:\n%s\nwant\n%s", c[0], c[1], got, c[2])
		}
	}
	if got := shortened(`"` + strings.Repeat("a", keptQuoted-1) + strings.Repeat("ä", 40) + `"`); !utf8.ValidString(got) || shortened(got) != got {
		t.Errorf("%q", got)
	}
}
