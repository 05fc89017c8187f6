package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/rtnl"
)

func TestUndoWithoutBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		bridge := plugBridge(t, w, "xenbr0", 1500)
		vif := w.Plug(t, "vif1.0")
		result := apply(t, w, Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}, setMAC, join, up)
		must(t, w.DeleteLink(bridge))
		undoes(t, w, result.State, downIt)
		must(t, w.DeleteLink(vif))
		undoes(t, w, result.State)
	})
}

// TestUndoKnowsTheBridge: by its ifindex where that is known, for another of its name may have come since; else by name.
func TestUndoKnowsTheBridge(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		bridge := plugBridge(t, w, "xenbr0", 1500)
		vif := w.Plug(t, "vif1.0")
		want := Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}
		result := apply(t, w, want, setMAC, join, up)
		must(t, w.DeleteLink(bridge))
		successor := plugBridge(t, w, "xenbr0", 1500)
		must(t, w.Set(vif, rtnl.Change{Master: &successor}))
		before := linkOf(t, w, "vif1.0")
		undoes(t, w, result.State)
		if diff := cmp.Diff(before, linkOf(t, w, "vif1.0")); diff != "" {
			t.Errorf("the vif was changed (-before +after):\n%s", diff)
		}
		undoes(t, w, want.State(), downIt, leaveIt)
	})
}

func TestUndoLeavesWhatWasMoved(t *testing.T) {
	both(t, func(t *testing.T, w world) {
		plugBridge(t, w, "xenbr0", 1500)
		other := plugBridge(t, w, "xenbr1", 1500)
		vif := w.Plug(t, "vif1.0")
		result := apply(t, w, Port{Ifindex: vif, Interface: "vif1.0", Bridge: "xenbr0"}, setMAC, join, up)
		must(t, w.Set(vif, rtnl.Change{Master: &other}))
		before := linkOf(t, w, "vif1.0")
		undoes(t, w, result.State)
		if diff := cmp.Diff(before, linkOf(t, w, "vif1.0")); diff != "" {
			t.Errorf("the vif was changed (-before +after):\n%s", diff)
		}

		w.Plug(t, "vif2.0")
		state := result.State
		state.BridgeIndex = linkOf(t, w, "vif2.0").Index // an ifindex that is no bridge's
		undoes(t, w, state)
		if diff := cmp.Diff(before, linkOf(t, w, "vif1.0")); diff != "" {
			t.Errorf("the vif was changed (-before +after):\n%s", diff)
		}
	})
}
