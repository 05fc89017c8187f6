package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

// everyFacet has one guest for everything that can be done to one.
const everyFacet = `
networks:
  xenbr0:  {bridge: {create: true}}
  fullbr:  {bridge: {create: true}}
  lan:     {route: {uplink: eth0}}
  private: {nat: {uplink: eth0, subnet: [10.77.0.0/16, "fd77::/48"], dhcp: true}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [10.0.0.1, "fd00::1", 198.51.100.0/28]}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02", ip: [192.0.2.2, "2001:db8::2"]}
  - {interface: vif3.0, mac: "00:16:3e:00:00:03"}
  - {interface: vif5.0, mac: "00:16:3e:00:00:05"}
rules:
  - {name: bridged, match: {interface: vif1.0}, bridge: xenbr0, firewall: source-guard}
  - {name: routed, match: {interface: vif2.0}, route: lan, firewall: source-guard}
  - {name: natted, match: {interface: vif3.0}, nat: {network: private, forward: [{proto: tcp, port: 8080, to: 80}]}, firewall: source-guard}
  - {name: blocked, match: {interface: vif4.0}, block: true}
  - name: full
    match: {interface: vif5.0}
    bridge: {name: fullbr, isolated: true, static-fdb: true}
    firewall: source-guard
    rate: {from-guest: 100mbit, to-guest: 1gbit}
    link: {txqueuelen: 77, alias: "guest ${domid}", group: 7, sysctl: {ipv6.accept_ra: 0}}
  - {name: ignored, match: {interface: vif6.0}, ignore: true}
`

// planned is a host with rules, an uplink, and the guests that they are about.
func planned(t *testing.T, rules string) *host {
	t.Helper()
	h := newHost(t, rules)
	h.outside(t, []string{"192.0.2.254/24", "2001:db8::fe/64"}, []string{"192.0.2.253/24", "2001:db8::fd/64"})
	for i := 1; i <= 6; i++ {
		h.Guest(t, fmt.Sprintf("vif%d.0", i), fmt.Sprintf("00:16:3e:00:00:%02x", i))
	}
	return h
}

// plans runs plan and holds its exit code to what it prints.
func (h *host) plans(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := h.run(t, append([]string{"plan", "--detailed-exitcode"}, args...)...)
	want := exitChanges
	if out == "# no changes\n" {
		want = exitDone
	}
	if code != want || errs != "" {
		t.Fatalf("plan: exit %d, want %d, %s\n%s", code, want, errs, out)
	}
	return out
}

func (h *host) wantPlan(t *testing.T, when string, lines ...string) {
	t.Helper()
	out := h.plans(t)
	for _, want := range lines {
		if !strings.Contains(out, want) {
			t.Errorf("%s: the plan does not say %q:\n%s", when, want, out)
		}
	}
}

func (h *host) wantNoChanges(t *testing.T, when string) {
	t.Helper()
	if out := h.plans(t); out != "# no changes\n" {
		t.Errorf("%s, the plan is\n%s", when, out)
	}
}

func (h *host) syncs(t *testing.T, names ...string) string {
	t.Helper()
	out, errs, code := h.run(t, append([]string{"sync"}, names...)...)
	if code != exitDone {
		t.Fatalf("sync: exit %d, %s\n%s", code, errs, out)
	}
	return out
}

// everything is all of the host that vifd could have changed, as the tools show it.
func (h *host) everything(t *testing.T) string {
	t.Helper()
	text := h.traces(t) + h.Run(t, "nft", "-s", "list", "ruleset") + h.Run(t, "ip", "-d", "-o", "link") + h.Run(t, "bridge", "-d", "link") +
		h.Run(t, "bridge", "fdb") + h.Run(t, "tc", "qdisc")
	return regexp.MustCompile(`(?m)(gc_timer|hello_timer|tcn_timer|topology_change_timer) +[0-9.]+|expires [0-9]+sec|used [0-9/]+`).ReplaceAllString(text, "")
}

