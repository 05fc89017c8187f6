package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// TestManagersAreTold: what vifd ships for NetworkManager and networkd is the cure of what the doctor finds.
func TestManagersAreTold(t *testing.T) {
	root := t.TempDir()
	h := &Host{Root: root}
	count := func() (n int) {
		t.Helper()
		for _, run := range []func() ([]Finding, error){
			func() ([]Finding, error) { return networkManager(t.Context(), h) }, func() ([]Finding, error) { return networkd(t.Context(), h) },
		} {
			found, err := run()
			if err != nil {
				t.Fatal(err)
			}
			n += len(found)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d findings on a host without either", n)
	}
	for _, dir := range []string{"run/NetworkManager", "run/systemd/netif"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 3 {
		t.Errorf("%d findings, want 3: both may take interfaces, one deletes routes", n)
	}
	for from, to := range map[string]string{
		"NetworkManager-vifd.conf": "etc/NetworkManager/conf.d/90-vifd.conf", "10-vifd.network": "etc/systemd/network/10-vifd.network",
		"networkd-vifd.conf": "etc/systemd/networkd.conf.d/90-vifd.conf",
	} {
		data, err := os.ReadFile(filepath.Join("../../../dist", from))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 0 {
		t.Errorf("%d findings after the shipped files were installed", n)
	}
}
