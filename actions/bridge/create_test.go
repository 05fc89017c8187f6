package bridge

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

const (
	create   = "ip link add name xenbr0 group 1986618980 type bridge stp_state 0 forward_delay 0 no_linklocal_learn 1"
	finish   = `ip link set dev xenbr0 alias "made by vifd" group default up`
	deleteIt = "ip link delete dev xenbr0 type bridge"
)

func TestCreateAndDeleteBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		one := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true, BridgeMTU: 9000}
		two := Port{Ifindex: w.Plug(t, "vif2.0"), Interface: "vif2.0", Bridge: "xenbr0", Create: true, BridgeMTU: 9000}
		first := apply(t, w, one, create, `ip link set dev xenbr0 alias "made by vifd" group default mtu 9000 up`,
			setMAC, "ip link set dev vif1.0 mtu 9000", join, up)
		second := apply(t, w, two, "ip link set dev vif2.0 address fe:ff:ff:ff:ff:ff", "ip link set dev vif2.0 mtu 9000",
			"ip link set dev vif2.0 master xenbr0", "ip link set dev vif2.0 up")
		if !first.BridgeCreated || second.BridgeCreated {
			t.Errorf("bridge created: by the first %v, by the second %v", first.BridgeCreated, second.BridgeCreated)
		}
		got := linkOf(t, w, "xenbr0")
		if got.Alias != Alias || got.Group != 0 || got.MTU != 9000 || !got.Up() {
			t.Errorf("the bridge is %+v", got)
		}
		undoes(t, w, first.State, downIt, leaveIt)
		if mtu := linkOf(t, w, "xenbr0").MTU; mtu != 9000 {
			t.Errorf("the bridge's MTU became %d", mtu)
		}
		undoes(t, w, second.State, "ip link set dev vif2.0 down", "ip link set dev vif2.0 nomaster", deleteIt)
	})
}

// TestBridgeInUseStays: neither a bridge with an address is deleted nor one that somebody else made.
func TestBridgeInUseStays(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		ours := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true}
		result := apply(t, w, ours, create, finish, setMAC, join, up)
		w.Address(t, linkOf(t, w, "xenbr0").Index, "192.0.2.1/24")
		undoes(t, w, result.State, downIt, leaveIt)

		theirs := ours
		theirs.Bridge = "xenbr1"
		plugBridge(t, w, "xenbr1", 1500)
		result = apply(t, w, theirs, "ip link set dev vif1.0 master xenbr1", up)
		undoes(t, w, result.State, downIt, leaveIt)
		for _, name := range []string{"xenbr0", "xenbr1"} {
			linkOf(t, w, name)
		}
	})
}

// TestForeignBridgeIsLeftAlone: a person's bridge that is down stays down.
func TestForeignBridgeIsLeftAlone(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		must(t, w.CreateBridge("xenbr0", 7))
		apply(t, w, Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true}, setMAC, join, up)
		if b := linkOf(t, w, "xenbr0"); b.Up() || b.Alias != "" || b.Group != 7 {
			t.Errorf("the bridge was changed: %+v", b)
		}
	})
}

// TestOwnBridgeIsRepaired: one that a kill has left unfinished, and one that was taken down.
func TestOwnBridgeIsRepaired(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		must(t, w.CreateBridge("xenbr0", Unfinished))
		want := Port{Ifindex: w.Plug(t, "vif1.0"), Interface: "vif1.0", Bridge: "xenbr0", Create: true}
		apply(t, w, want, finish, setMAC, join, up)
		must(t, w.Set(linkOf(t, w, "xenbr0").Index, rtnl.Change{Up: new(false)}))
		apply(t, w, want, "ip link set dev xenbr0 up")
	})
}

func TestUndoOfUnfinishedBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		must(t, w.CreateBridge("xenbr0", Unfinished))
		vif := w.Plug(t, "vif1.0")
		undoes(t, w, State{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}, deleteIt)
	})
}

// TestBridgeSharedByMany has vifs come to a bridge, and leave it, side by side, so that it is created and deleted under the hands of
// others.
func TestBridgeSharedByMany(t *testing.T) {
	t.Parallel()
	k := newKernel(t)
	var group errgroup.Group
	for i := range 6 {
		name := fmt.Sprintf("vif%d.0", i)
		port := Port{Ifindex: k.Plug(t, name), Interface: name, Bridge: "xenbr0", Create: true, Flags: rtnl.PortFlags{Isolated: new(true)}}
		conn := testhost.Dial(t, k.host, rtnl.Dial)
		group.Go(func() error {
			for range 10 {
				result, err := Apply(t.Context(), conn, port)
				if err != nil {
					return err
				}
				if _, err := Undo(t.Context(), conn, result.State); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, group.Wait())
	bridges, err := k.Bridges(t.Context())
	must(t, err)
	if len(bridges) != 0 {
		t.Errorf("left behind: %v", bridges)
	}
}