func TestPlanAloneThenSync(t *testing.T) {
	t.Parallel()
	h := planned(t, everyFacet)
	before := h.everything(t)
	h.wantPlan(t, "at first", "nft 'add table bridge vifd'", "nft 'add chain bridge vifd prerouting { type filter hook prerouting priority",
		"# vif1.0 (ifindex ", ": rule bridged, bridge xenbr0, configured\n", `nft 'add element bridge vifd guest-ip { "vif1.0" . 10.0.0.1 }'`,
		"ip link add name xenbr0", "ip link set dev vif1.0 master xenbr0\n", "ip route replace 192.0.2.2 dev vif2.0 proto 118", "nft 'add element ip vifd ",
		"sysctl -w net.ipv4.ip_forward=1\n", "ip link set dev vif5.0 txqueuelen 77\n", "tc qdisc ", "bridge fdb replace 00:16:3e:00:00:05 dev vif5.0 master static sticky\n", "# 5 of 6 vifs would change\n")
	if after := h.everything(t); after != before {
		t.Errorf("plan changed something:\n%s\nwas\n%s", after, before)
	}
	if _, err := os.Stat(h.state); err == nil {
		t.Error("plan made the state folder")
	}
	out := h.syncs(t)
	for _, want := range []string{"vif1.0     configured  bridged  bridge\n", "vif4.0     blocked     blocked  block\n", "vif6.0     ignored     ignored  ignore\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("sync does not say %q:\n%s", want, out)
		}
	}
	h.wantNoChanges(t, "after sync")
	before = h.Run(t, "nft", "-s", "-a", "list", "ruleset") // with handles: what is written anew has others
	h.syncs(t)
	if after := h.Run(t, "nft", "-s", "-a", "list", "ruleset"); after != before {
		t.Errorf("a second sync changed something:\n%s\nwas\n%s", after, before)
	}
	var d difference
	list, _, _ := h.run(t, "plan", "-o", "json")
	if err := json.Unmarshal([]byte(list), &d); err != nil || d.Kind != "Difference" || len(d.Vifs) != 6 || len(d.Shared) != 0 {
		t.Errorf("%v of %s", err, list)
	}
}

// TestPlanFindsWhatSomebodyChanged, in every facet, and sync puts it right.
func TestPlanFindsWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	h := planned(t, everyFacet)
	h.syncs(t)
	for _, tt := range []struct{ command, want, differs string }{
		{"ip link set dev vif1.0 nomaster", "ip link set dev vif1.0 master xenbr0", "missing"},
		{"ip link set dev vif1.0 down", "ip link set dev vif1.0 up", "other"},
		{"bridge link set dev vif1.0 isolated on", "bridge link set dev vif1.0 isolated off", "other"},
		{`nft delete element bridge vifd guest-mac { "vif1.0" . 00:16:3e:00:00:01 }`, `nft 'add element bridge vifd guest-mac { "vif1.0" . 00:16:3e:00:00:01 }'`, "missing"},
		{`nft add element bridge vifd guest-ip { "vif1.0" . 10.9.9.9 }`, `nft 'delete element bridge vifd guest-ip { "vif1.0" . 10.9.9.9 }'`, "extra"},
		{"ip route del 192.0.2.2 dev vif2.0", "ip route replace 192.0.2.2 dev vif2.0", "missing"},
		{"ip route add 203.0.113.9 dev vif2.0 proto 118", "ip route del 203.0.113.9 dev vif2.0 proto 118", "extra"},
		{`nft add element ip vifd guests { 10.88.0.1 . "vif3.0" }`, `nft 'delete element ip vifd guests { 10.88.0.1 . "vif3.0" }'`, "extra"},
		{"ip link set dev vif4.0 up", "ip link set dev vif4.0 down", "other"},
		{"ip link set dev vif5.0 txqueuelen 55", "ip link set dev vif5.0 txqueuelen 77", "other"},
		{"tc qdisc del dev vif5.0 root", "tc qdisc add dev vif5.0", "missing"},
		{"bridge fdb del 00:16:3e:00:00:05 dev vif5.0 master", "bridge fdb replace 00:16:3e:00:00:05 dev vif5.0 master static sticky", "missing"},
	} {
		words := strings.Fields(tt.command)
		h.Run(t, words[0], words[1:]...)
		h.wantPlan(t, tt.command, tt.want)
		name := regexp.MustCompile(`vif[0-9]\.0`).FindString(tt.want)
		live, errs, code := h.run(t, "explain", "--live", name)
		if _, drift, _ := strings.Cut(live, "drift:\n"); code != exitDone || !strings.Contains(drift, " "+tt.differs+": "+tt.want) {
			t.Errorf("%s: explain --live: exit %d, %s, want %s: %s in\n%s", tt.command, code, errs, tt.differs, tt.want, live)
		}
		if out := h.syncs(t); strings.Contains(out, "failed") {
			t.Errorf("%s: %s", tt.command, out)
		}
		h.wantNoChanges(t, "after "+tt.command+" and sync")
	}
	live, _, _ := h.run(t, "explain", "--live", "vif1.0")
	if !strings.HasSuffix(live, "drift:\n  none\n") {
		t.Errorf("explain --live of what is right:\n%s", live)
	}
}

