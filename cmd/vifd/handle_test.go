package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

// event runs `vifd handle` with what udevd would give it.
func (h *host) event(t *testing.T, action, iface string, ifindex int) (stderr string, code int) {
	t.Helper()
	cmd := h.vifd("handle")
	cmd.Env = []string{
		asVifd + "=1", "GORACE=atexit_sleep_ms=0", "ACTION=" + action, "SUBSYSTEM=net", "DEVPATH=/devices/virtual/net/" + iface,
		"INTERFACE=" + iface, "IFINDEX=" + strconv.Itoa(ifindex), "SEQNUM=1",
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

func (h *host) ifindex(t *testing.T, name string) int {
	t.Helper()
	link, err := h.Links().LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Attrs().Index
}

// TestHandle does the whole life of a vif event by event, without a listener and with one.
func TestHandle(t *testing.T) {
	t.Parallel()
	for _, listening := range []bool{false, true} {
		t.Run(fmt.Sprintf("listening=%v", listening), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, bridgeRules(1, 3))
			if listening {
				h.listen(t)
			}
			h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
			index := h.ifindex(t, "vif1.0")
			for range 2 { // twice is as good as once
				if errs, code := h.event(t, "add", "vif1.0", index); code != 0 {
					t.Fatalf("add: exit %d, %s", code, errs)
				}
			}
			if link := h.Run(t, "ip", "link", "show", "dev", "vif1.0"); !strings.Contains(link, "master xenbr0") || !strings.Contains(link, "state UP") {
				t.Errorf("after add:\n%s", link)
			}
			h.wantElements(t, 1)
			out, _, code := h.run(t, "status", "-o", "json")
			if code != 0 || !strings.Contains(out, `"interface":"vif1.0"`) || !strings.Contains(out, `"state":"configured"`) {
				t.Errorf("status: exit %d, %s", code, out)
			}

			// The same name again, with another device behind it, before the first one's remove comes.
			h.Unplug(t, "vif1.0")
			h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
			second := h.ifindex(t, "vif1.0")
			if errs, code := h.event(t, "add", "vif1.0", second); code != 0 {
				t.Fatalf("add again: exit %d, %s", code, errs)
			}
			if errs, code := h.event(t, "remove", "vif1.0", index); code != 0 {
				t.Fatalf("late remove: exit %d, %s", code, errs)
			}
			h.wantElements(t, 1)

			h.Unplug(t, "vif1.0")
			for range 2 {
				if errs, code := h.event(t, "remove", "vif1.0", second); code != 0 {
					t.Fatalf("remove: exit %d, %s", code, errs)
				}
			}
			h.wantElements(t, 0)
			h.wantNoRecords(t)
			if out, err := h.RunErr("ip", "link", "show", "dev", "xenbr0"); err == nil {
				t.Errorf("the bridge is left behind:\n%s", out)
			}
		})
	}
}

func TestHandleFails(t *testing.T) {
	t.Parallel()
	h := newHost(t, strings.Replace(bridgeRules(1, 1), "{create: true}", "{}", 1))
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	errs, code := h.event(t, "add", "vif1.0", h.ifindex(t, "vif1.0"))
	if code != exitFailed || !strings.Contains(errs, "no such bridge") {
		t.Errorf("without its bridge: exit %d, %s", code, errs)
	}
	cmd := h.vifd("handle")
	cmd.Env = []string{asVifd + "=1", "GORACE=atexit_sleep_ms=0"}
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "ACTION") {
		t.Errorf("without an event: %v, %s", err, out)
	}
}

// TestUdev has the real udevd run `vifd handle` for what the kernel announces.
func TestUdev(t *testing.T) {
	t.Parallel()
	for _, listening := range []bool{false, true} {
		t.Run(fmt.Sprintf("listening=%v", listening), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, bridgeRules(1, 2))
			if testhost.Unprivileged() {
				// udevd believes the initial user namespace's root alone, who the kernel is not to it in another; the program
				// it would run is what TestHandle runs.
				if errs, code := h.event(t, "add", "vif1.0", 99); code != 0 {
					t.Fatalf("an event of a vif that has gone: exit %d, %s", code, errs)
				}
				return
			}
			h.udevd(t)
			if listening {
				h.listen(t, "--source", "udev")
			}
			h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
			testhost.Wait(t, "vif1.0 to be a port that is up", func() bool {
				link, err := h.RunErr("ip", "link", "show", "dev", "vif1.0")
				return err == nil && strings.Contains(link, "master xenbr0") && strings.Contains(link, "state UP")
			})
			h.wantElements(t, 1)
			h.Unplug(t, "vif1.0")
			testhost.Wait(t, "all to be clean", func() bool {
				_, err := h.RunErr("ip", "link", "show", "dev", "xenbr0")
				return err != nil && h.elements(t)["guest-mac"] == 0
			})
			testhost.Wait(t, "the record to go", func() bool {
				left, err := os.ReadDir(h.state + "/vifs")
				return err == nil && len(left) == 0
			})
		})
	}
}

// udevd starts systemd-udevd on the host, with the shipped rules and nothing of this machine's.
func (h *host) udevd(t *testing.T) {
	t.Helper()
	h.Tmpfs(t, "/run")
	for _, dir := range []string{"/usr/lib/udev/rules.d", "/etc/udev"} {
		if _, err := os.Stat(dir); err == nil {
			h.Tmpfs(t, dir)
		}
	}
	shipped, err := os.ReadFile("../../dist/90-vifd.rules")
	if err != nil {
		t.Fatal(err)
	}
	program := fmt.Sprintf("%s handle --rules %s --state %s", h.self, h.rules, h.state)
	rule := fmt.Sprintf("ENV{%s}=\"1\"\nENV{GORACE}=\"atexit_sleep_ms=0\"\n%s", asVifd, strings.ReplaceAll(string(shipped), "/usr/bin/vifd handle", program))
	if !strings.Contains(rule, program) {
		t.Fatalf("the shipped udev rules run no vifd:\n%s", shipped)
	}
	h.Do(t, func() error {
		if err := os.MkdirAll("/run/udev/rules.d", 0o755); err != nil {
			return err
		}
		return os.WriteFile("/run/udev/rules.d/90-vifd.rules", []byte(rule), 0o644)
	})
	h.Start(t, "/lib/systemd/systemd-udevd")
	testhost.Wait(t, "udevd to answer", func() bool {
		_, err := h.RunErr("udevadm", "control", "--ping", "--timeout=1")
		return err == nil
	})
}
