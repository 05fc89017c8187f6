package packets

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"vifd/internal/frame"
)

// A bridge takes frames to 01:80:c2:00:00:00-0f for itself (br_handle_frame, net/bridge/br_input.c), and learns from their source
// like from any other. Most of them the chain input judges, but LLDP's (0e), and where the bridge runs STP the BPDUs (00), pass
// every hook, so that one of them turns a neighbour's traffic to a liar, whatever the guard says. The bridge's own option
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
				teach := func() (by []byte) {
					w.introduce(t)
					for last := range byte(0x10) {
						to := net.HardwareAddr{0x01, 0x80, 0xc2, 0x00, 0x00, last}
						for _, src := range []net.HardwareAddr{nobody, c.friend.mac} {
							w.exchange(t, c.me, c.friend, build(frame.Ethernet{Src: src, Dst: to, Type: 0x88cc}, payload), c.victim.eth0)
						}
						if w.deceived(t) != "" {
							by = append(by, last)
							w.forget(t)
							w.introduce(t)
						}
					}
					return by
				}
				var want []byte
				switch {
				case asMade:
				case stp == "1":
					want = []byte{0x00, 0x0e}
				default:
					want = []byte{0x0e}
				}
				if got := teach(); !bytes.Equal(got, want) {
					t.Errorf("the bridge learns falsely from frames to 01:80:c2:00:00:[%x], want [%x]", got, want)
				}
				if w.guardBy(t, c.me); asMade {
					return
				}
				if got := teach(); len(got) < 10 {
					t.Errorf("without a guard the bridge learns falsely from frames to 01:80:c2:00:00:[%x] alone: the chain input proves nothing", got)
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
