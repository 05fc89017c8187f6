package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const imports = "../../internal/importer/testdata/"

// TestImportPassesCheck: what import prints, check takes, with the compiler's warnings as well.
func TestImportPassesCheck(t *testing.T) {
	hosts, err := filepath.Glob(imports + "*")
	if err != nil || len(hosts) < 8 {
		t.Fatalf("hosts %v: %v", hosts, err)
	}
	for _, host := range hosts {
		if info, err := os.Stat(host); err != nil || !info.IsDir() || filepath.Base(host) == "fuzz" {
			continue
		}
		out, errs, code := cli(t, "", "import", host)
		if code != exitDone {
			t.Errorf("%s: exit %d: %s", host, code, errs)
			continue
		}
		if report, _, code := cli(t, out, "check", "--strict", "-"); code != exitDone {
			t.Errorf("%s: check exits with %d\n%s\nof\n%s", host, code, report, out)
		}
	}
}

// TestImportPassesStrict: so it is where a file says what the linter warns of, which is named then, and where the rules are the first to
// know of a network.
func TestImportPassesStrict(t *testing.T) {
	for _, tt := range []struct{ file, text, code, line string }{
		{"web.cfg", "name = 'web'\nvif = [ 'bridge=xenbr1,rate=1Mb/s@1ms' ]\n", "VIF518", "  - name: web"},
		{"web.cfg", "name = 'web'\nvif = [ 'bridge=xenbr0,vlan=1p/2-4094' ]\n", "VIF517", "    bridge: {name: xenbr0, vlan: "},
		{"xend-config.sxp", "\n(network-script 'network-bridge netdev=eth1 bridge=xbr')(vif-script 'vif-route netdev=eth1')", "VIF507", "  xbr: {bridge: "},
	} {
		t.Run(tt.code, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile(tt.file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, errs, code := cli(t, "", "import", "--strict", tt.file)
			if code != exitDone || !strings.Contains(errs, ": changed: "+tt.code+": ") {
				t.Fatalf("exit %d: %s", code, errs)
			}
			if want := "# vifd:ignore " + tt.code + " it is so in " + tt.file + ":2\n" + tt.line; !strings.Contains(out, want) {
				t.Errorf("it does not say\n%s but\n%s", want, out)
			}
			if report, _, code := cli(t, out, "check", "--strict", "-"); code != exitDone {
				t.Errorf("check --strict exits with %d\n%s", code, report)
			}
		})
	}
}

func TestImportExits(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.cfg")
	if err := os.WriteFile(bad, []byte("name = 'a'\nvif = [ 'brigde=b' ]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		say  string
	}{
		{"nothing named", nil, exitUsage, "takes FILE|FOLDER…, and got nothing"},
		{"no such format", []string{"--format", "xm", imports + "route"}, exitUsage, `--format "xm" is not one of auto, xend`},
		{"no such file", []string{"testdata/absent"}, exitFailed, "absent"},
		{"a file that is wrong", []string{bad}, exitFailed, bad + `:2:10: xl knows no key "brigde" of a vif (did you mean "bridge"?)`},
		{"a file that is wrong among others", []string{imports + "route", bad}, exitFailed, bad + ":2:10"},
		{"all carried over", []string{"--strict", imports + "route"}, exitDone, ""},
		{"in another form only", []string{"--strict", imports + "rhel5"}, exitDone, "changed: netdev"},
		{"not all carried over", []string{imports + "xl"}, exitDone, "not carried over: backend=netvm"},
		{"not all carried over, and strict", []string{"--strict", imports + "xl"}, exitFailed, "not carried over: backend=netvm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := cli(t, "", append([]string{"import"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.say) {
				t.Errorf("exit %d, want %d; standard error %q, want it to say %q", code, tt.code, errs, tt.say)
			}
			if code != exitDone && !strings.Contains(tt.name, "strict") && strings.Contains(out, "rules:") {
				t.Errorf("rules are printed all the same:\n%s", out)
			}
		})
	}
}

// TestImportOfAPipe: virsh dumpxml web | vifd import -
func TestImportOfAPipe(t *testing.T) {
	text, err := os.ReadFile(imports + "libvirt/web.xml")
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := cli(t, string(text), "import", "-")
	if code != exitDone || !strings.Contains(out, "  # <stdin>:28\n  - {interface: web0, domain: web,") || !strings.Contains(errs, "<stdin>:38:9: not carried over: bandwidth/inbound/@peak") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	if _, errs, code := cli(t, "name = 'a'\nvif = [ 'brigde=b' ]\n", "import", "--format", "xl", "-"); code != exitFailed || !strings.Contains(errs, "<stdin>:2:10: xl knows no key") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestImportWritesAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "50-imported.yaml")
	printed, _, _ := cli(t, "", "import", imports+"route")
	if out, errs, code := cli(t, "", "import", "-O", file, imports+"route"); code != exitDone || out != "" {
		t.Fatalf("exit %d, %q, %s", code, out, errs)
	}
	written := func() string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if written() != printed || printed == "" {
		t.Errorf("written %q, printed %q", written(), printed)
	}
	if _, errs, code := cli(t, "", "import", "-O", file, imports+"nat"); code != exitFailed || !strings.Contains(errs, "exists; --force replaces it") || written() != printed {
		t.Errorf("a file that exists: exit %d, %s\n%s", code, errs, written())
	}
	if _, errs, code := cli(t, "", "import", "--force", "-O", file, imports+"nat"); code != exitDone || !strings.Contains(written(), "subnet: 10.0.0.0/8") {
		t.Errorf("--force: exit %d, %s\n%s", code, errs, written())
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestImportJSON(t *testing.T) {
	out, _, code := cli(t, "", "import", "-o", "json", imports+"xl")
	var r importReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone || r.APIVersion != "vifd/v1" || r.Kind != "Import" || !strings.Contains(r.Rules, "tenant-a") {
		t.Fatalf("exit %d, %v, %s", code, err, out)
	}
	for _, n := range r.Notes {
		if n.What == "backend=netvm" && n.Lost && n.Line == 15 && n.Col == 41 && strings.HasSuffix(n.File, "all-keys.cfg") {
			return
		}
	}
	t.Errorf("the notes do not have backend=netvm: %+v", r.Notes)
}
