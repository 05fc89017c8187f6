package importer_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/importer"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cases are the folders of testdata, each a host.
func cases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "fuzz" {
			names = append(names, e.Name())
		}
	}
	if len(names) < 8 {
		t.Fatalf("found %v only", names)
	}
	return names
}

// load reads rules as `vifd check --strict` does.
func load(t *testing.T, document string) *rules.Set {
	t.Helper()
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(document), Library: rulesd.FS})
	if set == nil || len(report.Problems) > 0 {
		var b strings.Builder
		_ = report.WriteText(&b, false)
		t.Fatalf("not rules:\n%s\nof\n%s", b.String(), document)
	}
	return set
}

func imported(t *testing.T, paths ...string) *importer.Result {
	t.Helper()
	r, err := importer.Import("auto", paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestGolden shows what becomes of whole hosts, and that it passes every check, each file of it by itself, too.
func TestGolden(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join("testdata", name)
			r := imported(t, folder)
			load(t, r.Document)
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(r.Document), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), r.Document); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
			files, err := filepath.Glob(filepath.Join(folder, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				load(t, imported(t, f).Document)
			}
		})
	}
}

// TestNothingIsDroppedInSilence: each note stands in the document, on a line of its own, with its place.
func TestNothingIsDroppedInSilence(t *testing.T) {
	lost := 0
	for _, name := range cases(t) {
		r := imported(t, filepath.Join("testdata", name))
		for _, n := range r.Notes {
			if !strings.Contains(r.Document, "\n#   "+n.Pos.String()+": "+n.Text()+"\n") {
				t.Errorf("%s: the document does not say %q", name, n)
			}
			if n.Lost {
				lost++
			}
			if n.Why == "" || n.Pos.File == "" {
				t.Errorf("%s: no reason or place: %+v", name, n)
			}
		}
	}
	if lost < 10 {
		t.Errorf("%d notes only of what is lost", lost)
	}
}

// writeFiles writes files, with their folders, below a folder.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func kvm(name, mac, source, more string) string {
	kind, _, _ := strings.Cut(source, "=")
	return "<domain type='kvm'><name>" + name + "</name><devices>\n<interface type='" + kind + "'><mac address='" + mac + "'/><source " + source + "'/>" +
		more + "</interface></devices></domain>\n"
}

// TestLibvirtsFolders: /etc/libvirt is read as libvirt has it, with the folders below it, each file once, and what is not looked at is named.
func TestLibvirtsFolders(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qemu/web.xml":              kvm("web", "52:54:00:00:00:01", "network='default", "<target dev='web0'/><filterref filter='mine'/>"),
		"qemu/db.xml":               kvm("db", "52:54:00:00:00:02", "bridge='virbr0", ""),
		"qemu/networks/default.xml": "<network><name>default</name><bridge name='virbr0'/><ip address='192.0.2.1'><dhcp>\n<host mac='52:54:00:00:00:01' name='web' ip='192.0.2.7'/>\n<host mac='52:54:00:00:00:02' ip='192.0.2.8'/>\n<host mac='52:54:00:00:00:03' name='nobody'/></dhcp></ip></network>",
		"nwfilter/mine.xml":         "<filter name='mine'><filterref filter='inner'/></filter>",
		"nwfilter/inner.xml":        "<filter name='inner'><filterref filter='clean-traffic'/></filter>",
		"nwfilter/clean.xml":        "<filter name='clean-traffic'><filterref filter='no-mac-spoofing'/></filter>",
		"nwfilter/left.xml":         "<filter name='left'><rule action='drop' direction='in'/></filter>",
		"storage/default.xml":       "<pool/>",
	})
	for _, link := range []string{"qemu/autostart", "qemu/networks/autostart"} {
		if err := os.Mkdir(filepath.Join(dir, link), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"qemu/autostart/web.xml": "../web.xml", "qemu/networks/autostart/default.xml": "../default.xml", "qemu/qemu": "."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := imported(t, dir)
	load(t, r.Document)
	for _, want := range []string{
		"  # " + dir + "/qemu/web.xml:2, " + dir + "/qemu/networks/default.xml:2\n  - {interface: web0, domain: web, vif: 0, mac: \"52:54:00:00:00:01\", ip: [192.0.2.7]}\n",
		"  # " + dir + "/qemu/web.xml:2\n  - name: web\n    match: {interface: web0}\n    bridge: virbr0\n    firewall: clean-traffic\n",
		"  # " + dir + "/qemu/db.xml:2, " + dir + "/qemu/networks/default.xml:3\n  - name: db\n",
		"    guest: {mac: \"52:54:00:00:00:02\", ip: [192.0.2.8]}\n",
	} {
		if !strings.Contains(r.Document, want) {
			t.Errorf("it does not say\n%s but\n%s", want, r.Document)
		}
	}
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, strings.TrimPrefix(n.String(), dir+"/"))
	}
	want := []string{
		"storage: changed: folder: it lies in a folder, and was not read; name it, if there is something to import in it",
		`nwfilter/left.xml:1:1: not carried over: nwfilter "left": no interface that is carried over refers to it, so that nothing came of it; import the domains that have it as well, or write a template`,
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestNothingToImport: where nothing was read it is said where nobody looked.
func TestNothingToImport(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"vms/a.cfg": "name = 'a'\n", "README": "Read me.\n"})
	_, err := importer.Import("auto", []string{dir}, nil)
	for _, want := range []string{"nothing was imported", dir + "/vms: changed: folder: it lies in a folder, and was not read; name it", dir + "/README: changed: file: its format is none"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Import() = %v, want it to say %q", err, want)
		}
	}
}

func TestStandardInput(t *testing.T) {
	in := kvm("web", "52:54:00:00:00:01", "bridge='br0", "<target dev='web0'/>")
	r, err := importer.Import("auto", []string{"-", "-"}, strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	load(t, r.Document)
	if !strings.Contains(r.Document, "  # <stdin>:2\n  - {interface: web0, domain: web,") || len(r.Notes) != 0 {
		t.Errorf("%v\n%s", r.Notes, r.Document)
	}
	for text, want := range map[string]string{"<domain>": "<stdin>:1:9: not XML", "": "<stdin>: its format is none", strings.Repeat(" ", 4<<20+1): "import standard input: larger than 4 MiB"} {
		if _, err := importer.Import("auto", []string{"-"}, strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Import(%.9q) = %v, want it to say %q", text, err, want)
		}
	}
}

func TestTwoNamesOfAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.cfg")
	if err := os.WriteFile(file, []byte("name = 'a'\nvif = [ 'bridge=br7,mac=00:16:3e:00:00:01' ]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.cfg", filepath.Join(dir, "auto")); err != nil {
		t.Fatal(err)
	}
	if r := imported(t, dir, file); len(r.Notes) != 0 || strings.Count(r.Document, "domain: a,") != 2 {
		t.Errorf("read twice: %v\n%s", r.Notes, r.Document)
	}
}

// TestFolderOfAll: what is no configuration is named, and passed over.
func TestFolderOfAll(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.cfg": "name = 'a'\nvif = [ '' ]\n", "script": "#!/bin/sh\nname=a\n", "README": "Read me.\n", "binary": "a\x00b",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := imported(t, dir)
	if len(r.Notes) != 4 || r.Lost() {
		t.Errorf("notes: %v", r.Notes)
	}
	if _, err := importer.Import("auto", []string{filepath.Join(dir, "README")}, nil); err == nil || !strings.Contains(err.Error(), "README: its format is none") {
		t.Errorf("a file of no format that is named: %v", err)
	}
}
