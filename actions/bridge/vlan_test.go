package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
)

const filterIt = "ip link set dev xenbr0 type bridge vlan_filtering 1"

// vlans runs a scenario with the fake and with the kernel, if that can filter VLANs; of one that cannot, and of a fake of such, it expects
// that what the scenario begins with is refused, in words that say what the kernel lacks, and taken back.
func vlans(t *testing.T, scenario func(t *testing.T, w world)) {
	t.Parallel()
	try := func(name string, open func(t testing.TB) world) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			err := ProbeVLANs(w)
			if left, lookup := w.Bridges(t.Context()); lookup != nil || len(left) != 0 {
				t.Errorf("ProbeVLANs has left %v, %v", left, lookup)
			}
			if err == nil {
				scenario(t, w)
				return
			}
			actiontest.Error(t, err, ErrNoVLANs, "CONFIG_BRIDGE_VLAN_FILTERING")
			want := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true, VLAN: VLAN{Untagged: 10}}
			_, err = Apply(t.Context(), w, want)
			actiontest.Error(t, err, ErrNoVLANs, "VLANs of vif1.0: the kernel cannot filter VLANs: it is built without CONFIG_BRIDGE_VLAN_FILTERING")
			if l := linkOf(t, w, "vif1.0"); l.Up() || l.Master != 0 {
				t.Errorf("the vif is %+v", l)
			}
			undoes(t, w, want.State(), deleteIt)
		})
	}
	try("fake", func(t testing.TB) world { return newFake(t) })
	try("fake without", func(t testing.TB) world {
		f := newFake(t)
		f.noVLANs = true
		return f
	})
	try("kernel", func(t testing.TB) world { return newKernel(t) })
}

// vlansOf is what bridge(8) says, or the fake.
func vlansOf(t testing.TB, w world, name string) []rtnl.VLANs {
	t.Helper()
	got, err := w.PortVLANs(t.Context(), linkOf(t, w, name).Index)
	must(t, err)
	k, ok := w.(*kernel)
	if !ok {
		return got
	}
	var ports []struct {
		VLANs []struct {
			VLAN, VLANEnd uint16
			Flags         []string
		}
	}
	must(t, json.Unmarshal([]byte(k.host.Run(t, "bridge", "-j", "vlan", "show", "dev", name)), &ports))
	var shown []rtnl.VLANs
	for _, p := range ports {
		for _, v := range p.VLANs {
			flags := strings.Join(v.Flags, " ")
			shown = append(shown, rtnl.VLANs{
				First: v.VLAN, Last: max(v.VLAN, v.VLANEnd), PVID: strings.Contains(flags, "PVID"), Untagged: strings.Contains(flags, "Egress Untagged"),
			})
		}
	}
	if diff := cmp.Diff(*membersOf(shown), *membersOf(got), cmp.AllowUnexported(membership{})); diff != "" {
		t.Errorf("VLANs of %s (-bridge +rtnl):\n%s", name, diff)
	}
	return got
}

func TestVLANs(t *testing.T) {
	vlans(t, func(t *testing.T, w world) {
		want := Port{
			Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true,
			VLAN: VLAN{Untagged: 10, Tagged: [][2]uint16{{30, 40}, {20, 20}, {41, 41}, {35, 39}}},
		}
		result := apply(t, w, want, create, finish, filterIt, setMAC, join, "bridge vlan del dev vif1.0 vid 1", "bridge vlan add dev vif1.0 vid 10 pvid untagged",
			"bridge vlan add dev vif1.0 vid 20", "bridge vlan add dev vif1.0 vid 30-41", up)
		if diff := cmp.Diff([]rtnl.VLANs{{First: 10, Last: 10, PVID: true, Untagged: true}, {First: 20, Last: 20}, {First: 30, Last: 41}}, vlansOf(t, w, "vif1.0")); diff != "" {
			t.Errorf("VLANs (-want +got):\n%s", diff)
		}
		// Another rule: what is to go goes first, then what is to come.
		want.VLAN = VLAN{Untagged: 20, Tagged: [][2]uint16{{10, 10}, {40, 4094}}}
		apply(t, w, want, "bridge vlan del dev vif1.0 vid 30-39", "bridge vlan add dev vif1.0 vid 10", "bridge vlan add dev vif1.0 vid 20 pvid untagged",
			"bridge vlan add dev vif1.0 vid 42-4094")
		// No word of VLANs leaves them; tagged alone means that frames without a tag are in none.
		plain := want
		plain.VLAN = VLAN{}
		apply(t, w, plain)
		want.VLAN = VLAN{Tagged: [][2]uint16{{20, 20}}}
		apply(t, w, want, "bridge vlan del dev vif1.0 vid 10", "bridge vlan del dev vif1.0 vid 40-4094", "bridge vlan add dev vif1.0 vid 20")
		// What somebody else has changed is put right.
		must(t, w.AddVLANs(want.Ifindex, rtnl.VLANs{First: 1, Last: 5, Untagged: true}))
		apply(t, w, want, "bridge vlan del dev vif1.0 vid 1-5")
		undoes(t, w, result.State, downIt, leaveIt, deleteIt)
	})
}

