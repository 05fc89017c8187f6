package packets

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"vifd/internal/frame"
	"vifd/internal/testhost"
)

// mark is in every frame that a test sends for its own ends, and in no other.
const mark = "vifd sentinel"

// hello is an honest broadcast. From it the bridge learns where g is.
func (g *guest) hello(serial int) []byte {
	return frame.Build(frame.Ethernet{Dst: frame.Broadcast(), Src: g.mac}, frame.IPv4{Src: g.ip4, Dst: broadcast4},
		frame.UDP{Src: 7, Dst: 7}, frame.Raw(fmt.Sprintf("%s %s %d", mark, g.vif, serial)))
}

// exchange has from send frames and then closer an honest broadcast, which arrives everywhere: frames do not overtake each
// other, so that what has not arrived at a port before it never will. It returns what has, port by port.
func (w *world) exchange(t *testing.T, from, closer *guest, frames [][]byte, at ...*testhost.Port) [][][]byte {
	t.Helper()
	for _, f := range frames {
		from.eth0.Send(t, f)
	}
	w.serial++
	end := closer.hello(w.serial)
	closer.eth0.Send(t, end)
	arrived := make([][][]byte, len(at))
	for i, port := range at {
		port.Expect(t, "the broadcast after all others", func(f []byte) bool {
			if bytes.Equal(f, end) {
				return true
			}
			if !bytes.Contains(f, []byte(mark)) && net.HardwareAddr(f[6:12]).String() != bridgeMAC {
				arrived[i] = append(arrived[i], f)
			}
			return false
		})
	}
	return arrived
}

// whole reports whether every one of frames is among arrived: of a datagram in fragments, that it can be put together.
func whole(frames, arrived [][]byte) bool {
	for _, f := range frames {
		found := false
		for _, a := range arrived {
			found = found || bytes.Equal(a, f)
		}
		if !found {
			return false
		}
	}
	return true
}

// introduce lets the bridge learn where everybody really is.
func (w *world) introduce(t *testing.T) {
	t.Helper()
	for _, g := range w.guests {
		if g.ip4.IsValid() {
			w.serial++
			g.eth0.Send(t, g.hello(w.serial))
		}
	}
}

// learned returns the MACs that the bridge has learned, each with the port it believes it to be at.
func (w *world) learned(t *testing.T) map[string]string {
	t.Helper()
	at := make(map[string]string)
	for line := range strings.Lines(w.host.Run(t, "bridge", "fdb", "show", "br", bridgeName)) {
		if words := strings.Fields(line); len(words) > 2 && words[1] == "dev" && !strings.Contains(line, "permanent") {
			at[words[0]] = words[2]
		}
	}
	return at
}

// forget makes the bridge forget all it has learned.
func (w *world) forget(t *testing.T) {
	t.Helper()
	w.host.Run(t, "ip", "link", "set", bridgeName, "type", "bridge", "fdb_flush")
}

// deceived says what the bridge believes of somebody that is not so.
func (w *world) deceived(t *testing.T) string {
	t.Helper()
	var wrong []string
	for mac, port := range w.learned(t) {
		honest := false
		for _, g := range w.guests {
			honest = honest || g.mac.String() == mac && g.vif == port
		}
		if !honest {
			wrong = append(wrong, mac+" at "+port)
		}
	}
	return strings.Join(wrong, ", ")
}

// tag puts VLAN tags behind a frame's addresses, the outermost first.
func tag(data []byte, tags ...frame.VLAN) []byte {
	out := append([]byte{}, data[:12]...)
	for _, v := range tags {
		out = append(out, byte(v.TPID>>8), byte(v.TPID), byte(v.TCI>>8), byte(v.TCI))
	}
	return append(out, data[12:]...)
}

// disguises are the tags behind which each attack is tried again.
var disguises = []struct {
	name string
	tags []frame.VLAN
}{
	{"untagged", nil},
	{"VLAN 5", []frame.VLAN{{TPID: frame.TPIDCustomer, TCI: 5}}},
	{"priority tag", []frame.VLAN{{TPID: frame.TPIDCustomer, TCI: 6 << 13}}},
	{"priority tag of priority 0", []frame.VLAN{{TPID: frame.TPIDCustomer}}},
	{"802.1ad", []frame.VLAN{{TPID: frame.TPIDService, TCI: 7}}},
	{"802.1ad, VLAN 0", []frame.VLAN{{TPID: frame.TPIDService}}},
	{"QinQ", []frame.VLAN{{TPID: frame.TPIDService, TCI: 7}, {TPID: frame.TPIDCustomer, TCI: 5}}},
	{"twice 802.1Q", []frame.VLAN{{TPID: frame.TPIDCustomer}, {TPID: frame.TPIDCustomer, TCI: 5}}},
	{"old QinQ", []frame.VLAN{{TPID: 0x9100, TCI: 7}, {TPID: frame.TPIDCustomer, TCI: 5}}},
}

func disguised(frames [][]byte, tags []frame.VLAN) [][]byte {
	out := make([][]byte, len(frames))
	for i, f := range frames {
		out[i] = tag(f, tags...)
	}
	return out
}

// described is frames in words.
func described(frames [][]byte) string {
	words := make([]string, len(frames))
	for i, f := range frames {
		words[i] = frame.Describe(f)
	}
	return strings.Join(words, "; ")
}

// same reports whether arrived is frames, no more and no less.
func same(frames, arrived [][]byte) bool {
	return len(frames) == len(arrived) && whole(frames, arrived)
}
