package rules

import (
	"os"
	"slices"
	"testing"
)

// Every setting has a name of its own, an order and values; those that every kernel has are found where they are said to be.
func TestSysctls(t *testing.T) {
	names := sysctlNames()
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Error("a name is there twice")
	}
	for _, name := range names {
		if allowed, ok := lookupSysctl(name); !ok || allowed.hi <= allowed.lo || setBy(name) != "" {
			t.Errorf("%s: %+v, %t, set by %q", name, allowed, ok, setBy(name))
		}
	}
	for _, name := range []string{"ipv4.rp_filter", "ipv6.accept_ra", "ipv4.neigh.gc_stale_time", "ipv6.neigh.retrans_time_ms"} {
		file := "/proc/sys/" + Sysctl{Name: name}.File("lo")
		if _, err := os.Stat(file); err != nil || !slices.Contains(names, name) {
			t.Errorf("%s: %s: %v", name, file, err)
		}
	}
	for _, name := range []string{"", "ipv4", "ipv4.", "ipv4.neigh.", "ipv5.rp_filter", "ipv4.neigh.rp_filter", "ipv6.rp_filter", "ipv4.conf.rp_filter", "ipv4./rp_filter"} {
		if allowed, ok := lookupSysctl(name); ok {
			t.Errorf("%q: %+v", name, allowed)
		}
	}
	if got := (Sysctl{Name: "ipv4.rp_filter"}).File("vif1.0"); got != "net/ipv4/conf/vif1.0/rp_filter" {
		t.Errorf("file %s", got)
	}
}
