package uevent

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
)

// TestAttrsOfTheKernel reads the sysfs of a namespace.
func TestAttrsOfTheKernel(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.Run(t, "ip", "link", "set", "vif1.0", "mtu", "1400", "alias", "guest one", "address", "fe:ff:ff:ff:ff:ff")
	h.Do(t, func() error {
		for _, tc := range []struct {
			iface, key string
			want       []string
		}{
			{"vif1.0", "attr.address", []string{"fe:ff:ff:ff:ff:ff"}},
			{"vif1.0", "attr.mtu", []string{"1400"}},
			{"vif1.0", "attr.ifalias", []string{"guest one"}},
			{"lo", "attr.ifalias", []string{""}},
			{"vif1.0", "attr.statistics/rx_bytes", []string{"0"}},
			{"vif1.0", "attr.speed", nil}, // the kernel refuses while the link is down
			{"vif1.0", "attr.no-such", nil},
			{"vif1.0", "attr.statistics", nil},
			{"vif1.0", "driver", nil},
			{"vif9.9", "attr.mtu", nil},
		} {
			if diff := cmp.Diff(tc.want, Attrs("/sys", tc.iface).Values(tc.key)); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", tc.key, tc.iface, diff)
			}
		}
		return nil
	})
}

// TestAttrsStayInside builds a tree like sysfs, and things that must not be read.
func TestAttrsStayInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sysfs := filepath.Join(dir, "sys")
	write := func(name, data string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	const iface = "sys/devices/vif-1-0/net/vif1.0/"
	write("secret", "secret")
	write("sys/devices/vif-1-0/net/vif2.0/mtu", "9000\n")
	write("sys/devices/vif-1-0/nodename", "device/vif/1/0\n")
	write("sys/bus/xen-backend/drivers/vif/new_id", "")
	write(iface+"mtu", "1500\n")
	write(iface+"two", "lines\n\n")
	write(iface+"page", strings.Repeat("x", maxAttr))
	write(iface+"longer", strings.Repeat("x", maxAttr+1))
	link("../../devices/vif-1-0/net/vif1.0", "sys/class/net/vif1.0")
	link("../../../vif-1-0", iface+"device")
	link("../../bus/xen-backend/drivers/vif", "sys/devices/vif-1-0/driver")
	link("../../../../../secret", iface+"out")
	link(filepath.Join(dir, "secret"), iface+"absolute")
	link("loop", iface+"loop")
	if err := syscall.Mkfifo(filepath.Join(dir, iface, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		iface, key string
		want       []string
	}{
		{"vif1.0", "attr.mtu", []string{"1500"}},
		{"vif1.0", "attr.two", []string{"lines\n"}},
		{"vif1.0", "attr.page", []string{strings.Repeat("x", maxAttr)}},
		{"vif1.0", "attr.device/nodename", []string{"device/vif/1/0"}},
		{"vif1.0", "driver", []string{"vif"}},
		{"vif1.0", "attr.longer", nil},
		{"vif1.0", "attr.fifo", nil},
		{"vif1.0", "attr.loop", nil},
		{"vif1.0", "attr.out", nil},
		{"vif1.0", "attr.absolute", nil},
		{"vif1.0", "attr.../vif2.0/mtu", nil},
		{"vif1.0", "attr./mtu", nil},
		{"vif1.0", "attr.", nil},
		{"vif1.0", "attr..", nil},
		{"vif1.0", "attr.a\x00b", nil},
		{"vif1.0", "mtu", nil},
		{"vif1.0", "driver/new_id", nil},
		{"..", "attr.net/vif1.0/mtu", nil},
		{"../net/vif1.0", "attr.mtu", nil},
		{"", "attr.vif1.0/mtu", nil},
	} {
		if diff := cmp.Diff(tc.want, Attrs(sysfs, tc.iface).Values(tc.key)); diff != "" {
			t.Errorf("%q of %q (-want +got):\n%s", tc.key, tc.iface, diff)
		}
	}
	if got := Attrs(filepath.Join(dir, "none"), "vif1.0").Values("attr.mtu"); got != nil {
		t.Errorf("without sysfs: %q", got)
	}
}
