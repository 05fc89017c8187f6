package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/ctl"
	"vifd/internal/testhost"
)

func TestListenerBridgesAndGuardsAVif(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "10.0.0.1/8")
	h.waitState(t, "configured", "vif1.0")

	link := h.Run(t, "ip", "-d", "link", "show", "dev", "vif1.0")
	for _, want := range []string{"master xenbr0", "state UP", "link/ether fe:ff:ff:ff:ff:ff", "mtu 1500"} {
		if !strings.Contains(link, want) {
			t.Errorf("ip link does not say %q:\n%s", want, link)
		}
	}
	port := h.Run(t, "bridge", "-d", "link", "show", "dev", "vif1.0")
	for _, want := range []string{"state forwarding", "hairpin off", "guard off", "learning on", "flood on", "isolated off"} {
		if !strings.Contains(port, want) {
			t.Errorf("bridge link does not say %q:\n%s", want, port)
		}
	}
	h.wantElements(t, 1)
	list := h.Run(t, "nft", "-s", "list", "table", "bridge", "vifd")
	for _, want := range []string{
		`elements = { "vif1.0" counter : drop }`, `elements = { "vif1.0" counter }`, `elements = { "vif1.0" . 00:16:3e:00:00:01 }`,
		`elements = { "vif1.0" . 10.0.0.1 }`, "iifname vmap @from-guest", `iifname "vif*" drop`, "iifname . ether saddr != @guest-mac drop",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("nft list does not say %q:\n%s", want, list)
		}
	}

	h.Unplug(t, "vif1.0")
	h.waitEmpty(t)
	h.wantElements(t, 0)
	h.wantNoRecords(t)
	if out, err := h.RunErr("ip", "link", "show", "dev", "xenbr0"); err == nil {
		t.Errorf("the bridge that vifd made is left behind:\n%s", out)
	}
	stop(t, p)
}

func TestStormOf500(t *testing.T) {
	t.Parallel()
	const guests = 500
	h := newHost(t, bridgeRules(1, guests))
	p := h.listen(t)
	far := testhost.New(t)
	names := vifNames(1, guests)
	h.Veths(t, far, names...)
	h.waitState(t, "configured", names...)
	h.wantElements(t, guests)
	if ports := strings.Count(h.Run(t, "bridge", "link", "show"), "master xenbr0"); ports != guests {
		t.Errorf("xenbr0 has %d ports, want %d", ports, guests)
	}
	stop(t, p)
}

// TestOverflow stalls the listener, with buffers that hold a few messages, while vifs come and go.
func TestOverflow(t *testing.T) {
	t.Parallel()
	const guests = 200
	h := newHost(t, bridgeRules(1, guests))
	p := h.listen(t, "--receive-buffer", "4096")
	far := testhost.New(t)
	names := vifNames(1, guests)
	p.Signal(t, syscall.SIGSTOP)
	h.Veths(t, far, names...)
	for _, name := range names[:20] {
		h.Unplug(t, name)
	}
	p.Signal(t, syscall.SIGCONT)
	h.waitState(t, "configured", names[20:]...)
	p.WaitOutput(t, "msg=overflow")
	testhost.Wait(t, "the unplugged to be forgotten", func() bool { return len(h.vifs(t)) == guests-20 })
	h.wantElements(t, guests-20)
	stop(t, p)
}

func TestRename(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.waitState(t, "configured", "vif1.0")
	h.Run(t, "ip", "link", "set", "dev", "vif1.0", "down")
	h.Run(t, "ip", "link", "set", "dev", "vif1.0", "name", "vif2.0")
	h.waitState(t, "configured", "vif2.0")
	testhost.Wait(t, "the old name to be forgotten", func() bool { return h.elements(t)["guest-mac"] == 1 })
	if list := h.Run(t, "nft", "-s", "list", "table", "bridge", "vifd"); strings.Contains(list, "vif1.0") || !strings.Contains(list, `"vif2.0" . 00:16:3e:00:00:02`) {
		t.Errorf("the firewall does not know the new name alone:\n%s", list)
	}
	if link := h.Run(t, "ip", "link", "show", "dev", "vif2.0"); !strings.Contains(link, "master xenbr0") || !strings.Contains(link, "state UP") {
		t.Errorf("after the rename:\n%s", link)
	}
	// A name that no rule wants: out of the bridge, and out of the firewall.
	h.Run(t, "ip", "link", "set", "dev", "vif2.0", "down")
	h.Run(t, "ip", "link", "set", "dev", "vif2.0", "name", "other0")
	h.waitState(t, "unmatched", "other0")
	h.wantElements(t, 0)
	if link := h.Run(t, "ip", "link", "show", "dev", "other0"); strings.Contains(link, "master") {
		t.Errorf("left in the bridge without a guard:\n%s", link)
	}
	stop(t, p)
}

