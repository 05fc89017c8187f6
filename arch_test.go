package vifd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows lists which packages of vifd a package may import: uevent → matcher → plan → actions, and nothing points back. A
// name with /... stands for everything below it; internal/vif is everybody's.
var arrows = map[string][]string{
	".":                           {},
	"internal/vif":                {},
	"internal/lazy":               {},
	"internal/nearest":            {},
	"internal/stmt":               {"internal/nearest"},
	"internal/nft":                {"internal/gather"},
	"internal/nft/nfttest":        {"internal/nft", "internal/testhost"},
	"internal/conntrack":          {"internal/nlconn"},
	"internal/nlsock":             {},
	"internal/nlconn":             {},
	"internal/nlconn/fakekernel":  {},
	"internal/frame":              {},
	"internal/packet":             {},
	"internal/private":            {},
	"internal/sample":             {"internal/stmt", "internal/frame"},
	"internal/gather":             {},
	"internal/hook":               {},
	"internal/journal":            {},
	"internal/ctl":                {},
	"internal/record":             {"internal/lazy"},
	"internal/rtnl":               {"internal/nlsock", "internal/nlconn"},
	"internal/sysctl":             {},
	"internal/uevent":             {"internal/nlsock"},
	"internal/dhcp4":              {"internal/vifsock"},
	"internal/vifsock":            {},
	"internal/radv":               {"internal/vifsock"},
	"internal/takeover":           {"internal/nlconn", "internal/rtnl"},
	"internal/testhost":           {},
	"internal/importer":           {"internal/importer/...", "internal/lazy"},
	"internal/importer/model":     {"internal/lazy", "rules"},
	"internal/importer/plan":      {"internal/importer/model"},
	"internal/importer/write":     {"internal/importer/model", "internal/importer/plan", "internal/lazy", "rules"},
	"internal/importer/xend":      {"internal/importer/model", "internal/lazy", "internal/nearest"},
	"internal/importer/xl":        {"internal/importer/model", "internal/lazy", "internal/nearest"},
	"internal/importer/libvirt":   {"internal/importer/model"},
	"internal/importer/qubes":     {"internal/importer/model", "internal/lazy"},
	"internal/testhost/xenstored": {"internal/testhost"},
	"internal/xenstore":           {},
	"internal/xen":                {"internal/xenstore"},
	"rules":                       {"internal/lazy", "internal/nearest", "internal/stmt"},
	"rules.d":                     {},
	"rules/format":                {"rules"},
	"rules/schema":                {"rules"},
	"rules/lint":                  {"internal/stmt", "rules"},
	"docs":                        {},
	"matcher":                     {"rules"},
	"actions/firewall":            {"internal/gather", "internal/nft", "internal/packet", "internal/stmt"},
	"actions/actiontest":          {},
	"actions/bridge":              {"internal/rtnl"},
	"actions/route":               {"internal/rtnl", "internal/sysctl"},
	"actions/nat":                 {"internal/gather", "internal/nft"},
	"actions/rate":                {"internal/rtnl"},
	"actions/link":                {"internal/rtnl", "internal/sysctl"},
	"handler":                     {"matcher", "rules", "actions/...", "internal/..."},
	"cmd/vifd":                    {"..."},
	"cmd/vifd/demo":               {"actions/firewall", "internal/...", "rules.d"},
	"cmd/vifd/doctor":             {"internal/nft", "internal/rtnl", "rules"},
	"cmd/vifd/ruletest":           {"handler", "matcher", "rules", "actions/...", "internal/..."},
	"cmd/vifd/lab":                {"cmd/vifd/ruletest", "actions/firewall", "internal/..."},
	"test/bench":                  {"..."},
	"test/packets":                {"..."},
	"test/xenreplay":              {"..."},
}

