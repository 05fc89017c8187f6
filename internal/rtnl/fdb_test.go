package rtnl_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/rtnl"
	"vifd/internal/testhost"
)

func TestFDB(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	forwarding(t, h, "vif1.0", "vif2.0")
	// What must not be taken for ours: entries of a person, and one the bridge could have learned.
	h.Run(t, "bridge", "fdb", "add", "00:16:3e:00:00:aa", "dev", "vif1.0", "master", "static")
	h.Run(t, "bridge", "fdb", "add", "00:16:3e:00:00:bb", "dev", "vif1.0", "master", "dynamic")
	h.Run(t, "bridge", "fdb", "add", "00:16:3e:00:00:01", "dev", "vif2.0", "master", "dynamic")

	c := dial(t, h)
	vif1, vif2 := link(t, c, "vif1.0").Index, link(t, c, "vif2.0").Index
	must(t, c.PinFDB(vif1, mac(t, "00:16:3e:00:00:01")))
	must(t, c.PinFDB(vif1, mac(t, "00:16:3e:00:00:02")))
	must(t, c.PinFDB(vif2, mac(t, "00:16:3e:00:00:03")))
	must(t, c.PinFDB(vif1, mac(t, "00:16:3e:00:00:02"))) // again
	must(t, c.UnpinFDB(vif1, mac(t, "00:16:3e:00:00:02")))
	mustBe(t, c.UnpinFDB(vif1, mac(t, "00:16:3e:00:00:02")), rtnl.ErrNotFound)
	must(t, c.PinFDB(vif1, mac(t, "00:16:3e:00:00:02")))

	fdb := h.Run(t, "bridge", "fdb", "show")
	for _, want := range []string{
		"00:16:3e:00:00:01 dev vif1.0 sticky master xenbr0 static", // taken over from vif2.0
		"00:16:3e:00:00:02 dev vif1.0 sticky master xenbr0 static",
		"00:16:3e:00:00:03 dev vif2.0 sticky master xenbr0 static",
	} {
		if !strings.Contains(strings.ReplaceAll(fdb, " \n", "\n"), want) {
			t.Errorf("bridge fdb does not show %q:\n%s", want, fdb)
		}
	}
	for port, want := range map[int][]string{
		vif1: {"00:16:3e:00:00:01", "00:16:3e:00:00:02"}, vif2: {"00:16:3e:00:00:03"}, link(t, c, "xenbr0").Index: nil,
	} {
		macs, err := c.PinnedFDB(t.Context(), port)
		must(t, err)
		if diff := cmp.Diff(want, texts(macs)); diff != "" {
			t.Errorf("pinned to %d (-want +got):\n%s", port, diff)
		}
	}
}

// forwarding plugs guests into a bridge xenbr0, and returns when it forwards their frames.
func forwarding(t *testing.T, h *testhost.Host, vifs ...string) []*testhost.Host {
	t.Helper()
	h.Run(t, "ip", "link", "add", "xenbr0", "type", "bridge", "forward_delay", "0")
	h.Run(t, "ip", "link", "set", "xenbr0", "up")
	var guests []*testhost.Host
	for _, vif := range vifs {
		guests = append(guests, h.Guest(t, vif, "00:16:3e:00:01:00"))
		h.Run(t, "ip", "link", "set", vif, "master", "xenbr0", "up")
	}
	testhost.Wait(t, "all ports to forward", func() bool {
		return strings.Count(h.Run(t, "bridge", "link", "show"), "state forwarding") == len(vifs)
	})
	return guests
}

func texts(macs []net.HardwareAddr) []string {
	var s []string
	for _, m := range macs {
		s = append(s, m.String())
	}
	slices.Sort(s)
	return s
}

// TestPinnedAddressDoesNotMove sends a frame with a guest's address from another guest's port. The address stays where it is
// pinned; and moves where it is static only, which is why it has to be sticky.
func TestPinnedAddressDoesNotMove(t *testing.T) {
	t.Parallel()
	const victim = "00:16:3e:00:00:01"
	for name, pin := range map[string]func(*testing.T, *testhost.Host, *rtnl.Conn, int){
		"vif1.0": func(t *testing.T, _ *testhost.Host, c *rtnl.Conn, port int) { must(t, c.PinFDB(port, mac(t, victim))) },
		"vif2.0": func(t *testing.T, h *testhost.Host, _ *rtnl.Conn, _ int) {
			h.Run(t, "bridge", "fdb", "add", victim, "dev", "vif1.0", "master", "static")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testhost.New(t)
			guests := forwarding(t, h, "vif1.0", "vif2.0")
			c := dial(t, h)
			pin(t, h, c, link(t, c, "vif1.0").Index)

			frame := slices.Concat(mac(t, "ff:ff:ff:ff:ff:ff"), mac(t, victim), []byte{0x88, 0xb5}, make([]byte, 46))
			in, out := guests[0].Packet(t, testhost.GuestIf), guests[1].Packet(t, testhost.GuestIf)
			out.Send(t, frame)
			in.Expect(t, "the thief's broadcast", func(got []byte) bool { return got[12] == 0x88 && got[13] == 0xb5 })
			fdb := h.Run(t, "bridge", "fdb", "show", "br", "xenbr0")
			if want := victim + " dev " + name; !strings.Contains(fdb, want) {
				t.Errorf("bridge fdb does not show %q:\n%s", want, fdb)
			}
		})
	}
}
