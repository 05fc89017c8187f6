package importer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"vifd/internal/importer/libvirt"
	"vifd/internal/importer/model"
	"vifd/internal/importer/plan"
	"vifd/internal/importer/qubes"
	"vifd/internal/importer/write"
	"vifd/internal/importer/xend"
	"vifd/internal/importer/xl"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// bareLibrary has the templates that imports name, with their parameters, and one statement each: the whole library takes far longer
// to load than a file to import.
func bareLibrary(tb testing.TB) fstest.MapFS {
	tb.Helper()
	set, report := rules.Load(rules.Options{Library: rulesd.FS})
	if set == nil {
		tb.Fatalf("%d errors in the library", report.Errors())
	}
	var b strings.Builder
	b.WriteString("templates:\n")
	for name, t := range set.Templates {
		b.WriteString("  " + name + ":\n    description: Bare.\n")
		if len(t.Params) > 0 {
			b.WriteString("    params:\n")
		}
		for param, p := range t.Params {
			b.WriteString("      " + param + ": {type: " + p.Types[0].String())
			if p.List {
				b.WriteString(", list: true")
			}
			if len(p.Values) > 0 {
				b.WriteString(", values: [" + strings.Join(p.Values, ", ") + "]")
			}
			if p.Default != nil && (p.Types[0].String() == "bool") {
				b.WriteString(", default: " + p.Default[0])
			} else if p.Default != nil {
				b.WriteString(`, default: "` + p.Default[0] + `"`)
			}
			b.WriteString("}\n")
		}
		b.WriteString("    from-guest: [counter]\n")
	}
	return fstest.MapFS{"templates/bare.yaml": {Data: []byte(b.String())}}
}

// fuzz holds a reader against whatever bytes there are: it reads them, and what is made of them is rules without a problem, or it says
// where it refuses them.
func fuzz(f *testing.F, pattern string, read func(model.Text, *model.Input) error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v, %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	library := bareLibrary(f)
	f.Fuzz(func(t *testing.T, data string) {
		in := &model.Input{}
		if err := read(model.NewText("file", data), in); err != nil {
			var refused *model.Error
			if !errors.As(err, &refused) || refused.Pos.File != "file" || refused.Msg == "" {
				t.Errorf("refused without a place: %v", err)
			}
			return
		}
		document := write.Document(plan.Make(in), nil)
		set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(document), Library: library})
		for _, p := range report.Problems {
			if p.Code != "VIF212" { // the bare templates use no parameters
				t.Errorf("%s: %s", p.Pos, p.Msg)
			}
		}
		if set == nil {
			t.Errorf("not rules:\n%s", document)
		}
	})
}

func FuzzXend(f *testing.F) { fuzz(f, "testdata/*/xend-config.sxp", xend.Read) }

func FuzzXLConf(f *testing.F) { fuzz(f, "testdata/*/xl.conf", xl.ReadConf) }

func FuzzXL(f *testing.F) { fuzz(f, "testdata/*/*.cfg", xl.ReadDomain) }

func FuzzLibvirt(f *testing.F) { fuzz(f, "testdata/*/*.xml", libvirt.Read) }

func FuzzQubes(f *testing.F) { fuzz(f, "testdata/*/*.nft", qubes.Read) }
