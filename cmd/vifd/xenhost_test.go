package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

// xenHost is a host with Xen's own xenstored, and vifd under the names of Xen's scripts.
type xenHost struct {
	*host
	store   *xenstored.Daemon
	scripts string // a folder of links to vifd
}

func newXenHost(t *testing.T, rules string) *xenHost {
	t.Helper()
	x := &xenHost{host: newHost(t, rules), store: xenstored.New(t, xenstored.C), scripts: t.TempDir()}
	for _, name := range []string{"vif-bridge", "vif-route", "vif-nat", "vif-vifd"} {
		if err := os.Symlink(x.self, filepath.Join(x.scripts, name)); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// tool runs one of Xen's tools against the store.
func (x *xenHost) tool(t *testing.T, tool string, args ...string) string {
	t.Helper()
	return xenstored.Tool(t, x.store.Socket, tool, args...)
}

// set writes keys of a backend's folder, as xl does while the guest runs.
func (x *xenHost) set(t *testing.T, domid, vifid int, keys map[string]string) {
	t.Helper()
	var args []string
	for key, value := range keys {
		args = append(args, fmt.Sprintf("%s/%s", backendPath(domid, vifid), key), value)
	}
	x.tool(t, "xenstore-write", args...)
}

func backendPath(domid, vifid int) string {
	return fmt.Sprintf("/local/domain/0/backend/vif/%d/%d", domid, vifid)
}

// plug does what libxl does before it calls the script: the folders of backend and frontend, with these keys besides, and an
// interface as netback makes it.
func (x *xenHost) plug(t *testing.T, domid, vifid int, keys map[string]string) *testhost.Host {
	t.Helper()
	return x.Guest(t, fmt.Sprintf("vif%d.%d", domid, vifid), x.folders(t, domid, vifid, keys))
}

// folders makes the folders of backend and frontend, and returns the guest's MAC.
func (x *xenHost) folders(t *testing.T, domid, vifid int, keys map[string]string) (mac string) {
	t.Helper()
	front := fmt.Sprintf("/local/domain/%d/device/vif/%d", domid, vifid)
	mac = fmt.Sprintf("00:16:3e:%02x:%02x:%02x", domid>>8, domid&255, vifid)
	all := map[string]string{
		"frontend": front, "frontend-id": fmt.Sprint(domid), "handle": fmt.Sprint(vifid), "online": "1", "state": "2", "type": "vif",
		"script": "/etc/xen/scripts/vif-vifd", "mac": mac, "bridge": "xenbr0", "hotplug-status": "",
	}
	for key, value := range keys {
		all[key] = value
	}
	x.set(t, domid, vifid, all)
	x.tool(t, "xenstore-write", front+"/handle", fmt.Sprint(vifid), fmt.Sprintf("/local/domain/%d/name", domid), fmt.Sprintf("guest%d", domid),
		fmt.Sprintf("/local/domain/%d/vm", domid), fmt.Sprintf("/vm/00000000-0000-4000-8000-%012d", domid))
	return mac
}

// call is a call as libxl makes it: of the program of that name, for a vif or, where it is called …-emu, for a tap.
func (x *xenHost) call(t *testing.T, name, command, iface string, domid, vifid int) (stderr string, code int) {
	t.Helper()
	kind, variable := "vif", "vif"
	if strings.HasSuffix(iface, "-emu") {
		kind, variable = "tap", "INTERFACE"
	}
	return x.script(t, name, []string{command, "type_if=" + kind}, fmt.Sprintf("XENBUS_PATH=backend/vif/%d/%d", domid, vifid), variable+"="+iface)
}

func (x *xenHost) script(t *testing.T, name string, args []string, environ ...string) (stderr string, code int) {
	t.Helper()
	cmd := x.Command(filepath.Join(x.scripts, name), append(args, "--rules", x.rules, "--state", x.state)...)
	cmd.Env = append(os.Environ(), append([]string{asVifd + "=1", "GORACE=atexit_sleep_ms=0", "XENSTORED_PATH=" + x.store.Socket}, environ...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if out.Len() > 0 || strings.Count(errs.String(), "\n") > 1 {
		t.Errorf("%s %v says more than one line:\n%s%s", name, args, out.String(), errs.String())
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

func (x *xenHost) mustCall(t *testing.T, name, command, iface string, domid, vifid int) {
	t.Helper()
	if errs, code := x.call(t, name, command, iface, domid, vifid); code != exitDone {
		t.Fatalf("%s %s %s: exit %d: %s", name, command, iface, code, errs)
	}
}

// listenXen starts a listener that knows of the store.
func (x *xenHost) listenXen(t *testing.T) *testhost.Process {
	t.Helper()
	cmd := x.vifd("listen")
	cmd.Env = append(cmd.Env, "XENSTORED_PATH="+x.store.Socket)
	p := cmd.Background(t)
	p.WaitOutput(t, "msg=ready")
	return p
}

// key is a key of a backend's folder as xenstore-ls shows it; false: it is not there.
func (x *xenHost) key(t *testing.T, domid, vifid int, key string) (string, bool) {
	t.Helper()
	return x.node(t, backendPath(domid, vifid)+"/"+key)
}

func (x *xenHost) node(t *testing.T, path string) (string, bool) {
	t.Helper()
	for line := range strings.Lines(x.tool(t, "xenstore-ls", "-f", "/")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), path+" = "); ok {
			return strings.Trim(rest, `"`), true
		}
	}
	return "", false
}

func (x *xenHost) wantStatus(t *testing.T, domid, vifid int, want string) {
	t.Helper()
	if got, _ := x.key(t, domid, vifid, "hotplug-status"); got != want {
		reason, _ := x.key(t, domid, vifid, "hotplug-error")
		t.Errorf("hotplug-status of %d/%d is %q (%s), want %q", domid, vifid, got, reason, want)
	}
}

// wantLink checks what ip says of a link.
func (x *xenHost) wantLink(t *testing.T, name string, words ...string) {
	t.Helper()
	out := x.Run(t, "ip", "-d", "link", "show", "dev", name)
	fields := strings.Join(strings.Fields(out), " ")
	for _, w := range words {
		if !strings.Contains(fields, w) {
			t.Errorf("%s has not %q:\n%s", name, w, out)
		}
	}
}

// bothWays runs a test with vifd working alone, and with a listener that it hands its calls to.
func bothWays(t *testing.T, rules string, test func(t *testing.T, x *xenHost)) {
	t.Helper()
	for _, listening := range []bool{false, true} {
		t.Run(fmt.Sprintf("listening=%v", listening), func(t *testing.T) {
			t.Parallel()
			x := newXenHost(t, rules)
			if listening {
				x.listenXen(t)
			}
			test(t, x)
		})
	}
}

// leaves checks that a host's links, tables and records are what they were before.
func (x *xenHost) unchanged(t *testing.T, before []string) {
	t.Helper()
	var now []string
	defer func() {
		if t.Failed() {
			t.Logf("before and now:\n%s", cmp.Diff(before, now))
		}
	}()
	testhost.Wait(t, "nothing to be left behind", func() bool { now = x.traces(t); return slices.Equal(now, before) })
	x.wantNoRecords(t)
}

// kernelsOwn are routes and neighbours that come with IPv6 and multicast on any link.
var kernelsOwn = regexp.MustCompile(`\b(multicast|NOARP|ff0[0-9a-f]|fe80)|:: .*\bkernel\b`)

// traces are what guests leave on a host: links, routes, addresses, neighbours, elements of sets, and nodes of xenstore.
func (x *xenHost) traces(t *testing.T) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(x.Run(t, "ip", "-br", "link")) {
		all = append(all, strings.Fields(line)[0]) // an address that the kernel makes up is another each time
	}
	for _, args := range [][]string{{"route", "show", "table", "all"}, {"-6", "route", "show", "table", "all"}, {"neigh", "show", "nud", "all"}} {
		for line := range strings.Lines(x.Run(t, "ip", args...)) {
			// What the kernel does for itself comes and goes with a bridge's carrier.
			if line = strings.Join(strings.Fields(strings.ReplaceAll(line, "linkdown", "")), " "); !kernelsOwn.MatchString(line) {
				all = append(all, line)
			}
		}
	}
	for set, n := range x.elements(t) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d elements of %s", n, set))
		}
	}
	all = append(all, strings.Split(x.tool(t, "xenstore-ls", "-f", "/local/domain/0"), "\n")...)
	slices.Sort(all)
	return all
}