// TestPlanOfOtherRules also says what would be taken back; and of vifs that have gone while nobody looked.
func TestPlanOfOtherRules(t *testing.T) {
	t.Parallel()
	h := planned(t, everyFacet)
	h.syncs(t)
	h.write(t, `
networks: {lan: {route: {uplink: eth0}}, otherbr: {bridge: {create: true}}}
guests:
  - {interface: vif1.0, mac: "00:16:3e:00:00:01", ip: [192.0.2.1]}
  - {interface: vif2.0, mac: "00:16:3e:00:00:02", ip: [192.0.2.2]}
rules:
  - {name: routed, match: {interface: vif1.0}, route: lan, firewall: source-guard}
  - {name: bridged, match: {interface: [vif2.0, vif4.0]}, bridge: otherbr}
  - {name: rest, match: {interface: "vif*"}, block: true}
`)
	h.wantPlan(t, "of other rules", "ip link set dev vif1.0 nomaster", "ip link delete dev xenbr0 type bridge", "ip route replace 192.0.2.1 dev vif1.0",
		"ip link add name otherbr", "ip link set dev vif2.0 master otherbr", "nft 'delete element bridge vifd ", `nft 'delete element ip vifd guests { `,
		"ip link set dev vif5.0 txqueuelen 1000", "ip link delete dev ifb-", "nft 'delete chain ")
	h.syncs(t)
	h.wantNoChanges(t, "after sync with other rules")
	for _, name := range vifNames(1, 6) {
		h.Unplug(t, name)
	}
	h.wantPlan(t, "of vifs that have gone", "# vif1.0 (ifindex ", "): gone\n", `nft 'delete element inet vifd `, "ip neigh del proxy 192.0.2.1 dev eth0",
		"sysctl -w net.ipv4.ip_forward=0", "ip link delete dev otherbr type bridge", "# 6 of 6 vifs would change")
	h.syncs(t)
	h.wantNoChanges(t, "after all have gone")
	h.wantNoRecords(t)
}

// TestPlanBesideAListener: what the listener has done is nothing to do any more, and it syncs what somebody changed behind its back.
func TestPlanBesideAListener(t *testing.T) {
	t.Parallel()
	h := planned(t, everyFacet)
	p := h.listen(t)
	h.wantNoChanges(t, "once the listener is ready")
	h.Run(t, "nft", "delete", "element", "bridge", "vifd", "guest-mac", `{ "vif1.0" . 00:16:3e:00:00:01 }`)
	h.Run(t, "ip", "route", "del", "192.0.2.2", "dev", "vif2.0") // of neither is a listener told
	h.wantPlan(t, "beside a listener", "add element bridge vifd guest-mac", "ip route replace 192.0.2.2", "# 2 of 6 vifs would change")
	if out := h.plans(t, "vif2.0"); strings.Contains(out, "vif1.0") || !strings.Contains(out, "vif2.0") {
		t.Errorf("the plan of vif2.0 alone:\n%s", out)
	}
	if out := h.syncs(t, "vif2.0"); !strings.Contains(out, "vif2.0     configured  routed") || strings.Contains(out, "vif1.0") {
		t.Errorf("sync vif2.0:\n%s", out)
	}
	if out := h.plans(t); strings.Contains(out, "vif2.0") || !strings.Contains(out, "vif1.0") {
		t.Errorf("after sync vif2.0 the plan is\n%s", out)
	}
	h.syncs(t)
	h.wantNoChanges(t, "after sync")
	stop(t, p)
}

