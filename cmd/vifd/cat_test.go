package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/stmt"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// catFolders are two folders in which files stand for each other.
func catFolders(t *testing.T) (etc, usr string) {
	t.Helper()
	dir := t.TempDir()
	etc, usr = filepath.Join(dir, "etc"), filepath.Join(dir, "usr")
	for _, d := range []string{etc, usr} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		etc + "/50-mine.yaml": "# yaml-language-server: $schema=/usr/share/vifd/vifd.schema.json\n# Ours.\nnetworks: {xenbr0: {bridge: {create: true}}}\n" +
			"rules: # in order\n- name: web\n  match: {domain: \"web-*\"}   # all of them\n  bridge: xenbr0\n  firewall: [source-guard, web]\n\n# last\n",
		etc + "/60-empty.yaml": "",
		etc + "/70-lib.yaml": "templates:\n  web:\n    description: |+\n      Web.\n\n\n    to-guest: [drop]\n" +
			"guests: [{domain: web-1, vif: 0, mac: \"00:16:3e:00:00:07\"}, {interface: tap9, ip: 192.0.2.9}]\ntests: []\n",
		etc + "/90-default.yaml": "rules: [{name: rest, match: {interface: \"vif*\"}, block: true}]\ndefaults: {unmatched: block}\n",
		usr + "/60-empty.yaml":   "rules: [{name: gone, match: {interface: \"vif*\"}, block: true}]\n",
		usr + "/80-more.yaml": "networks:\n  lan: {route: {uplink: eth0}}\ntests:\n  - name: rest\n    event: {interface: vif1.0}\n    expect: {rule: rest}\n" +
			"templates:\n  kept:\n    to-guest: [drop]\n    description: |+\n      Kept.\n\n",
		usr + "/90-default.yaml": "rules: [{name: never, match: {interface: \"vif*\"}, block: true}]\n",
	} {
		putFile(t, name, text, 0o644)
	}
	return etc, usr
}

// TestCat: what is printed says the same as the files.
func TestCat(t *testing.T) {
	etc, usr := catFolders(t)
	out, errs, code := cli(t, "", "cat", "--rules", etc, "--rules", usr)
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	golden(t, "cat", strings.ReplaceAll(out, filepath.Dir(etc), "/DIR"))
	before, _ := rules.Load(rules.Options{Paths: []string{etc, usr}, Library: rulesd.FS})
	after, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(out), Library: rulesd.FS})
	if after == nil {
		t.Fatalf("what is printed does not load:\n%s\n%s", problemText(report), out)
	}
	before.Files, after.Files = nil, nil
	if diff := cmp.Diff(before, after,
		cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Comparer(func(rules.Pos, rules.Pos) bool { return true }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b *stmt.Field) bool { return reflect.DeepEqual(a, b) }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".spot" }, cmp.Ignore()),
	); diff != "" {
		t.Errorf("what the files say and what is printed (-files +printed):\n%s", diff)
	}
}

func TestCatJSON(t *testing.T) {
	etc, usr := catFolders(t)
	out, _, code := cli(t, "", "cat", "-o", "json", etc, usr)
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
	golden(t, "cat-json", strings.ReplaceAll(out, filepath.Dir(etc), "/DIR"))
}

func TestCatFromStandardInput(t *testing.T) {
	out, errs, code := cli(t, prettyRules, "cat", "-")
	if want := strings.Replace(prettyRules, "rules:\n", "rules:\n  # from <stdin>\n", 1); out != want || code != exitDone {
		t.Errorf("exit %d, %s\n%s", code, errs, out)
	}
	if _, errs, code := cli(t, "rules: [{}]", "cat", "-"); code != exitCannot || !strings.Contains(errs, "VIF103") {
		t.Errorf("rules with errors: exit %d, %s", code, errs)
	}
	if _, _, code := cli(t, "", "cat", "testdata/absent.yaml"); code != exitCannot {
		t.Errorf("no such file: exit %d", code)
	}
}