// TestVLANsOfForeignBridge: one that does not filter is not made to; one that does is used.
func TestVLANsOfForeignBridge(t *testing.T) {
	vlans(t, func(t *testing.T, w world) {
		bridge := plugBridge(t, w, "xenbr0", 1500)
		want := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", VLAN: VLAN{Untagged: 10}}
		_, err := Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrNotFiltering, "xenbr0 does not filter VLANs, and was not made by vifd: turn that on ("+filterIt+")")
		_, err = Plan(t.Context(), w, want)
		actiontest.Error(t, err, ErrNotFiltering, "xenbr0")
		if l := linkOf(t, w, "vif1.0"); l.Master != 0 {
			t.Errorf("the vif is %+v", l)
		}
		must(t, w.SetFiltering(bridge))
		result := apply(t, w, want, setMAC, join, "bridge vlan del dev vif1.0 vid 1", "bridge vlan add dev vif1.0 vid 10 pvid untagged", up)
		undoes(t, w, result.State, downIt, leaveIt)
	})
}

// TestVLANsAndStaticFDB: an entry is of a VLAN, so those of new VLANs are pinned too.
func TestVLANsAndStaticFDB(t *testing.T) {
	vlans(t, func(t *testing.T, w world) {
		const pin = "bridge fdb replace 00:16:3e:00:00:01 dev vif1.0 master static sticky"
		want := Port{
			Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true, VLAN: VLAN{Untagged: 10},
			StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01"),
		}
		apply(t, w, want, create, finish, filterIt, setMAC, join, "bridge link set dev vif1.0 learning off", "bridge vlan del dev vif1.0 vid 1",
			"bridge vlan add dev vif1.0 vid 10 pvid untagged", pin, up)
		want.VLAN.Untagged = 11
		result := apply(t, w, want, "bridge vlan del dev vif1.0 vid 10", "bridge vlan add dev vif1.0 vid 11 pvid untagged", pin)
		if k, ok := w.(*kernel); ok {
			if fdb := k.host.Run(t, "bridge", "fdb", "show", "dev", "vif1.0"); !strings.Contains(fdb, "00:16:3e:00:00:01 vlan 11 sticky master xenbr0 static") {
				t.Errorf("bridge fdb shows\n%s", fdb)
			}
		}
		undoes(t, w, result.State, downIt, leaveIt, deleteIt)
	})
}

func TestVLANsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		vlan  VLAN
		words string
	}{
		{VLAN{Untagged: 4095}, "VLAN 4095: the highest is 4094"},
		{VLAN{Tagged: [][2]uint16{{0, 5}}}, "VLANs 0-5: a range goes up, from 1 to 4094 at most"},
		{VLAN{Tagged: [][2]uint16{{5, 4}}}, "VLANs 5-4"},
		{VLAN{Tagged: [][2]uint16{{1, 4095}}}, "VLANs 1-4095"},
		{VLAN{Untagged: 7, Tagged: [][2]uint16{{1, 2}, {5, 9}}}, "VLAN 7 is to be both untagged and tagged"},
	} {
		f := newFake(t)
		plugBridge(t, f, "xenbr0", 1500)
		_, err := Apply(t.Context(), f, Port{Ifindex: f.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", VLAN: tt.vlan})
		if err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%+v: got %v, want %q", tt.vlan, err, tt.words)
		}
	}
}

// TestVLANsKilledAnywhere ends Apply before each of its writes: the vif is never up in a VLAN that is not its own, and what is left is made
// whole and taken away.
func TestVLANsKilledAnywhere(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for n := 1; n <= 8; n++ { // create, finish, filter, MAC+MTU+join, leave, join, join, up
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			want := Port{Ifindex: f.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true, VLAN: VLAN{Untagged: 10, Tagged: [][2]uint16{{20, 30}}}}
			f.before = func(write, _ int, _ *rtnl.Change) error {
				if write >= n {
					return killed
				}
				return nil
			}
			_, err := Apply(t.Context(), f, want)
			actiontest.Error(t, err, killed, "make vif1.0")
			f.before = nil
			if l := linkOf(t, f, "vif1.0"); l.Up() {
				t.Error("the vif is up")
			}
			_, err = Apply(t.Context(), f, want)
			must(t, err)
			_, err = Undo(t.Context(), f, want.State())
			must(t, err)
			if _, err := f.LinkByName("xenbr0"); !errors.Is(err, rtnl.ErrNotFound) {
				t.Errorf("the bridge is still there (%v)", err)
			}
		})
	}
}