// TestFlapping takes a vif away and brings it back under the same name, faster than it is configured.
func TestFlapping(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	p := h.listen(t)
	far := testhost.New(t)
	for range 30 {
		h.Veths(t, far, "vif1.0")
		h.Unplug(t, "vif1.0")
	}
	h.Veths(t, far, "vif1.0")
	h.waitState(t, "configured", "vif1.0")
	testhost.Wait(t, "one vif alone", func() bool { return len(h.vifs(t)) == 1 })
	h.wantElements(t, 1)
	if port := h.Run(t, "bridge", "link", "show", "dev", "vif1.0"); !strings.Contains(port, "master xenbr0") {
		t.Errorf("no port: %s", port)
	}
	h.Unplug(t, "vif1.0")
	h.waitEmpty(t)
	h.wantElements(t, 0)
	h.wantNoRecords(t)
	if strings.Contains(p.Output(), "msg=failed") {
		t.Errorf("a vif that went while it was configured counts as failed:\n%s", p.Output())
	}
	stop(t, p)
}

// TestRestartWritesNothing holds a restart to the promise that guests do not notice: the kernel hears of nothing.
func TestRestartWritesNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 3))
	p := h.listen(t)
	for i := 1; i <= 3; i++ {
		h.Guest(t, fmt.Sprintf("vif%d.0", i), fmt.Sprintf("00:16:3e:00:00:%02x", i))
	}
	h.waitState(t, "configured", vifNames(1, 3)...)
	before := h.Run(t, "nft", "-s", "list", "ruleset") + h.Run(t, "ip", "link") + h.Run(t, "bridge", "-d", "link")
	stop(t, p)
	if after := h.Run(t, "nft", "-s", "list", "ruleset") + h.Run(t, "ip", "link") + h.Run(t, "bridge", "-d", "link"); after != before {
		t.Errorf("stopping changed something:\n%s\nwas:\n%s", after, before)
	}

	nft := h.Start(t, "nft", "monitor")
	links := h.Start(t, "ip", "monitor", "link")
	testhost.Wait(t, "nft monitor to hear", func() bool {
		h.Run(t, "nft", "add", "table", "netdev", "begin")
		h.Run(t, "nft", "delete", "table", "netdev", "begin")
		return strings.Contains(nft.Output(), "begin")
	})
	testhost.Wait(t, "ip monitor to hear", func() bool {
		h.Run(t, "ip", "link", "set", "dev", "lo", "alias", "begin")
		return strings.Contains(links.Output(), "lo:")
	})
	heard := len(links.Output())
	p = h.listen(t)
	if _, errs, code := h.run(t, "reload"); code != 0 {
		t.Fatalf("reload: %s", errs)
	}
	h.waitState(t, "configured", vifNames(1, 3)...)
	h.Run(t, "nft", "add", "table", "netdev", "finish")
	nft.WaitOutput(t, "finish")
	if said := nft.Output(); strings.Contains(said, "vifd") {
		t.Errorf("a restart and a reload wrote to nf_tables:\n%s", said)
	}
	h.Run(t, "ip", "link", "add", "name", "sentinel", "type", "bridge")
	links.WaitOutput(t, "sentinel")
	if said := links.Output()[heard:]; strings.Contains(said, "vif") || strings.Contains(said, "xenbr0") {
		t.Errorf("a restart and a reload changed links:\n%s", said)
	}
	stop(t, p)
}

