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
)

// due are the hooks that a plan names, as logScript writes them down: the event, and the arguments.
func (k *hooked) due(t *testing.T) (calls []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^# run \((up|down)\): /bin/sh (\S+) ?(.*)$`).FindAllStringSubmatch(k.plans(t), -1) {
		if filepath.Dir(m[2]) != k.dir {
			t.Errorf("the plan names the program %s", m[2])
		}
		calls = append(calls, m[1]+" ("+strings.ReplaceAll(m[3], "'", "")+")")
	}
	return calls
}

// ran are the hooks that were run since then, likewise, and forgets them.
func (k *hooked) ran(t *testing.T) (calls []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^(up|down) .*(\(.*\))$`).FindAllStringSubmatch(k.log(t), -1) {
		calls = append(calls, m[1]+" "+m[2])
	}
	k.forget(t)
	return calls
}

// TestPlanOfHooks: a plan runs nothing, and names just what a sync runs then; what was run, and would not be run again, is no change.
func TestPlanOfHooks(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	for _, name := range []string{"vif1.0", "vif2.0"} {
		k.Guest(t, name, "00:16:3e:00:00:0"+name[3:4])
	}
	step := func(what string, want ...string) {
		t.Helper()
		due := k.due(t)
		if diff := cmp.Diff(want, due); diff != "" {
			t.Errorf("%s: the plan (-want +got):\n%s", what, diff)
		}
		if got := k.ran(t); got != nil {
			t.Errorf("%s: the plan ran %q", what, got)
		}
		k.syncs(t)
		ran := k.ran(t) // of several vifs in any order
		slices.Sort(ran)
		slices.Sort(due)
		if diff := cmp.Diff(due, ran); diff != "" {
			t.Errorf("%s: planned and run (-planned +run):\n%s", what, diff)
		}
		k.wantNoChanges(t, what+", after sync")
	}
	both := "up: " + k.hook("log", "a  b") + ", down: " + k.hook("log", "c")
	k.use(t, k.rule("web", "vif*", both))
	step("at first", "up (a  b)", "up (a  b)") // each has its own
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("log", "${interface}")+", down: "+k.hook("log", "d")))
	step("other arguments", "up (vif1.0)", "up (vif2.0)")
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("log", "${interface}")+", down: "+k.hook("log", "e")))
	step("another end")
	k.use(t, k.rule("one", "vif1.0", both), k.rule("web", "vif*", "up: "+k.hook("log", "${interface}")))
	step("another rule", "down (d)", "up (a  b)")
	k.use(t, "  - {name: one, match: {interface: vif1.0}, block: true}\n")
	step("blocked, and no rule", "down (c)", "down (d)")
	k.use(t, k.rule("one", "vif*", both))
	step("again", "up (a  b)", "up (a  b)")
	k.Unplug(t, "vif1.0")
	step("gone", "down (c)")

	// One that fails is run again.
	k.use(t, k.rule("one", "vif*", "up: "+k.hook("fail")))
	for range 2 {
		if diff := cmp.Diff([]string{"up ()"}, k.due(t)); diff != "" {
			t.Errorf("what fails (-want +got):\n%s", diff)
		}
		if out, _, code := k.run(t, "sync"); code != exitFailed || !slices.Equal(k.ran(t), []string{"up ()"}) {
			t.Errorf("what fails: exit %d, %s", code, out)
		}
	}
	live, _, _ := k.run(t, "explain", "--live", "vif2.0")
	if want := "drift:\n  hook missing: # run (up): /bin/sh " + k.dir + "/fail\n"; !strings.HasSuffix(live, want) {
		t.Errorf("explain --live does not end in %q:\n%s", want, live)
	}
}

// withStore has a command of vifd's know of the store, and find Xen's tools where it runs them.
func (x *xenHost) withStore(t *testing.T, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	tools, err := filepath.Abs("../../bin/xenstored")
	if err != nil {
		t.Fatal(err)
	}
	cmd := x.Command(name, args...)
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0", "XENSTORED_PATH="+x.store.Socket, "PATH="+tools+":"+os.Getenv("PATH"))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (x *xenHost) vifdWithStore(t *testing.T, verb ...string) (stdout, stderr string, code int) {
	t.Helper()
	return x.withStore(t, x.self, append(verb, "--rules", x.rules, "--state", x.state)...)
}

// nodes are all that the store has of domains.
func (x *xenHost) nodes(t *testing.T) []string {
	t.Helper()
	lines := strings.Split(x.tool(t, "xenstore-ls", "-f", "/local"), "\n")
	slices.Sort(lines) // in the store they have the order in which they came
	return lines
}

// planned is the plan, for which nothing in the store changes.
func (x *xenHost) planned(t *testing.T) string {
	t.Helper()
	before := x.tool(t, "xenstore-ls", "-f", "-p", "/")
	out, _, _ := x.vifdWithStore(t, "plan")
	if after := x.tool(t, "xenstore-ls", "-f", "-p", "/"); after != before {
		t.Errorf("the plan changed the store (-before +after):\n%s", cmp.Diff(before, after))
	}
	return out
}

func (x *xenHost) wantNoChanges(t *testing.T, when string) {
	t.Helper()
	if out := x.planned(t); out != "# no changes\n" {
		t.Errorf("%s, the plan is\n%s", when, out)
	}
}

// namedGuests asks sysfs, too, and sets what is found by an interface's name.
const namedGuests = `
networks: {lan: {route: {uplink: eth0}}}
rules:
  - {name: waiting, match: {type: waits}, block: true}
  - {name: routed, match: {interface: "vif4.*", attr.type: "1"}, route: lan, firewall: source-guard, link: {sysctl: {ipv6.accept_ra: 0}}}
  - {name: bridged, match: {attr.type: "1"}, bridge: "${bridge}", firewall: source-guard, link: {alias: "${interface}"}, rate: {to-guest: 1gbit}}
`

// TestPlanOfXenGuests carries out by hand what is planned for guests that get names of their own: Xen is told, and nothing is left to do.
func TestPlanOfXenGuests(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, namedGuests)
	x.outside(t, []string{"192.0.2.254/24"}, []string{"192.0.2.253/24"})
	x.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	x.Run(t, "ip", "link", "set", "xenbr0", "mtu", "1400", "up")
	plug := func(kind string) {
		for domid, keys := range map[int]map[string]string{3: {"vifname": "web0"}, 4: {"vifname": "mail0", "mtu": "1300"}, 5: {}} {
			keys["ip"], keys["type"] = fmt.Sprintf("192.0.2.%d", domid), kind
			if kind == "waits" {
				delete(keys, "vifname")
			}
			name := fmt.Sprintf("vif%d.0", domid)
			x.plug(t, domid, 0, keys)
			x.mustCall(t, "vif-vifd", "online", name, domid, 0)
		}
	}
	plug("waits") // so that vifd knows whose they are, as it otherwise does from the kernel's bus
	x.Run(t, "ip", "link", "set", "dev", "vif3.0", "up")
	for domid, keys := range map[int]map[string]string{3: {"vifname": "web0"}, 4: {"vifname": "mail0"}, 5: {}} {
		keys["type"] = "vif"
		x.set(t, domid, 0, keys)
		x.tool(t, "xenstore-rm", backendPath(domid, 0)+"/hotplug-status") // which netback of some kernels does
	}
	script := x.planned(t)
	for _, want := range []string{
		"): rule bridged, bridge xenbr0, configured\nip link set dev vif3.0 down\nip link set dev vif3.0 name web0\nnft ",
		"ip link set dev web0 alias 'web0'\n", "\nip link set dev vif4.0 name mail0\nnft ", "sysctl -w net.ipv6.conf.mail0.accept_ra=0\n",
		"xenstore-write /local/domain/3/device/vif/0/mtu 1400\nxenstore-write backend/vif/3/0/hotplug-status connected\n#",
		"xenstore-write /local/domain/4/device/vif/0/mtu 1300\nxenstore-write backend/vif/4/0/hotplug-status connected\n#",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the plan does not say %q:\n%s", want, script)
		}
	}
	if out, errs, code := x.withStore(t, "sh", "-e", "-c", script); code != 0 {
		t.Fatalf("by hand: exit %d, %s%s\nof\n%s", code, errs, out, script)
	}
	x.wantNoChanges(t, "by hand")
	byHand := x.nodes(t)
	x.wantLink(t, "web0", "master xenbr0", "mtu 1400", "state UP")

	for domid, name := range map[int]string{3: "web0", 4: "mail0", 5: "vif5.0"} {
		x.Unplug(t, name)
		x.mustCall(t, "vif-vifd", "offline", fmt.Sprintf("vif%d.0", domid), domid, 0)
	}
	x.tool(t, "xenstore-rm", "/local/domain/0", "/local/domain/3", "/local/domain/4", "/local/domain/5")
	plug("vif")
	if diff := cmp.Diff(byHand, x.nodes(t)); diff != "" {
		t.Errorf("Xen is told something else (-by hand +by vifd):\n%s", diff)
	}
	x.wantNoChanges(t, "after the calls")

	// What somebody changes, and what vifd gives back.
	x.tool(t, "xenstore-write", backendPath(3, 0)+"/hotplug-error", "x", backendPath(5, 0)+"/hotplug-status", "error")
	x.Run(t, "ip", "link", "set", "dev", "mail0", "mtu", "1280")
	x.set(t, 4, 0, map[string]string{"mtu": "1350"})
	script = x.planned(t)
	for _, want := range []string{
		"xenstore-rm backend/vif/3/0/hotplug-error\n", "ip link set dev mail0 mtu 1350\nxenstore-write /local/domain/4/device/vif/0/mtu 1350\n",
		"xenstore-write backend/vif/5/0/hotplug-status connected\n", "# 3 of 3 vifs would change\n",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the plan does not say %q:\n%s", want, script)
		}
	}
	if out, errs, code := x.vifdWithStore(t, "sync"); code != exitDone {
		t.Fatalf("sync: exit %d, %s%s", code, errs, out)
	}
	x.wantNoChanges(t, "after sync")
}

// TestPlanAfterFirstSync: a name that a guest is guarded by before it gets its own is forgotten.
func TestPlanAfterFirstSync(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	x.bridges(t, "xenbr0")
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": "web0"})
	if out, errs, code := x.vifdWithStore(t, "sync"); code != exitDone {
		t.Fatalf("sync: exit %d, %s%s", code, errs, out)
	}
	x.wantNoChanges(t, "after the first sync")
}

// TestPlanOfXenFailures: Xen is told the same in a plan as by vifd, letter for letter.
func TestPlanOfXenFailures(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, xenRules)
	if out, errs, code := x.vifdWithStore(t, "sync"); code != exitDone {
		t.Fatalf("sync: exit %d, %s%s", code, errs, out)
	}
	for domid, keys := range map[int]map[string]string{
		3: {"bridge": `no\x41'br`}, 4: {"mtu": "15\\n00"}, 5: {"vifname": "eth9"}, 6: {"bridge": ""},
	} {
		keys["ip"] = "192.0.2.7"
		x.plug(t, domid, 0, keys)
	}
	x.bridges(t, "xenbr0", "eth9")
	script := x.planned(t)
	told := regexp.MustCompile(`(?m)^xenstore-.*$`).FindAllString(script, -1)
	if len(told) != 8 {
		t.Fatalf("of four that fail, Xen is told %q in\n%s", told, script)
	}
	if out, errs, code := x.withStore(t, "sh", "-e", "-c", strings.Join(told, "\n")); code != 0 {
		t.Fatalf("by hand: exit %d, %s%s", code, errs, out)
	}
	byHand := x.nodes(t)
	if again := x.planned(t); strings.Contains(again, "xenstore-") {
		t.Errorf("Xen has been told, and would be told again:\n%s", again)
	}
	for domid, name := range map[int]string{3: "vif3.0", 4: "vif4.0", 5: "vif5.0", 6: "vif6.0"} {
		if errs, code := x.call(t, "vif-vifd", "online", name, domid, 0); code != exitFailed {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
	}
	if diff := cmp.Diff(byHand, x.nodes(t)); diff != "" {
		t.Errorf("Xen is told something else (-by hand +by vifd):\n%s", diff)
	}
	if again := x.planned(t); strings.Contains(again, "xenstore-") {
		t.Errorf("after the calls Xen would be told again:\n%s", again)
	}
	x.store.Kill(t)
	out, errs, code := x.vifdWithStore(t, "plan", "vif4.0")
	if code != exitFailed || !strings.Contains(errs, "is xenstored running?") || strings.Contains(out, "xenstore-") {
		t.Errorf("without a xenstored: exit %d, %s%s", code, errs, out)
	}
}