// TestPlanByHand carries a plan out as people would, and vifd finds nothing left to do. The tables are there, and guests with prefixes of all
// lengths: rules that nft has made lack vifd's mark.
func TestPlanByHand(t *testing.T) {
	t.Parallel()
	h := planned(t, everyFacet+`
  - name: more
    match: {interface: vif7.0}
    bridge: {name: newbr, create: true, hairpin: true, static-fdb: true}
    firewall: source-guard
    guest: {mac: "00:16:3e:00:00:07", ip: [10.0.0.7]}
    rate: {to-guest: 1gbit} # the other way takes what kernels have different parts for
    link: {txqueuelen: 77, alias: "guest's", group: 7, sysctl: {ipv6.accept_ra: 0}}
`)
	h.syncs(t)
	for _, name := range []string{"vif2.0", "vif4.0"} {
		h.Unplug(t, name)
	}
	h.syncs(t)
	for _, i := range []int{2, 4, 7} {
		h.Guest(t, fmt.Sprintf("vif%d.0", i), fmt.Sprintf("00:16:3e:00:00:%02x", i))
	}
	h.Run(t, "ip", "link", "set", "dev", "vif4.0", "up")
	script := h.plans(t)
	if !strings.HasSuffix(script, "# 3 of 7 vifs would change\n") {
		t.Errorf("the plan is\n%s", script)
	}
	if out, err := h.RunErr("sh", "-e", "-c", script); err != nil {
		t.Fatalf("%v: %s\nof\n%s", err, out, script)
	}
	h.wantNoChanges(t, "by hand")
}

// acts reports whether a byte of a text acts on a terminal.
func acts(text string) bool { return strings.Contains(text, "\x1b") || strings.Contains(text, "\xff") }

// TestHostileNames: no byte of a name acts on a shell or a terminal.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	h := newHost(t, "networks: {xenbr0: {bridge: {create: true}}}\nrules: [{name: all, match: {interface: \"v*\"}, bridge: xenbr0}]\n")
	far := testhost.New(t)
	shell, terminal := "v;touch$IFS'x", "v\x1b[31m\xff"
	h.Veths(t, far, shell, terminal)
	script := h.plans(t)
	if acts(script) {
		t.Errorf("%q", script)
	}
	if want := `ip link set dev 'v;touch$IFS'\''x' master xenbr0`; !strings.Contains(script, want) {
		t.Errorf("no %s in\n%s", want, script)
	}
	out := h.syncs(t)
	if acts(out) || strings.Count(out, "configured") != 2 {
		t.Errorf("%q", out)
	}
	h.wantNoChanges(t, "with hostile names")
	h.Unplug(t, shell)
	h.syncs(t)
	h.Veths(t, far, shell)
	script = h.plans(t)
	if out, err := h.RunErr("sh", "-e", "-c", script); err != nil {
		t.Errorf("%v: %s\nof\n%s", err, out, script)
	}
	h.wantNoChanges(t, "by hand, with a hostile name")
	p := h.listen(t)
	h.Run(t, "ip", "link", "set", "dev", terminal, "nomaster")
	h.waitState(t, "configured", "v\x1b[31m\ufffd", shell)
	if out := h.syncs(t, terminal); strings.Count(out, "configured") != 1 {
		t.Errorf("%q", out)
	}
	stop(t, p)
}

func TestPlanAndSyncExitCodes(t *testing.T) {
	t.Parallel()
	h := newHost(t, "networks: {lan: {route: {uplink: nosuch0}}}\nrules: [{name: r, match: {interface: vif1.0}, route: lan, guest: {ip: [192.0.2.1]}}]\n")
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	for _, tt := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"plan", "vif9.0"}, exitFailed, "no such vif"},
		{[]string{"plan", "--all", "vif1.0"}, exitUsage, "interfaces, or --all"},
		{[]string{"plan"}, exitFailed, "no such uplink"},
		{[]string{"sync", "vif9.0"}, exitFailed, "vif9.0: no such interface"},
		{[]string{"sync"}, exitFailed, "1 of 1 vifs failed"},
		{[]string{"sync", "vif1.0"}, exitFailed, "1 of 1 vifs failed"},
	} {
		out, errs, code := h.run(t, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.say) {
			t.Errorf("%v: exit %d, want %d; %q, want it to say %q; %s", tt.args, code, tt.code, errs, tt.say, out)
		}
	}
	h.write(t, "rules: 1\n")
	for _, verb := range []string{"plan", "sync"} {
		if _, errs, code := h.run(t, verb); code != exitCannot || !strings.Contains(errs, "rules have an error") {
			t.Errorf("%s with bad rules: exit %d, %s", verb, code, errs)
		}
	}
}
