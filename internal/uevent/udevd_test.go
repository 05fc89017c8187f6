package uevent

import (
	"os"
	"testing"

	"vifd/internal/testhost"
	"vifd/internal/vif"
)

const udevd = "/usr/lib/systemd/systemd-udevd"

// TestRealUdevd listens to a real systemd-udevd, which a rule of its own makes set a property that go-udev does not parse.
func TestRealUdevd(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Tmpfs(t, "/run")
	h.Do(t, func() error {
		if err := os.MkdirAll("/run/udev/rules.d", 0o755); err != nil {
			return err
		}
		return os.WriteFile("/run/udev/rules.d/10-test.rules", []byte(`SUBSYSTEM=="net", ENV{TEST}="a=b"`+"\n"), 0o644)
	})
	l, r := open(t, h, Udev), &recorder{}
	run(t, l, r)
	h.Start(t, udevd)
	testhost.Wait(t, "udevd to answer", func() bool {
		_, err := h.RunErr("udevadm", "control", "--ping")
		return err == nil
	})

	h.Veths(t, testhost.New(t), "vif1.0")
	link, err := h.Links().LinkByName("vif1.0")
	if err != nil {
		t.Fatal(err)
	}
	h.Unplug(t, "vif1.0")
	testhost.Wait(t, "both events", func() bool { return len(r.of("vif1.0", 0)) == 2 })
	for i, action := range []string{vif.Add, vif.Remove} {
		e := r.of("vif1.0", 0)[i]
		if e.Action != action || e.Subsystem != "net" || e.Devpath != "/devices/virtual/net/vif1.0" || e.Ifindex != link.Attrs().Index {
			t.Errorf("event %d is %+v, want %s of vif1.0, number %d", i+1, e, action, link.Attrs().Index)
		}
		if e.Env["TEST"] != "a=b" {
			t.Errorf("%s has TEST=%q, want what udevd's rule has set", e.Action, e.Env["TEST"])
		}
	}
	if s := l.Stats(); s.Forged != 0 || s.Malformed != 0 || s.Overflows != 0 {
		t.Errorf("unexpected %+v", s)
	}
}
