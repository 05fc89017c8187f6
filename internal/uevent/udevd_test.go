package uevent

import (
	"os"
	"testing"

	"vifd/internal/testhost"
	"vifd/internal/vif"
)

// TestRealUdevd listens to a real systemd-udevd, which has rules of its own.
func TestRealUdevd(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	h.Tmpfs(t, "/run")
	h.Run(t, "mkdir", "-p", "/run/udev/rules.d")
	h.Do(t, func() error {
		return os.WriteFile("/run/udev/rules.d/10-test.rules", []byte(`SUBSYSTEM=="net", ENV{TEST}="a=b"`+"\n"), 0o644)
	})
	l, r := open(t, h, Udev), &recorder{}
	run(t, l, r)
	udevd := h.Start(t, "/usr/lib/systemd/systemd-udevd", "--debug")
	_ = udevd
	// There is no other sign that udevd listens: what it missed it is not told again.
	testhost.Wait(t, "udevd's control socket", func() bool { _, err := h.RunErr("test", "-S", "/run/udev/control"); return err == nil })
	h.Veths(t, far, "vif1.0")
	testhost.Wait(t, "the interface", func() bool { return len(r.of("vif1.0", 0)) > 0 })
	e := r.of("vif1.0", 0)[0]
	t.Logf("%+v %+v", e, l.Stats())
	if e.Action != vif.Add {
		t.Errorf("%+v", e)
	}
}
