package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vifd/internal/takeover"
	"vifd/internal/testhost"
)

const networkRules = `networks:
  xenbr0: {bridge: {uplink: eth0, create: true}}
  lan: {route: {uplink: eth1}}
  empty: {bridge: {create: true}}
`

// netHost is a host with an uplink that is in use, and the outside behind it.
type netHost struct {
	*host
	outside *testhost.Host
}

func newNetHost(t *testing.T) *netHost {
	t.Helper()
	h := &netHost{host: newHost(t, networkRules), outside: testhost.New(t)}
	t.Cleanup(func() {
		if record, err := os.ReadFile(filepath.Join(h.snapshots(), "networks", "xenbr0.json")); t.Failed() && err == nil {
			t.Logf("the record:\n%s", record)
		}
	})
	h.Veths(t, h.outside, "eth0")
	for _, line := range []string{
		"link set eth0 address 02:00:00:00:00:01", "link set eth0 up", "addr add 192.0.2.1/24 dev eth0", "addr add 2001:db8::1/64 dev eth0 nodad",
	} {
		h.Run(t, "ip", strings.Fields(line)...)
	}
	for _, line := range []string{"link set peth0 up", "addr add 192.0.2.254/24 dev peth0", "addr add 2001:db8::fe/64 dev peth0 nodad"} {
		h.outside.Run(t, "ip", strings.Fields(line)...)
	}
	h.WaitUp(t, "eth0")
	h.outside.WaitUp(t, "peth0")
	testhost.Wait(t, "duplicate address detection to end", func() bool { return !strings.Contains(h.Run(t, "ip", "-6", "addr"), "tentative") })
	h.Run(t, "ip", "route", "add", "default", "via", "192.0.2.254")
	h.Run(t, "ip", "-6", "route", "add", "default", "via", "2001:db8::fe")
	h.Run(t, "ip", "rule", "add", "iif", "eth0", "lookup", "100", "pref", "1000")
	return h
}

// network runs `vifd network` with the folder of snapshots beside the state folder.
func (h *netHost) network(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return h.run(t, append(append([]string{"network"}, args...), "--snapshots", h.snapshots())...)
}

func (h *netHost) snapshots() string { return filepath.Join(filepath.Dir(h.state), "snapshots") }

func (h *netHost) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, args := range []string{"addr", "route show table all", "-6 route show table all", "rule", "-6 rule"} {
		b.WriteString(h.Run(t, "ip", strings.Fields(args)...))
	}
	return b.String()
}

func (h *netHost) succeed(t *testing.T, say string, args ...string) string {
	t.Helper()
	out, errs, code := h.network(t, args...)
	if code != 0 || !strings.Contains(out, say) {
		t.Fatalf("vifd network %v: exit %d, %s%s; want it to say %q", args, code, out, errs, say)
	}
	return out
}

func (h *netHost) backAgain(t *testing.T, before string) {
	t.Helper()
	testhost.Wait(t, "everything to be put back", func() bool {
		left, err := filepath.Glob(filepath.Join(h.snapshots(), "networks", "*.json"))
		return err == nil && len(left) == 0
	})
	if t.Failed() {
		return
	}
	if now := h.text(t); now != before {
		t.Errorf("not as it was:\n%s\nit was:\n%s", now, before)
	}
}

func TestNetworkStartAndStop(t *testing.T) {
	t.Parallel()
	h := newNetHost(t)
	before := h.text(t)
	h.succeed(t, "eth0 is behind xenbr0", "start", "xenbr0")
	h.succeed(t, "already", "start", "xenbr0")
	golden(t, "network-status", h.succeed(t, "started", "status", "xenbr0"))
	var st struct {
		Kind string
		takeover.Status
	}
	out := h.succeed(t, "", "status", "xenbr0", "-o", "json")
	if err := json.Unmarshal([]byte(out), &st); err != nil || st.Kind != "NetworkStatus" || st.State != takeover.StateStarted || len(st.Addresses) < 4 {
		t.Errorf("status -o json: %v, %s", err, out)
	}
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.Run(t, "ip", "link", "set", "vif1.0", "master", "xenbr0")
	if _, errs, code := h.network(t, "stop", "xenbr0"); code != exitFailed || !strings.Contains(errs, "vif1.0") {
		t.Errorf("stop with a guest: exit %d, %s", code, errs)
	}
	h.Unplug(t, "vif1.0")
	h.Run(t, "ip", "addr", "del", "192.0.2.1/24", "dev", "xenbr0")
	h.succeed(t, "broken: xenbr0 lacks address 192.0.2.1/24", "status", "xenbr0")
	h.succeed(t, "everything is as it was", "stop", "xenbr0")
	h.backAgain(t, before)
	h.succeed(t, "not started", "stop", "xenbr0")
	h.succeed(t, "(uplink eth0): down", "status", "xenbr0")
	h.succeed(t, "nothing of the host's is moved", "start", "empty")
	h.succeed(t, "lan (uplink eth1): route: nothing to start", "status", "lan")
	h.succeed(t, "empty (uplink -): bridge: nothing to start", "status", "empty")
	h.succeed(t, `"state":"none"`, "status", "lan", "-o", "json")
	if _, errs, code := h.network(t, "start", "lan"); code != exitFailed || !strings.Contains(errs, "the uplink of lan") {
		t.Errorf("start without its uplink: exit %d, %s", code, errs)
	}
	if _, errs, code := h.network(t, "start", "nosuch"); code != exitUsage || !strings.Contains(errs, "no network is called") {
		t.Errorf("start of nothing: exit %d, %s", code, errs)
	}
	if _, errs, code := h.network(t, "confirm", "xenbr0"); code != exitFailed || !strings.Contains(errs, "nothing to confirm") {
		t.Errorf("confirm of nothing: exit %d, %s", code, errs)
	}
}

