package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTemplatesBehindWhatCloses: what a rule lists behind a template that ends everything, in the directions in which there is something
// behind it to miss.
func TestTemplatesBehindWhatCloses(t *testing.T) {
	const templates = `templates:
  shut: {from-guest: [drop], to-guest: [drop]}
  shut-in: {to-guest: [include shut]}
  shut-out: {from-guest: [counter accept]}
  maybe: {params: {flag: {type: bool}}, from-guest: [if $flag drop], to-guest: [ip saddr 192.0.2.7 return, drop]}
  guard: {from-guest: [ether saddr != $mac drop]}
  web: {to-guest: [tcp dport 80 accept]}
  both: {from-guest: [tcp sport 80 accept], to-guest: [include web]}
  drops: {from-guest: [udp dport 9 drop], to-guest: [udp dport 9 drop]}
  both-drop: {from-guest: [include drops], to-guest: [udp dport 7 drop]}
`
	never := func(name, why, by string) string {
		return fmt.Sprintf("template %q is never reached; %s ends in template %q", name, why, by)
	}
	for list, want := range map[string]string{
		"shut, guard":             never("guard", "every packet", "shut"),
		"guard, shut, web":        never("web", "every packet", "shut"),
		"shut-in, web":            never("web", "what goes to the guest", "shut-in"),
		"shut-out, guard":         never("guard", "what the guest sends", "shut-out"),
		"shut-out, guard, shut":   never("guard", "what the guest sends", "shut-out"),
		"shut-in, shut-out, both": never("both", "what the guest sends", "shut-out"),
		"shut-in, both":           `nothing that goes to the guest gets to template "both"; what goes to the guest ends in template "shut-in"`,
		"shut-out, both":          `nothing that the guest sends gets to template "both"; what the guest sends ends in template "shut-out"`,
		"shut-in, guard":          "",
		"shut-in, drops":          "",
		"shut-in, shut":           "",
		"shut-out, web":           "",
		"guard, web, shut":        "",
		"shut-out, both-drop":     "",
		"{template: maybe, with: {flag: true}}, both": "",
		"web": "",
	} {
		rule := fmt.Sprintf("rules: [{name: r, match: {domid: 1}, bridge: br0, firewall: [%s]}]\n", list)
		set, rep := Load(Options{FS: mapFS("t.yaml", templates+rule), Paths: []string{"t.yaml"}, Library: library()})
		if set == nil {
			t.Fatalf("%s: %s", list, rep.First())
		}
		var got []string
		for _, p := range rep.Problems {
			got = append(got, p.Msg+"; "+p.Related.Msg)
			if p.Code != codeUnreachable || p.Pos.Line != 11 || p.Related.Pos.Line != 11 {
				t.Errorf("%s: %+v", list, p)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", list, diff)
		}
	}
}