// keepers are the packages that alone may import a library, so that its defects are gone round in one place.
var keepers = map[string][]string{
	"gopkg.in/yaml.v3":               {"rules", "rules/format"},
	"github.com/pilebones/go-udev":   {"internal/uevent"},
	"github.com/google/nftables":     {"internal/nft", "internal/nft/nfttest", "actions/firewall", "actions/nat", "cmd/vifd/doctor"},
	"github.com/vishvananda/netlink": {"internal/nlconn", "internal/rtnl", "internal/conntrack", "internal/takeover", "internal/testhost", "cmd/vifd/demo", "cmd/vifd/lab", "test/bench", "test/packets"},
	"github.com/vishvananda/netns":   {"internal/testhost", "test/bench", "test/packets"},
	"github.com/spf13/cobra":         {"cmd/vifd"},
	"github.com/coreos/go-systemd":   {"cmd/vifd"},
	"github.com/mdlayher/netlink":    {"internal/nft"},
	"github.com/insomniacslk/dhcp":   {"internal/dhcp4"},
	"github.com/mdlayher/ndp":        {"internal/radv"},
	"encoding/xml":                   {"internal/importer/libvirt", "cmd/vifd/ruletest"},
	"os/exec":                        {"internal/hook", "internal/testhost", "test/bench", "test/packets"}, // vifd carries nothing out by programs; hooks are the rules' own
	"log":                            {},                                                                   // log/slog is injected
	"testing":                        {"internal/testhost", "internal/testhost/xenstored", "internal/nlconn/fakekernel", "internal/nft/nfttest", "actions/actiontest", "test/bench", "test/packets"},
	"github.com/google/go-cmp/cmp":   {"actions/actiontest"},
}

// maxLines is how long a file may be before it holds more than one concept.
const maxLines = 500

type file struct {
	dir, name string
	test      bool
	lines     int
	tree      *ast.File
}

func (f *file) path() string { return path.Join(f.dir, f.name) }

func sources(t *testing.T) []file {
	t.Helper()
	var files []file
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "testdata" || d.Name() == "bin" || p == "tools") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), p, data, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{
			dir: path.Dir(p), name: path.Base(p), test: strings.HasSuffix(p, "_test.go"), lines: strings.Count(string(data), "\n"), tree: tree,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("found %d files only", len(files))
	}
	return files
}

func imports(f *file) []string {
	var list []string
	for _, spec := range f.tree.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has seen it
		list = append(list, p)
	}
	return list
}

func TestArrows(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		allowed, known := arrows[f.dir]
		if !known {
			t.Errorf("%s: package %s is not in the picture: say in arrows what it may import", f.path(), f.dir)
			continue
		}
		for _, p := range imports(&f) {
			to, ours := strings.CutPrefix(p, "vifd/")
			if ours && to != "internal/vif" && !slices.ContainsFunc(allowed, func(a string) bool { return within(a, to) }) {
				t.Errorf("%s imports %s: data runs the other way (%s may import %v)", f.path(), p, f.dir, allowed)
			}
		}
	}
}

func within(pattern, p string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(p, prefix)
	}
	return pattern == p
}

func TestKeepers(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, p := range imports(&f) {
			for library, dirs := range keepers {
				if (p == library || strings.HasPrefix(p, library+"/") && library != "log") && !slices.Contains(dirs, f.dir) {
					t.Errorf("%s imports %s, which only %v may", f.path(), p, dirs)
				}
			}
		}
	}
}

func TestEveryPackageSaysOnceWhatItIs(t *testing.T) {
	docs := make(map[string]int)
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		n := 0
		if f.tree.Doc != nil {
			n = 1
		}
		docs[f.dir] += n
	}
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", dir, n)
		}
	}
}

func TestFilesHoldOneConcept(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > maxLines {
			t.Errorf("%s has %d lines; more than %d are more than one concept", f.path(), f.lines, maxLines)
		}
	}
}

// TestNoFileDoes bans what makes programs surprising and tests worthless.
func TestNoFileDoes(t *testing.T) {
	for _, f := range sources(t) {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: an init function: nothing happens by importing a package", f.path())
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok {
					return true
				}
				switch call := x.Name + "." + sel.Sel.Name; {
				case (f.test || f.dir == "internal/testhost") && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name):
					t.Errorf("%s: a test that can be skipped proves nothing", f.path())
				case f.test && call == "time.Sleep":
					t.Errorf("%s: a test that sleeps hopes; wait for what is to happen (testhost.Wait)", f.path())
				case call == "os.Exit" && f.dir != "cmd/vifd" && f.dir != "internal/testhost" && !f.test:
					t.Errorf("%s: os.Exit is main's alone", f.path())
				}
			}
			return true
		})
	}
}
