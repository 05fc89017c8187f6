package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/actions/actiontest"
	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

const (
	setMAC  = "ip link set dev vif1.0 address fe:ff:ff:ff:ff:ff"
	join    = "ip link set dev vif1.0 master xenbr0"
	leaveIt = "ip link set dev vif1.0 nomaster"
	up      = "ip link set dev vif1.0 up"
	downIt  = "ip link set dev vif1.0 down"
)

func TestFreshVif(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		index := plugBridge(t, w, "xenbr0", 1400)
		vif := w.Plug(t, "vif1.0")
		want := Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", Flags: rtnl.PortFlags{Isolated: new(true), Learning: new(true), Flood: new(false)}}
		result := apply(t, w, want, setMAC, "ip link set dev vif1.0 mtu 1400", join, "bridge link set dev vif1.0 isolated on flood off", up)
		if want := (State{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", BridgeIndex: index}); result.State != want {
			t.Errorf("state %+v, want %+v", result.State, want)
		}
		got := linkOf(t, w, "vif1.0")
		if got.Master != index || got.MTU != 1400 || !got.Up() || got.MAC.String() != "fe:ff:ff:ff:ff:ff" || !got.Port.Isolated || got.Port.Flood {
			t.Errorf("the link is %+v, its port %+v", got, got.Port)
		}
		undoes(t, w, result.State, downIt, leaveIt)
		if linkOf(t, w, "xenbr0").Index != index {
			t.Error("the bridge is not the one it was")
		}
	})
}

func TestRulesMACAndMTU(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1400)
		want := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", MTU: 9000, MAC: testhost.MAC("02:00:00:00:00:aa")}
		apply(t, w, want, "ip link set dev vif1.0 address 02:00:00:00:00:aa", "ip link set dev vif1.0 mtu 9000", join, up)
		if mtu := linkOf(t, w, "xenbr0").MTU; mtu != 1400 {
			t.Errorf("the bridge's MTU became %d", mtu)
		}
	})
}

// TestSmallPortDoesNotDragOthersDown: a bridge follows its smallest port; ports that took its MTU over do not follow back.
func TestSmallPortDoesNotDragOthersDown(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		must(t, w.CreateBridge("xenbr0", 0))
		first := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0"}
		apply(t, w, first, setMAC, join, up)
		small := Port{Ifindex: w.Plug(t, "vif2.0"), Interface: "vif2.0", Bridge: "xenbr0", MTU: 1300, MAC: linkOf(t, w, "vif2.0").MAC}
		result := apply(t, w, small, "ip link set dev vif2.0 mtu 1300", "ip link set dev vif2.0 master xenbr0", "ip link set dev vif2.0 up")
		if mtu := linkOf(t, w, "xenbr0").MTU; mtu != 1300 {
			t.Fatalf("the bridge's MTU is %d, want it to follow", mtu)
		}
		apply(t, w, first)
		undoes(t, w, result.State, "ip link set dev vif2.0 down", "ip link set dev vif2.0 nomaster")
		if mtu := linkOf(t, w, "xenbr0").MTU; mtu != 1500 {
			t.Errorf("the bridge's MTU is %d after the small port has left, want 1500", mtu)
		}
	})
}

func TestVifThatIsUpAlready(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1500)
		vif := w.Plug(t, "vif1.0")
		must(t, w.Set(vif, rtnl.Change{Up: new(true)}))
		apply(t, w, Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}, downIt, setMAC, join, up)
	})
}

func TestMoveFromAnotherBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1400)
		old := plugBridge(t, w, "xenbr1", 1500)
		vif := w.Plug(t, "vif1.0")
		must(t, w.Set(vif, rtnl.Change{Master: &old}))
		must(t, w.SetPort(vif, rtnl.PortFlags{Hairpin: new(true)}))
		must(t, w.Set(vif, rtnl.Change{Up: new(true)}))
		apply(t, w, Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", Flags: rtnl.PortFlags{Hairpin: new(false)}},
			downIt, leaveIt, setMAC, "ip link set dev vif1.0 mtu 1400", join, up)
		if mtu := linkOf(t, w, "xenbr1").MTU; mtu != 1500 {
			t.Errorf("the old bridge's MTU became %d", mtu)
		}
	})
}

