package rules

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPatternMatch(t *testing.T) {
	for _, tc := range []struct {
		key, pattern string
		yes, no      []string
	}{
		{"driver", "vif", []string{"vif"}, []string{"", "vi", "viff", "VIF"}},
		{"driver", "*", []string{"", "x", "日本"}, nil},
		{"driver", "?", []string{"x", "日", "\xff"}, []string{"", "xy"}},
		{"driver", "a*b*c", []string{"abc", "aXbYc", "abbcbc"}, []string{"ab", "acb", "abcd"}},
		{"driver", "**a**", []string{"a", "xax"}, []string{"", "x"}},
		{"driver", "[a-c]x", []string{"ax", "cx"}, []string{"dx", "x", "a"}},
		{"driver", "[!a-c]x", []string{"dx", "日x", "\xffx"}, []string{"ax", "x"}},
		{"driver", "[a-]", []string{"a", "-"}, []string{"b"}},
		{"driver", `[\]\-]`, []string{"]", "-"}, []string{`\`}},
		{"driver", `\*\?\[\]\!\\`, []string{`*?[]!\`}, []string{`\*?[]!\`, "x"}},
		{"driver", "[ä-ö]", []string{"ö"}, []string{"a", "o"}},
		{"driver", "\ufffd", []string{"\ufffd"}, []string{"\xff"}},
		{"interface", "vif*.0", []string{"vif1.0", "vif12.0"}, []string{"vif1.1", "vif1.0-emu"}},
		{"mac", "00:16:3E:*", []string{"00:16:3e:00:00:07", "00:16:3E:AA:BB:CC"}, []string{"00:16:3f:00:00:07"}},
		{"mac", "00:16:3e:00:00:0A", []string{"00:16:3e:00:00:0a", "00:16:3E:00:00:0A"}, []string{"00:16:3e:00:00:0b", ""}},
		{"mac", "0[0-2]:[A-F]*", []string{"02:ab:00:00:00:00", "00:FA:00:00:00:00"}, []string{"03:ab:00:00:00:00", "00:1a:00:00:00:00"}},
		{"uuid", "ABC*", []string{"abcd", "ABCD"}, []string{"bcd"}},
		{"domid", "7", []string{"7"}, []string{"07", "17", "", "x", "-7", "7 "}},
		{"domid", "1-99", []string{"1", "99", "50"}, []string{"0", "100", "1-99", "99999999999999999999999"}},
		{"ip", "2001:DB8::7", []string{"2001:db8::7", "2001:db8:0:0::7", "2001:DB8::7"}, []string{"2001:db8::8", "", "x"}},
		{"ip", "192.0.2.0/24", []string{"192.0.2.1", "::ffff:192.0.2.1"}, []string{"192.0.3.1", "2001:db8::1", "192.0.2.0/33", "/"}},
		{"ip", "192.0.2.0/24", []string{"192.0.2.0/24", "192.0.2.16/28", "192.0.2.7/32"}, []string{"192.0.2.0/23", "0.0.0.0/0", "2001:db8::/64"}},
		{"ip", "2001:db8::/48", []string{"2001:db8:0:7::/64"}, []string{"2001:db8::/47", "2001:db8:1::/64"}},
		{"ip", "192.0.2.7", []string{"192.0.2.7/32"}, []string{"192.0.2.0/24"}},
		{"ip", "192.0.2.*", []string{"192.0.2.16/28"}, []string{"192.0.3.0/28"}},
		{"ip", "2001:db8::/32", []string{"2001:db8:1::1"}, []string{"2001:db9::1", "192.0.2.1"}},
		{"ip", "fe80::1", []string{"fe80::1", "fe80::1%eth0"}, []string{"fe80::2%eth0"}},
		{"ip", "192.0.2.*", []string{"192.0.2.1", "::ffff:192.0.2.9"}, []string{"192.0.3.1"}},
		{"ip", "2001:DB8::*", []string{"2001:db8::7", "2001:0DB8:0::7"}, []string{"2001:db9::7"}},
		{"env.X", "1*", []string{"1500"}, []string{"2500"}},
	} {
		p, err := ParsePattern(tc.key, tc.pattern)
		if err != nil {
			t.Errorf("%s %q: %v", tc.key, tc.pattern, err)
			continue
		}
		for _, v := range tc.yes {
			if !p.Match(v) {
				t.Errorf("%s %q does not match %q", tc.key, tc.pattern, v)
			}
		}
		for _, v := range tc.no {
			if p.Match(v) {
				t.Errorf("%s %q matches %q", tc.key, tc.pattern, v)
			}
		}
	}
}

// What has no test of its own among the bad files.
func TestBadPatterns(t *testing.T) {
	for _, tc := range []struct{ key, pattern string }{
		{"driver", ""},
		{"driver", "\xff"},
		{"driver", strings.Repeat("x", maxPattern+1)},
		{"driver", "[a-"},
		{"driver", "[a"},
		{"driver", `[\d]`},
		{"driver", `[a-\d]`},
		{"driver", `[\`},
		{"interface", "a:b*"},
		{"mac", "00:16:3e:00:00:00:00"},
		{"ip", "fe80::1%eth0"},
		{"ip", "::ffff:0.0.0.0/96"},
		{"domid", "1-2-3"},
		{"nothing", "x"},
		{"env.1", "x"},
		{"env.", "x"},
		{"attr./x", "x"},
		{"attr.a/./b", "x"},
		{"xen.bridge", "x"},
	} {
		if p, err := ParsePattern(tc.key, tc.pattern); err == nil {
			t.Errorf("%s %q was taken: %+v", tc.key, tc.pattern, p)
		}
	}
}

func TestLiteralAndPrefix(t *testing.T) {
	for _, tc := range []struct {
		key, pattern, prefix string
		literal              bool
	}{
		{"interface", "vif1.0", "vif1.0", true},
		{"interface", "vif*", "vif", false},
		{"interface", `a\*b`, "a*b", true},
		{"interface", `a\*b?`, "a*b", false},
		{"interface", "[v]if", "", false},
		{"mac", "00:16:3E:00:00:0A", "00:16:3e:00:00:0a", true},
		{"uuid", "AB*", "ab", false},
		{"domid", "7", "7", true},
		{"domid", "7-7", "7", true},
		{"domid", "7-8", "", false},
		{"ip", "2001:DB8:0::7", "2001:db8::7", true},
		{"ip", "192.0.2.7/32", "192.0.2.7", true},
		{"ip", "192.0.2.0/24", "", false},
		{"ip", "192.*", "192.", false},
	} {
		p, err := ParsePattern(tc.key, tc.pattern)
		if err != nil {
			t.Errorf("%s %q: %v", tc.key, tc.pattern, err)
			continue
		}
		if p.String() != tc.pattern {
			t.Errorf("%q prints as %q", tc.pattern, p.String())
		}
		if got := p.Prefix(); got != tc.prefix {
			t.Errorf("prefix of %q: %q, want %q", tc.pattern, got, tc.prefix)
		}
		literal, ok := p.Literal()
		if ok != tc.literal || ok && literal != tc.prefix {
			t.Errorf("literal of %q: %q, %t", tc.pattern, literal, ok)
		}
		if ok && !p.Match(literal) {
			t.Errorf("%q does not match its own literal %q", tc.pattern, literal)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	for _, tc := range []struct{ key, pattern, value string }{
		{"interface", "vif1.0", "vif1.0"},
		{"interface", "v*f[0-9]?.*", "vif12.0"},
		{"alias", "日*本?", "日x本語"},
		{"mac", "00:16:3E:*", "00:16:3E:00:00:07"},
		{"mac", "00:16:3e:00:00:07", "00:16:3E:00:00:07"},
		{"domid", "1-99", "42"},
		{"ip", "2001:db8::/32", "2001:db8:1111:2222:3333:4444:5555:6666"},
		{"ip", "2001:db8:*", "2001:db8:1111:2222:3333:4444:5555:6666"},
		{"ip", "2001:db8::/32", "2001:db8:1111:2222:3333:4444:5555:0/112"},
		{"ip", "2001:db8:*", "2001:db8:1111:2222:3333:4444:5555:0/112"},
	} {
		p, err := ParsePattern(tc.key, tc.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Match(tc.value) {
			t.Errorf("%s %q does not match %q", tc.key, tc.pattern, tc.value)
		}
		if n := testing.AllocsPerRun(100, func() { p.Match(tc.value) }); n != 0 {
			t.Errorf("%s %q against %q: %v allocations", tc.key, tc.pattern, tc.value, n)
		}
	}
}

// A pattern that makes a backtracking matcher take exponential time takes steps in the order of pattern times value.
func TestGlobDoesNotBlowUp(t *testing.T) {
	p, err := ParsePattern("alias", strings.Repeat("a*", 200)+"b")
	if err != nil {
		t.Fatal(err)
	}
	if p.Match(strings.Repeat("a", 20000)) {
		t.Error("matched")
	}
}

// naive is the glob's definition, written for being obvious: a token list against characters, all ways tried.
func naive(tokens []globToken, s []rune) bool {
	if len(tokens) == 0 {
		return len(s) == 0
	}
	t := tokens[0]
	if t.op == globStar {
		return naive(tokens[1:], s) || len(s) > 0 && naive(tokens, s[1:])
	}
	if len(s) == 0 {
		return false
	}
	ok := false
	switch t.op {
	case globRune:
		ok = s[0] == t.r
	case globAny:
		ok = true
	case globClass:
		for _, c := range t.class {
			ok = ok || c.lo <= s[0] && s[0] <= c.hi
		}
		ok = ok != t.negate
	case globStar: // above
	}
	return ok && naive(tokens[1:], s[1:])
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"vif*.0", "vif1.0"},
		{"a*b*c", "aXbYc"},
		{"[!a-c]?", "dx"},
		{`\*[\]-a]`, "*]"},
		{"*日?", "x日本"},
		{"[a", "a"},
		{"**", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if strings.Count(pattern, "*") > 6 || len(value) > 24 || !utf8.ValidString(value) {
			return // the reference is exponential, and knows characters only
		}
		p, err := ParsePattern("driver", pattern)
		if err != nil {
			return
		}
		tokens, verr := parseGlob(pattern)
		if verr != nil {
			t.Fatalf("%q is a pattern but no glob: %v", pattern, verr)
		}
		want := naive(tokens, []rune(value))
		if got := p.Match(value); got != want {
			t.Errorf("%q against %q: %t, want %t", pattern, value, got, want)
		}
		if want && !strings.HasPrefix(value, p.Prefix()) {
			t.Errorf("%q matches %q, which does not begin with %q", pattern, value, p.Prefix())
		}
		if literal, ok := p.Literal(); ok && want != (value == literal) {
			t.Errorf("%q is the literal %q, and matches %q: %t", pattern, literal, value, want)
		}
	})
}
