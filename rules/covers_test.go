package rules

import (
	"math/rand/v2"
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
		{"ip", "192.0.2.*", "192.0.2.7", false, false}, // not claimed: a fact spells it otherwise
	} {
		p, q := mustPattern(t, tt.key, tt.p), mustPattern(t, tt.key, tt.q)
		if got := p.Covers(&q); got != tt.covers {
			t.Errorf("%s: %s covers %s: %v", tt.key, tt.p, tt.q, got)
		}
		if got, back := p.Disjoint(&q), q.Disjoint(&p); got != tt.disjoint || back != got {
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
		covered, apart := p.Covers(&q), p.Disjoint(&q)
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
