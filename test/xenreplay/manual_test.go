package xenreplay

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const tree = "../.."

// taken is what Xen's scripts took and did, by the section of the manual that has to speak of it: commands, arguments, variables, keys
// of xenstore, and things on the host.
var taken = map[string][]string{
	"vif-common": {
		"online", "offline", "add", "remove", "type_if", "NAME=VALUE", "XENBUS_PATH", "XENBUS_TYPE", "XENBUS_BASE_PATH", "vif", "INTERFACE", "script",
		"netdev", "gatewaydev", "ip", "vifname", "UDEV_CALL", "disable_udev", "hotplug-status", "hotplug-error", "exit 0", "exit 1", "xen-hotplug.log", "vif-post.d",
		"FORWARD", "rate", "vlan",
	},
	"vif-bridge":     {"bridge", "xenbrN", "offline", "add", "remove", "mtu", "vifname", "fe:ff:ff:ff:ff:ff", "port flags"},
	"vif-route":      {"gatewaydev", "netdev", "eth0", "/32", "proxy_arp", "ip", "src", "metric", "IPv6", "offline", "ip_forward"},
	"vif-nat":        {"ip", "domid", "handle", "frontend-id", "127", "/32", "proxy_arp", "dhcp", "dhcpd.conf", "mac", "offline", "add", "remove"},
	"network-bridge": {"start", "stop", "status", "exit 1", "netdev=", "bridge=", "bridge=null", "antispoof", "peth0"},
	"network-route":  {"start", "stop", "netdev=", "ip_forward", "proxy_arp", "antispoof"},
	"network-nat":    {"start", "stop", "netdev=", "dhcp=yes", "antispoof", "MASQUERADE", "ip_forward"},
}

// row is one of the tables' of what a script did.
type row struct{ there, vifd, shown string }

// compatibility reads the tables of docs/xen.md, by script. A table begins behind its mark and ends with an empty line.
func compatibility(t *testing.T) map[string][]row {
	t.Helper()
	text, err := os.ReadFile(path.Join(tree, "docs/xen.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string][]row)
	for _, part := range strings.Split(string(text), "<!-- script: ")[1:] {
		script, table, _ := strings.Cut(part, " -->\n")
		table, _, _ = strings.Cut(table, "\n\n")
		lines := strings.Split(strings.TrimSpace(table), "\n")
		if len(lines) < 3 || lines[0] != "| there | vifd | shown by |" || tables[script] != nil {
			t.Fatalf("%s: no table, or a second one:\n%s", script, table)
		}
		for _, line := range lines[2:] {
			cells := strings.Split(strings.ReplaceAll(line, `\|`, "or"), "|")
			if len(cells) != 5 {
				t.Fatalf("%s: %d cells: %s", script, len(cells)-2, line)
			}
			tables[script] = append(tables[script], row{cells[1], cells[2], strings.TrimSpace(cells[3])})
		}
	}
	return tables
}

// testsOfTheTree are the names of all tests of the project.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	tests := make(map[string]bool)
	err := fs.WalkDir(os.DirFS(tree), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "testdata"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(tree, p), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name != "TestMain" && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// TestManual holds the manual's tables against the tests that they name, and against what the scripts took.
func TestManual(t *testing.T) {
	t.Parallel()
	tests, tables := testsOfTheTree(t), compatibility(t)
	if len(tests) < 100 {
		t.Fatalf("found %d tests only", len(tests))
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	for script, rows := range tables {
		if taken[script] == nil {
			t.Errorf("%s is no script of Xen's", script)
		}
		for _, r := range rows {
			if why, none := strings.CutPrefix(r.shown, "none: "); none && len(why) > 10 {
				continue
			}
			names := quoted.FindAllStringSubmatch(r.shown, -1)
			if len(names) == 0 || strings.Trim(quoted.ReplaceAllString(r.shown, ""), ", ") != "" {
				t.Errorf("%s, %s: %q names no tests, and does not say why (none: …)", script, r.there, r.shown)
			}
			for _, name := range names {
				if folder, ok := strings.CutPrefix(name[1], "scenarios/"); ok {
					if _, err := os.Stat(path.Join(tree, "test/xenlab/scenarios", folder, "run.sh")); err != nil {
						t.Errorf("%s, %s: %v", script, r.there, err)
					}
				} else if !tests[name[1]] {
					t.Errorf("%s, %s: there is no test %s", script, r.there, name[1])
				}
			}
		}
	}
	for script, words := range taken {
		for _, word := range words {
			whole := regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(word) + `($|[^\w-])`)
			if !slices.ContainsFunc(tables[script], func(r row) bool { return whole.MatchString(r.there) }) {
				t.Errorf("the table of %s says nothing of %s", script, word)
			}
		}
	}
}