func TestReload(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.waitState(t, "configured", "vif1.0")

	h.write(t, "rules: [{name: broken, match: {interfaec: x}, ignore: true}]")
	_, errs, code := h.run(t, "reload")
	if code != exitFailed || !strings.Contains(errs, "VIF") || !strings.Contains(errs, "stay in force") {
		t.Errorf("reload of broken rules: exit %d, %s", code, errs)
	}
	out, errs, code := h.run(t, "reload", "-o", "json")
	var doc struct {
		APIVersion, Kind, Problems string
		Rules                      int
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitFailed {
		t.Fatalf("reload of broken rules as JSON: exit %d, %v, %s%s", code, err, out, errs)
	}
	if doc.APIVersion != "vifd/v1" || doc.Kind != "ReloadResult" || doc.Rules != 1 || !strings.Contains(doc.Problems, "VIF101") {
		t.Errorf("reload of broken rules as JSON: %s", out)
	}
	if got := h.status(t)["vif1.0"]; got.State != "configured" {
		t.Errorf("after a failed reload vif1.0 is %s", got.State)
	}

	h.write(t, strings.Replace(bridgeRules(1, 2), "bridge: xenbr0\n    firewall: source-guard", "block: true", 1))
	if out, errs, code := h.run(t, "reload"); code != 0 || out != "1 rules in force\n" {
		t.Fatalf("reload: exit %d, %s%s", code, out, errs)
	}
	if got := h.status(t)["vif1.0"]; got.State != "blocked" {
		t.Errorf("vif1.0 is %s, want blocked", got.State)
	}
	link := h.Run(t, "ip", "link", "show", "dev", "vif1.0")
	if strings.Contains(link, "master") || !strings.Contains(link, "state DOWN") {
		t.Errorf("a blocked vif:\n%s", link)
	}
	if list := h.Run(t, "nft", "-s", "list", "map", "bridge", "vifd", "from-guest"); !strings.Contains(list, `"vif1.0" counter : drop`) {
		t.Errorf("a blocked vif:\n%s", list)
	}

	h.write(t, bridgeRules(1, 2))
	p.Signal(t, syscall.SIGHUP)
	h.waitState(t, "configured", "vif1.0")
	h.wantElements(t, 1)
	stop(t, p)
}

// TestBridgeComesLater has a vif wait for its bridge, which an administrator makes after it.
func TestBridgeComesLater(t *testing.T) {
	t.Parallel()
	h := newHost(t, strings.Replace(bridgeRules(1, 1), "{create: true}", "{}", 1))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.waitState(t, "failed", "vif1.0")
	if got := h.status(t)["vif1.0"].Error; !strings.Contains(got, "xenbr0") || !strings.Contains(got, "no such bridge") {
		t.Errorf("the reason is %q", got)
	}
	h.Run(t, "ip", "link", "add", "name", "xenbr0", "type", "bridge")
	h.waitState(t, "configured", "vif1.0")
	h.Unplug(t, "vif1.0")
	h.waitEmpty(t)
	h.Run(t, "ip", "link", "show", "dev", "xenbr0") // is the administrator's, and stays
	stop(t, p)
}

func TestUnknownMACIsBlocked(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	p := h.listen(t)
	h.Guest(t, "vif7.0", "00:16:3e:00:00:07")
	h.waitState(t, "blocked", "vif7.0")
	if got := h.status(t)["vif7.0"].Error; !strings.Contains(got, "MAC") {
		t.Errorf("the reason is %q", got)
	}
	h.write(t, bridgeRules(1, 7))
	if _, errs, code := h.run(t, "reload"); code != 0 {
		t.Fatalf("reload: %s", errs)
	}
	h.waitState(t, "configured", "vif7.0")
	stop(t, p)
}

// TestFlushedRulesetIsRestored: somebody else's `nft flush ruleset` is put right by the next look at everything.
func TestFlushedRulesetIsRestored(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 2))
	p := h.listen(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.waitState(t, "configured", "vif1.0")
	before := h.Run(t, "nft", "-s", "list", "table", "bridge", "vifd")
	h.Run(t, "nft", "flush", "ruleset")
	h.Guest(t, "vif2.0", "00:16:3e:00:00:02")
	h.waitState(t, "configured", "vif2.0")
	h.wantElements(t, 2)
	h.Unplug(t, "vif2.0")
	testhost.Wait(t, "vif2.0 to be forgotten", func() bool { return len(h.vifs(t)) == 1 })
	if after := h.Run(t, "nft", "-s", "list", "table", "bridge", "vifd"); after != before {
		t.Errorf("restored:\n%s\nwas:\n%s", after, before)
	}
	stop(t, p)
}

