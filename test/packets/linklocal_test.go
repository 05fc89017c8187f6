package packets

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"vifd/internal/frame"
)

// A bridge takes frames to 01:80:c2:00:00:01-0f, and with STP those to 00, for itself, past prerouting, and some of them
// (BPDUs and LLDP) past every hook (br_handle_frame, net/bridge/br_input.c). From their source it learns like from any other,
// so that one LLDP frame turns a neighbour's traffic to a liar, whatever the guard says. The bridge's own option
// no_linklocal_learn closes this, and vifd sets it on the bridges that it makes.
func TestLinkLocalFramesTeachNothing(t *testing.T) {
	t.Parallel()
	for _, stp := range []string{"0", "1"} {
		for _, asMade := range []bool{false, true} {
			t.Run(fmt.Sprintf("stp %s, as made %v", stp, asMade), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 3)
				w.spanningTree(t, stp)
				if !asMade {
					w.host.Run(t, "ip", "link", "set", bridgeName, "type", "bridge", "no_linklocal_learn", "0")
				}
				c := w.cast()
				w.introduce(t)
				var taught []string
				for last := range byte(0x10) {
					to := net.HardwareAddr{0x01, 0x80, 0xc2, 0x00, 0x00, last}
					for _, src := range []net.HardwareAddr{nobody, c.friend.mac} {
						w.exchange(t, c.me, c.me, build(frame.Ethernet{Src: src, Dst: to, Type: 0x88cc}, payload), c.victim.eth0)
					}
					if wrong := w.deceived(t); wrong != "" {
						taught = append(taught, fmt.Sprintf("by a frame to %s: %s", to, wrong))
						w.forget(t)
						w.introduce(t)
					}
				}
				switch {
				case asMade && len(taught) > 0:
					t.Errorf("the bridge has learned falsely\n%s", strings.Join(taught, "\n"))
				case !asMade && len(taught) == 0:
					t.Error("the bridge learns nothing by itself: the option proves nothing")
				}
			})
		}
	}
}

// A bridge that runs STP takes BPDUs before any rule sees them, as the template no-bpdu says; the port's option guard keeps a
// guest from becoming the root.
func TestBPDUDoesNotReachSTP(t *testing.T) {
	t.Parallel()
	for _, guard := range []string{"off", "on"} {
		t.Run("guard "+guard, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 3)
			w.spanningTree(t, "1")
			c := w.cast()
			w.host.Run(t, "bridge", "link", "set", "dev", c.me.vif, "guard", guard)
			root := net.HardwareAddr{0, 0, 0, 0, 0, 1}
			bpdu := build(frame.Ethernet{Src: c.me.mac, Dst: []byte{0x01, 0x80, 0xc2, 0, 0, 0}},
				frame.LLC{DSAP: 0x42, SSAP: 0x42}, frame.Raw(frame.BPDU(root)))
			w.exchange(t, c.me, c.friend, bpdu, c.victim.eth0)
			believed := w.root(t)
			if took := believed == "0000."+root.String(); took != (guard == "off") {
				t.Errorf("the root of the tree is %s", believed)
			}
		})
	}
}

// spanningTree turns the bridge's STP on (1) or off (0) and waits until its ports forward.
func (w *world) spanningTree(t *testing.T, state string) {
	t.Helper()
	w.host.Run(t, "ip", "link", "set", bridgeName, "type", "bridge", "forward_delay", "0", "stp_state", state)
	for _, g := range w.guests {
		w.awaitForwarding(t, g)
	}
}
