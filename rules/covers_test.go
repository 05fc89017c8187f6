package rules

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func mustPattern(t *testing.T, key, text string) Pattern {
	t.Helper()
	p, err := ParsePattern(key, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCoversWhatPeopleWrite: these are decided, one way and the other.
func TestCoversWhatPeopleWrite(t *testing.T) {
	for _, tt := range []struct {
		key, p, q        string
		covers, disjoint bool
	}{
		{"interface", "vif*", "vif7.0", true, false},
		{"interface", "vif*", "vif7.*", true, false},
		{"interface", "vif*", "*", false, false},
		{"interface", "*", "tap*", true, false},
		{"interface", "vif*", "tap*", false, true},
		{"interface", "vif*.0", "vif[1-9].0", true, false},
		{"interface", "vif?.*", "vif7.*", true, false},
		{"interface", "vif7.0", "vif*", false, false},
		{"domain", "*?", "?*", true, false},
		{"domain", "*?*", "??*", true, false},
		{"domain", "[a-z]*", "[b-d]x", true, false},
		{"domain", "[a-mn-z]*", "[a-z]*", true, false},
		{"domain", "[!a]*", "b*", true, false},
		{"domain", "[!a]*", "[!ab]*", true, false},
		{"domain", "[!a]*", "a*", false, true},
		{"domain", "*a*b*", "*ab", true, false},
		{"domain", "web-1", "web-1", true, false},
		{"domain", "web-1", "web-2", false, true},
		{"mac", "00:16:3E:*", "00:16:3e:00:00:07", true, false},
		{"domid", "1-99", "7", true, false},
		{"domid", "1-99", "50-100", false, false},
		{"domid", "1-99", "100", false, true},
		{"ip", "192.0.2.0/24", "192.0.2.7", true, false},
		{"ip", "192.0.2.0/24", "192.0.2.128/25", true, false},
		{"ip", "192.0.2.128/25", "192.0.2.0/24", false, false},
		{"ip", "192.0.2.0/24", "2001:db8::/32", false, true},
		{"ip", "*", "192.0.2.7", true, false},
		{"ip", "10.0.0.0/8", "10.1.*", true, false},
		{"ip", "10.0.0.0/8", "10.1.2?.[0-9]", true, false},
		{"ip", "10.1.0.0/16", "10.1.*", true, false},
		{"ip", "10.1.0.0/17", "10.1.*", false, false},
		{"ip", "10.0.0.0/8", "10*", false, false}, // 100.64.0.1
		{"ip", "10.0.0.0/8", "1?.1.*", false, false},
		{"ip", "192.168.0.0/16", "192.168.*", false, false}, // 192.168.0.0/13
		{"ip", "2001:db8::/32", "2001:db8:7:*", true, false},
		{"ip", "2001:db8::/29", "2001:db8::*", true, false},
		{"ip", "2001:db8::/32", "2001:db8::*", false, false}, // 2001:db8::/29
		{"ip", "2001:db8::/48", "2001:db8::*", false, false}, // 2001:db8:0:0:1::
		{"ip", "2001:db8::/32", "2001:db8*", false, false},   // 2001:db80::
		{"ip", "192.0.2.*", "192.0.2.7", true, false},
		{"ip", "192.0.2.*", "192.0.2.128/25", true, false},
		{"ip", "192.0.2.*", "192.0.0.0/16", false, false},
		{"ip", "192.0.2*", "192.0.2.7", false, false}, // true, and not seen
		{"ip", "*.7", "192.0.2.7", false, false},      // 192.0.2.7/32
		{"ip", "2001:db8:*", "2001:db8::7", true, false},
		{"ip", "2001:0:*", "2001::7", false, false}, // 2001::7
		{"ip", "2001:db8:0:*", "2001:db8::7", false, false},
		{"ip", "192.0.*", "192.0.2.*", true, false},
	} {
		p, q := mustPattern(t, tt.key, tt.p), mustPattern(t, tt.key, tt.q)
		if got := p.Covers(&q, new(Effort)); got != tt.covers {
			t.Errorf("%s: %s covers %s: %v", tt.key, tt.p, tt.q, got)
		}
		if got, back := p.Disjoint(&q, new(Effort)), q.Disjoint(&p, new(Effort)); got != tt.disjoint || back != got {
			t.Errorf("%s: %s and %s are disjoint: %v and %v", tt.key, tt.p, tt.q, got, back)
		}
	}
}

// TestCoversNeverClaimsTooMuch holds random globs against every short text there is.
func TestCoversNeverClaimsTooMuch(t *testing.T) {
	texts := []string{""}
	for from := 0; len(texts[len(texts)-1]) < 5; from++ {
		for _, c := range []string{"a", "b", "c"} {
			texts = append(texts, texts[from]+c)
		}
	}
	r := rand.New(rand.NewPCG(7, 1))
	parts := []string{"a", "b", "c", "?", "*", "*", "[ab]", "[!a]", "[!bc]", "[a-c]"}
	glob := func() Pattern {
		text := ""
		for range 1 + r.IntN(5) {
			text += parts[r.IntN(len(parts))]
		}
		return mustPattern(t, "domain", text)
	}
	covers, disjoint, missed := 0, 0, 0
	for range 20_000 {
		p, q := glob(), glob()
		covered, apart := p.Covers(&q, new(Effort)), p.Disjoint(&q, new(Effort))
		all, none := true, true
		for _, text := range texts {
			in, out := p.Match(text), q.Match(text)
			all, none = all && (in || !out), none && !(in && out)
		}
		switch {
		case covered && !all:
			t.Fatalf("%s does not cover %s", p.String(), q.String())
		case apart && !none:
			t.Fatalf("%s and %s are not disjoint", p.String(), q.String())
		case covered:
			covers++
		case apart:
			disjoint++
		case all:
			missed++
		}
	}
	// Where little is claimed little has been shown. What is missed holds of short texts, and mostly of those alone.
	if covers < 1000 || disjoint < 1000 || missed > covers {
		t.Errorf("%d pairs cover, %d are disjoint, %d were missed", covers, disjoint, missed)
	}
}

// TestCoversAddresses holds random patterns for addresses against addresses and prefixes as facts have them.
func TestCoversAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	address := func() string {
		if r.IntN(2) == 0 {
			return one("10.", "1.", "100.") + one("0.", "1.") + one("0.", "10.") + one("0", "1", "10")
		}
		return one("10:", "1:", "2001:") + one("0:0:", "1:0:", "0:1:", "10:10:") + one("0:0:0:", "0:1:0:", "1:0:0:") + one("0:", "1:") + one("0", "1")
	}
	pattern := func() string {
		text := address()
		addr := netip.MustParseAddr(text)
		switch text = addr.String(); r.IntN(3) {
		case 0:
			return text
		case 1:
			return netip.PrefixFrom(addr, r.IntN(addr.BitLen()+1)).Masked().String()
		}
		cut := r.IntN(len(text) + 1)
		return text[:cut] + one("*", "*", "?*", "[01]*", "*1", "*?")
	}
	fact := func() string {
		addr := netip.MustParseAddr(address())
		if r.IntN(2) == 0 {
			return addr.String()
		}
		return netip.PrefixFrom(addr, r.IntN(addr.BitLen()+1)).Masked().String()
	}
	facts := make([]string, 1000)
	for i := range facts {
		facts[i] = fact()
	}
	covers := 0
	for range 5000 {
		p, q := mustPattern(t, "ip", pattern()), mustPattern(t, "ip", pattern())
		within, bounded := q.Within()
		covered := p.Covers(&q, new(Effort))
		if covered {
			covers++
		}
		for _, text := range facts {
			if !q.Match(text) {
				continue
			}
			if covered && !p.Match(text) {
				t.Fatalf("%s does not cover %s: %s", p.String(), q.String(), text)
			}
			if v, _ := AddressFact(text); bounded && (!within.Contains(v.Net.Addr()) || within.Bits() > v.Net.Bits()) {
				t.Fatalf("%s is not within %s: %s", q.String(), within, text)
			}
		}
	}
	if covers < 200 {
		t.Errorf("%d pairs cover", covers)
	}
}

// TestXenNumbers: what a pattern for names says of the numbers of all that it matches.
func TestXenNumbers(t *testing.T) {
	for text, want := range map[string][2]int{
		"vif3.1": {3, 1}, "vif3.1-emu": {3, 1}, "vif3.*": {3, -1}, "vif3.[01]": {3, -1}, "vif*.1": {-1, 1}, "vif?.1-emu": {-1, 1}, "vif*5.1": {-1, 1},
		"vif*": {-1, -1}, "vif3*": {-1, -1}, "vif*1": {-1, -1}, "*.1": {-1, -1}, "vif3.*.1": {3, -1}, "vif03.*": {-1, -1}, "vif*.01": {-1, -1},
		"vif*x.1": {-1, -1}, "tap3.1": {-1, -1}, "vif40000.0": {-1, -1}, "vif*.1*": {-1, -1},
	} {
		p := mustPattern(t, "interface", text)
		got := [2]int{-1, -1}
		if n, ok := p.XenDomid(); ok {
			got[0] = n
		}
		if n, ok := p.XenVifid(); ok {
			got[1] = n
		}
		if got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