// TestKilledWhileWorking kills the listener at whatever instant it is at, again and again.
func TestKilledWhileWorking(t *testing.T) {
	t.Parallel()
	const guests = 40
	h := newHost(t, bridgeRules(1, guests))
	far := testhost.New(t)
	names := vifNames(1, guests)
	for i := range 8 {
		p := h.listen(t)
		for _, name := range names[i*5 : i*5+5] {
			h.Veths(t, far, name)
		}
		_ = p.Stop(t, syscall.SIGKILL)
	}
	p := h.listen(t)
	h.waitState(t, "configured", names...)
	h.wantElements(t, guests)
	for _, name := range names[1:] {
		h.Unplug(t, name)
	}
	_ = p.Stop(t, syscall.SIGKILL)
	h.Unplug(t, "vif1.0")
	p = h.listen(t)
	h.waitEmpty(t)
	h.wantElements(t, 0)
	h.wantNoRecords(t)
	if out, err := h.RunErr("ip", "link", "show", "dev", "xenbr0"); err == nil {
		t.Errorf("the bridge is left behind:\n%s", out)
	}
	stop(t, p)
}

func TestHostsOwnLinksAreLeftAlone(t *testing.T) {
	t.Parallel()
	rules := "networks: {xenbr0: {bridge: {uplink: eth0, create: true}}}\n" +
		"rules: [{name: all, match: {interface: \"*\"}, bridge: {name: xenbr0, create: true}}]\n"
	h := newHost(t, rules)
	far := testhost.New(t)
	h.Veths(t, far, "eth0", "vif1.0")
	h.Run(t, "ip", "link", "add", "name", "br7", "type", "bridge")
	p := h.listen(t)
	h.waitState(t, "configured", "vif1.0")
	for _, name := range []string{"eth0", "br7", "lo"} {
		if link := h.Run(t, "ip", "link", "show", "dev", name); strings.Contains(link, "master") {
			t.Errorf("%s was taken for a guest's:\n%s", name, link)
		}
		if v, ok := h.status(t)[name]; ok {
			t.Errorf("status lists %s: %+v", name, v)
		}
	}
	stop(t, p)
}

// TestSocketIsPrivate: whoever may not be root may not talk to the listener.
func TestSocketIsPrivate(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	p := h.listen(t)
	info, err := os.Stat(h.state + "/vifd.sock")
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("vifd.sock has mode %o, want 600", mode)
	}
	_, errs, code := h.run(t, "listen")
	if code != exitCannot || !strings.Contains(errs, ctl.ErrListening.Error()) {
		t.Errorf("a second listener: exit %d, %s", code, errs)
	}
	if v, err := ctl.NewClient(h.state).Version(context.Background()); err != nil || v.Pid != p.Pid() {
		t.Errorf("Version() = %+v, %v; want pid %d", v, err, p.Pid())
	}
	stop(t, p)
}

// TestSystemdIsTold has the listener speak to a notification socket as systemd offers it (sd_notify(3)).
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	h := newHost(t, bridgeRules(1, 1))
	socket := h.state + "-notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hear := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), want) {
			t.Fatalf("systemd hears %q, %v; want %q", buf[:n], err, want)
		}
	}
	cmd := h.vifd("listen")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+socket)
	p := cmd.Background(t)
	hear("READY=1")
	p.Signal(t, syscall.SIGHUP)
	hear("RELOADING=1\nMONOTONIC_USEC=")
	hear("READY=1")
	p.Signal(t, syscall.SIGTERM)
	hear("STOPPING=1")
	if err := p.Err(); err != nil {
		t.Errorf("the listener ended with %v", err)
	}
}

// TestHostileName gives a vif a name that would act on a terminal and in a log.
func TestHostileName(t *testing.T) {
	t.Parallel()
	const name = "vif\x1b[31m;=\"'"
	h := newHost(t, bridgeRules(1, 1)+"    guest: {mac: \"00:16:3e:00:00:01\"}\n")
	p := h.listen(t)
	far := testhost.New(t)
	h.Veths(t, far, name)
	h.waitState(t, "configured", name)
	out, _, code := h.run(t, "status")
	if code != 0 || strings.Contains(out, "\x1b") || !strings.Contains(out, "vif\ufffd[31m;=\"'") {
		t.Errorf("status: exit %d, %q", code, out)
	}
	if strings.Contains(p.Output(), "\x1b") {
		t.Errorf("the log acts on the terminal: %q", p.Output())
	}
	if list := h.Run(t, "nft", "-j", "list", "set", "bridge", "vifd", "guest-mac"); !strings.Contains(list, "00:16:3e:00:00:01") {
		t.Errorf("not guarded: %s", list)
	}
	h.Unplug(t, name)
	h.waitEmpty(t)
	h.wantElements(t, 0)
	stop(t, p)
}