// TestDrift changes one thing of a configured vif, and expects that alone to be put right.
func TestDrift(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1500)
		vif := w.Plug(t, "vif1.0")
		want := Port{
			Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0", MTU: 1450, Flags: rtnl.PortFlags{Isolated: new(true)},
			StaticFDB: true, GuestMACs: macs("00:16:3e:00:00:01", "00:16:3e:00:00:02"),
		}
		apply(t, w, want, setMAC, "ip link set dev vif1.0 mtu 1450", join, "bridge link set dev vif1.0 isolated on learning off",
			"bridge fdb replace 00:16:3e:00:00:01 dev vif1.0 master static sticky",
			"bridge fdb replace 00:16:3e:00:00:02 dev vif1.0 master static sticky", up)
		for _, drift := range []struct {
			what func() error
			back []string
		}{
			{func() error { return w.Set(vif, rtnl.Change{MTU: 1300}) }, []string{"ip link set dev vif1.0 mtu 1450"}},
			{func() error { return w.Set(vif, rtnl.Change{Up: new(false)}) }, []string{up}},
			{func() error { return w.Set(vif, rtnl.Change{MAC: testhost.MAC("02:00:00:00:00:bb")}) }, []string{downIt, setMAC, up}},
			{func() error { return w.SetPort(vif, rtnl.PortFlags{Isolated: new(false)}) }, []string{"bridge link set dev vif1.0 isolated on"}},
			{func() error { return w.SetPort(vif, rtnl.PortFlags{Hairpin: new(true)}) }, nil}, // nobody said a word of it
			{func() error { return w.UnpinFDB(vif, testhost.MAC("00:16:3e:00:00:02")) }, []string{"bridge fdb replace 00:16:3e:00:00:02 dev vif1.0 master static sticky"}},
			{func() error { return w.PinFDB(vif, testhost.MAC("00:16:3e:00:00:99")) }, []string{"bridge fdb del 00:16:3e:00:00:99 dev vif1.0 master"}},
			{func() error { return w.Set(vif, rtnl.Change{Master: new(0)}) }, []string{
				downIt, join, "bridge link set dev vif1.0 isolated on learning off",
				"bridge fdb replace 00:16:3e:00:00:01 dev vif1.0 master static sticky",
				"bridge fdb replace 00:16:3e:00:00:02 dev vif1.0 master static sticky", up,
			}},
		} {
			must(t, drift.what())
			apply(t, w, want, drift.back...)
		}

		want.GuestMACs = macs("00:16:3e:00:00:02", "00:16:3e:00:00:03")
		apply(t, w, want, "bridge fdb del 00:16:3e:00:00:01 dev vif1.0 master", "bridge fdb replace 00:16:3e:00:00:03 dev vif1.0 master static sticky")
		want.StaticFDB = false
		apply(t, w, want)
		if diff := cmp.Diff([]string{"00:16:3e:00:00:02", "00:16:3e:00:00:03"}, pinnedTo(t, w, vif)); diff != "" {
			t.Errorf("pinned (-want +got):\n%s", diff)
		}
		undoes(t, w, want.State(), downIt, leaveIt)
		if got := pinnedTo(t, w, vif); got != nil {
			t.Errorf("still pinned: %v", got)
		}
	})
}

func TestWrongBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		want := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr9"}
		before := linkOf(t, w, "vif1.0")
		_, err := Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrNoBridge, "no such bridge as xenbr9: this host has no bridge;")
		plugBridge(t, w, "xenbr1", 1500)
		plugBridge(t, w, "xenbr0", 1500)
		_, err = Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrNoBridge, "no such bridge as xenbr9: this host has xenbr0, xenbr1;")
		_, err = Plan(t.Context(), w, want)
		actiontest.Error(t, err, ErrNoBridge, "xenbr9")

		w.Plug(t, "xenbr9")
		want.Create = true
		_, err = Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrNotBridge, "xenbr9")
		actiontest.Error(t, err, ErrNotBridge, "not a bridge but of kind veth")

		want.Bridge = "a-name-of-16-byt"
		_, err = Apply(t.Context(), w, want)
		actiontest.Error(t, err, err, "the kernel takes at most 15")
		want.Bridge, want.StaticFDB = "xenbr0", true
		_, err = Apply(t.Context(), w, want)
		actiontest.Error(t, err, err, "a static FDB needs the guest's MAC")
		if diff := cmp.Diff(before, linkOf(t, w, "vif1.0")); diff != "" {
			t.Errorf("the vif was changed (-before +after):\n%s", diff)
		}
	})
}

func TestVifGoneOrRenamed(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1500)
		vif := w.Plug(t, "vif1.0")
		want := Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}
		apply(t, w, want, setMAC, join, up)
		must(t, w.Set(vif, rtnl.Change{Up: new(false)}))
		w.Rename(t, vif, "web-1")
		_, err := Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrRenamed, "make vif1.0 (ifindex")
		_, err = Plan(t.Context(), w, want)
		actiontest.Error(t, err, ErrRenamed, "it is called web-1 now")
		steps, err := Undo(t.Context(), w, want.State())
		actiontest.Error(t, err, ErrRenamed, "it is called web-1 now")
		actiontest.Steps(t, "Undo", steps)
		want.Interface = "web-1"
		apply(t, w, want, "ip link set dev web-1 up")

		must(t, w.DeleteLink(vif))
		_, err = Apply(t.Context(), w, want)
		actiontest.Error(t, err, ErrGone, "")
		actiontest.Error(t, err, rtnl.ErrNotFound, "")
		undoes(t, w, want.State())
	})
}
