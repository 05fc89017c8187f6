package rtnl_test

import (
	"maps"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func dialEthtool(t testing.TB, h *testhost.Host) *rtnl.Ethtool {
	t.Helper()
	var e *rtnl.Ethtool
	h.Do(t, func() (err error) {
		e, err = rtnl.DialEthtool()
		return err
	})
	t.Cleanup(func() { must(t, e.Close()) })
	return e
}

// ethtool asks ethtool(8), which says on or off, [fixed] and [requested on]; for some features by a name of its own.
func ethtool(t testing.TB, h *testhost.Host, dev string) map[string]rtnl.Feature {
	t.Helper()
	own := map[string]string{
		"rx-checksumming": "rx-checksum", "generic-segmentation-offload": "tx-generic-segmentation", "generic-receive-offload": "rx-gro",
		"large-receive-offload": "rx-lro", "rx-vlan-offload": "rx-vlan-hw-parse", "tx-vlan-offload": "tx-vlan-hw-insert",
		"ntuple-filters": "rx-ntuple-filter", "receive-hashing": "rx-hashing",
	}
	sums := map[string]bool{"tx-checksumming": true, "scatter-gather": true, "tcp-segmentation-offload": true, "udp-fragmentation-offload": true}
	features := make(map[string]rtnl.Feature)
	for _, m := range regexp.MustCompile(`(?m)^\s*([^ :]+): (on|off)( \[fixed\])?( \[requested on\])?( \[requested off\])?$`).FindAllStringSubmatch(h.Run(t, "ethtool", "-k", dev), -1) {
		name := m[1]
		if sums[name] {
			continue
		}
		if other, ok := own[name]; ok {
			name = other
		}
		f := rtnl.Feature{Active: m[2] == "on", Fixed: m[3] != ""}
		f.Wanted = (f.Active || m[4] != "") && m[5] == ""
		features[name] = f
	}
	return features
}

// TestFeatures compares with ethtool(8) what is read of a veth, a tap, a bridge and an ifb device, and what is set.
func TestFeatures(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	h.Run(t, "ip", "tuntap", "add", "mode", "tap", "name", "tap0")
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge")
	h.Run(t, "ip", "link", "add", "ifb0", "type", "ifb")
	c, e := dial(t, h), dialEthtool(t, h)
	compare := func(dev string) {
		t.Helper()
		got, err := e.Features(link(t, c, dev).Index)
		must(t, err)
		want := ethtool(t, h, dev)
		if len(want) < 30 {
			t.Fatalf("ethtool names %d features only", len(want))
		}
		maps.DeleteFunc(got, func(name string, _ rtnl.Feature) bool { // not all of them are shown
			_, ok := want[name]
			return !ok
		})
		for name, f := range got { // of a fixed one ethtool does not say what is requested
			if f.Fixed {
				f.Wanted = want[name].Wanted
				got[name] = f
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dev, diff)
		}
	}
	for _, dev := range []string{"vif1.0", "tap0", "xenbr0", "ifb0", "lo"} {
		compare(dev)
	}
	vif := link(t, c, "vif1.0").Index
	must(t, e.SetFeatures(vif, map[string]bool{"tx-checksum-ip-generic": false, "rx-gro": true, "tx-generic-segmentation": false}))
	compare("vif1.0")
	f, err := e.Features(vif)
	must(t, err)
	if f["tx-checksum-ip-generic"].Active || !f["rx-gro"].Active || f["tx-tcp-segmentation"].Active || !f["tx-tcp-segmentation"].Wanted {
		t.Errorf("features %+v", f)
	}
	must(t, e.SetFeatures(vif, map[string]bool{"tx-checksum-ip-generic": true}))
	compare("vif1.0")
	must(t, e.SetFeatures(vif, map[string]bool{"tx-vlan-stag-hw-insert": false, "rx-lro": true})) // the one can, the other cannot: no word of it
	compare("vif1.0")
	if err := e.SetFeatures(vif, map[string]bool{"no-such": true}); err == nil {
		t.Error("a feature that nobody knows is set")
	}
	h.Unplug(t, "vif1.0")
	_, err = e.Features(vif)
	mustBe(t, err, rtnl.ErrNotFound)
	mustBe(t, e.SetFeatures(vif, map[string]bool{"rx-gro": true}), rtnl.ErrNotFound)
}

func TestTxQLenAndAlias(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0")
	c := dial(t, h)
	vif := link(t, c, "vif1.0").Index
	for _, tt := range []struct {
		length uint32
		alias  string
	}{{0, "a guest's"}, {77, ""}} {
		must(t, c.SetTxQLen(vif, tt.length))
		must(t, c.SetAlias(vif, tt.alias))
		got, shown := link(t, c, "vif1.0"), ip(t, h, "dev", "vif1.0")[0]
		if got.TxQLen != int(tt.length) || got.Alias != tt.alias || shown.TxQLen != int(tt.length) || shown.Ifalias != tt.alias {
			t.Errorf("got %+v, ip shows %+v", got, shown)
		}
	}
	mustBe(t, c.SetAlias(vif+100, "x"), rtnl.ErrNotFound)
}