func TestNetworkTry(t *testing.T) {
	t.Parallel()
	h := newNetHost(t)
	before := h.text(t)
	h.succeed(t, "vifd network confirm xenbr0", "try", "xenbr0", "--timeout", "60s")
	h.succeed(t, "trying until", "status", "xenbr0")
	if _, errs, code := h.network(t, "start", "xenbr0"); code != exitFailed || !strings.Contains(errs, "being tried") {
		t.Errorf("start while trying: exit %d, %s", code, errs)
	}
	h.succeed(t, "stays", "confirm", "xenbr0")
	h.succeed(t, "started", "status", "xenbr0")
	h.succeed(t, "", "stop", "xenbr0")
	h.backAgain(t, before)

	ping := h.outside.Start(t, "ping", "-n", "-i", "0.05", "192.0.2.1")
	ping.WaitOutput(t, "icmp_seq=3")
	h.succeed(t, "vifd network confirm xenbr0", "try", "xenbr0", "--timeout", "2s")
	h.backAgain(t, before)
	_ = ping.Stop(t, syscall.SIGINT)
	if m := regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`).FindStringSubmatch(ping.Output()); m == nil {
		t.Errorf("ping: %s", ping.Output())
	} else {
		var sent, got int
		fmt.Sscan(m[1]+" "+m[2], &sent, &got)
		if sent-got > 20 {
			t.Errorf("%d of %d pings were lost", sent-got, sent)
		}
	}
}

// watchdog is the process number of the host's watchdog.
func (h *netHost) watchdog(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), "watch\x00xenbr0") && strings.Contains(string(line), h.snapshots()) {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}

// TestNetworkTryOutlives loses the session, the watchdog and the host.
func TestNetworkTryOutlives(t *testing.T) {
	t.Parallel()
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		h := newNetHost(t)
		before := h.text(t)
		cmd := h.vifd("network", "try", "xenbr0", "--timeout", "2s", "--snapshots", h.snapshots())
		p := cmd.Background(t)
		p.WaitOutput(t, "confirm xenbr0")
		_ = syscall.Kill(-p.Pid(), syscall.SIGHUP)
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
		h.backAgain(t, before)
	})
	t.Run("watchdog", func(t *testing.T) {
		t.Parallel()
		h := newNetHost(t)
		before := h.text(t)
		h.succeed(t, "", "try", "xenbr0", "--timeout", "3s")
		pid := h.watchdog(t)
		if pid == "" {
			t.Fatal("there is no watchdog")
		}
		h.Run(t, "kill", "-9", pid)
		testhost.Wait(t, "the watchdog to be gone", func() bool { return h.watchdog(t) == "" })
		h.succeed(t, "watched until", "recover")
		h.backAgain(t, before)
	})
	t.Run("boot", func(t *testing.T) {
		t.Parallel()
		h := newNetHost(t)
		before := h.text(t)
		h.succeed(t, "", "try", "xenbr0", "--timeout", "60s")
		h.Run(t, "kill", "-9", h.watchdog(t))
		// The kernel has forgotten everything, and the host has set eth0 up as it always does.
		h.Run(t, "ip", "link", "del", "xenbr0")
		h.Run(t, "ip", "rule", "del", "pref", "1000")
		for _, line := range []string{
			"addr add 192.0.2.1/24 dev eth0", "addr add 2001:db8::1/64 dev eth0 nodad", "route add default via 192.0.2.254",
			"-6 route add default via 2001:db8::fe", "rule add iif eth0 lookup 100 pref 1000",
		} {
			h.Run(t, "ip", strings.Fields(line)...)
		}
		testhost.Wait(t, "the host to be set up", func() bool { return h.text(t) == before })
		boot := filepath.Join(t.TempDir(), "boot_id")
		if err := os.WriteFile(boot, []byte("another\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.Bind(t, boot, "/proc/sys/kernel/random/boot_id")
		h.succeed(t, "earlier boot", "recover")
		h.backAgain(t, before)
		h.succeed(t, "down", "status", "xenbr0")
	})
}
