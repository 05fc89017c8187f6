package rules

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestText(t *testing.T) {
	known := map[string]string{"domid": "7", "vifid": "0", "alias": "", "env.X": "x}", "xen.bridge": "xenbr1"}
	lookup := func(fact string) (string, bool) { v, ok := known[fact]; return v, ok }
	for _, tc := range []struct {
		raw, want string
		literal   bool
		unset     string
	}{
		{raw: "", want: "", literal: true},
		{raw: "xenbr0", want: "xenbr0", literal: true},
		{raw: "a$$b$$", want: "a$b$", literal: true},
		{raw: "$${domid}", want: "${domid}", literal: true},
		{raw: "${domid}", want: "7"},
		{raw: "br${domid}.${vifid}!", want: "br7.0!"},
		{raw: "${xen.bridge:-xenbr0}", want: "xenbr1"},
		{raw: "${bridge:-xenbr0}", want: "xenbr0"},
		{raw: "${alias:-none}", want: "none"},
		{raw: "${alias}", want: ""},
		{raw: "${bridge:-}", want: ""},
		{raw: "${bridge:-a:-b$$}", want: "a:-b$"},
		{raw: "${env.X}", want: "x}"},
		{raw: "${attr.queues/rx-0/rps_cpus:-f}", want: "f"},
		{raw: "${domid}${bridge}", unset: "bridge"},
	} {
		text, err := ParseText(tc.raw)
		if err != nil {
			t.Errorf("%q: %v", tc.raw, err)
			continue
		}
		got, err := text.Expand(lookup)
		var unset *UnsetFactError
		if errors.As(err, &unset) {
			if unset.Fact != tc.unset {
				t.Errorf("%q: fact %q is not set, want %q", tc.raw, unset.Fact, tc.unset)
			}
			continue
		}
		if err != nil || tc.unset != "" || got != tc.want {
			t.Errorf("%q: %q, %v; want %q", tc.raw, got, err, tc.want)
		}
		literal, ok := text.Literal()
		if ok != tc.literal || ok && literal != tc.want {
			t.Errorf("%q: literal %q, %t", tc.raw, literal, ok)
		}
		if text.String() != tc.raw {
			t.Errorf("%q prints as %q", tc.raw, text.String())
		}
	}
}

func TestTextFacts(t *testing.T) {
	text, err := ParseText("${domid}-${bridge:-x}-$$")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"domid", "bridge"}, text.Facts()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// The error of a fact that nobody knows says where the rules name it, whatever quotes the text is written in.
func TestUnsetFactNamesThePlace(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`bridge: br${domid}`, "t.yaml:4:15"},
		{`bridge: 'br${domid}'`, "t.yaml:4:16"},
		{`bridge: "b\x72${domid}"`, "t.yaml:4:19"},
		{"bridge: |-\n      br${domid}", "t.yaml:5:9"},
		{"bridge: >-\n      br${domid}", "t.yaml:5:9"},
	} {
		set := mustLoad(t, "rules:\n  - name: a\n    match: {interface: \"*\"}\n    "+tc.text+"\n")
		_, err := set.Rules[0].Action.Bridge.Name.Expand(func(string) (string, bool) { return "", false })
		want := tc.want + `: fact "domid" is not known and has no default`
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", tc.text, err, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "x", "${domid}", "a${xen.bridge:-b}c$$", "${", "$", "${ip:-${ip}}", "${env.A}${attr.b}", "${x:=y}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text, verr := parseText(raw)
		if verr != nil {
			if verr.off < 0 || verr.len < 0 || verr.off+verr.len > len(raw) {
				t.Errorf("%q: %q at %d+%d", raw, verr.msg, verr.off, verr.len)
			}
			return
		}
		got, err := text.Expand(func(string) (string, bool) { return "V", true })
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		// A literal comes out as it went in, but for the dollars.
		if literal, ok := text.Literal(); ok && (literal != got || literal != strings.ReplaceAll(raw, "$$", "$")) {
			t.Errorf("%q: literal %q, expanded %q", raw, literal, got)
		}
		if _, err := text.Expand(func(string) (string, bool) { return "", false }); err != nil && len(text.Facts()) == 0 {
			t.Errorf("%q: %v without a fact", raw, err)
		}
	})
}
