package firewall_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/testhost"
)

// court is a kernel that judges real frames of one guest, or to it.
type court interface {
	// install puts a program and the guest in force.
	install(t *testing.T, p *firewall.Program, g *firewall.Guest)
	// pass sends frames and tells which of them the kernel let through. No two of them are alike to it.
	pass(t *testing.T, frames [][]byte) []bool
	// traffic is a frame as Judge is to know it.
	traffic(data []byte) firewall.Traffic
	// random is a frame that tells something in this court; nil where the dice made none.
	random(rng *rand.Rand) []byte
	// alike tells frames apart: of two with the same the court takes one.
	alike(data []byte) string
}

const (
	bridgeIf = "br0"
	farPort  = "far0"
	third    = "other0"
	batch    = 200 // frames at once: a CPU's queue of received ones holds a thousand
)

// stage is a host with the firewall, and three machines at it: the guest, the one it talks to, and a third that nobody guards,
// whose frames tell that those before them have been judged.
type stage struct {
	cast   *cast
	host   *testhost.Host
	table  *firewall.Table
	guest  *testhost.Port
	far    *testhost.Port
	third  *testhost.Port
	serial int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{cast: newCast(), host: testhost.New(t)}
	silence(t, s.host)
	plug := func(name string, mac net.HardwareAddr) *testhost.Port {
		machine := s.host.Guest(t, name, mac.String())
		silence(t, machine)
		s.host.Run(t, "ip", "link", "set", name, "up")
		s.host.WaitUp(t, name)
		machine.WaitUp(t, testhost.GuestIf)
		return machine.Packet(t, testhost.GuestIf)
	}
	s.guest = plug(guestPort, s.cast.mac[:])
	s.far = plug(farPort, s.cast.far)
	s.third = plug(third, net.HardwareAddr{2, 0, 0, 0, 0, 7})
	s.table = open(t, s.host)
	s.host.Run(t, "ip", "link", "set", guestPort, "address", s.cast.hosts[0].String())
	return s
}

// silence keeps a host from sending anything of its own, and br_netfilter, where a kernel has it, from looking at what a bridge passes.
func silence(t *testing.T, h *testhost.Host) {
	t.Helper()
	h.Do(t, func() error {
		for file, value := range map[string]string{
			"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1",
			"bridge/bridge-nf-call-iptables": "0", "bridge/bridge-nf-call-ip6tables": "0", "bridge/bridge-nf-call-arptables": "0",
		} {
			if err := os.WriteFile("/proc/sys/net/"+file, []byte(value), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

func (s *stage) install(t *testing.T, p *firewall.Program, g *firewall.Guest) {
	t.Helper()
	if _, err := s.table.Install(p, []firewall.Guest{*g}, map[string]int{g.Interface: 7}); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
}

// marker is a broadcast unlike all frames before.
func (s *stage) marker(from net.HardwareAddr) []byte {
	s.serial++
	return frame.Build(frame.Ethernet{Dst: frame.Broadcast(), Src: from}, frame.IPv4{}, frame.UDP{Src: 7, Dst: 7}, frame.Raw(fmt.Sprintf("marker %d", s.serial)))
}

// until is what arrives at a port before the end.
func until(t *testing.T, port *testhost.Port, end []byte) (arrived [][]byte) {
	t.Helper()
	port.Expect(t, "the marker", func(f []byte) bool {
		arrived = append(arrived, f)
		return bytes.Equal(f, end)
	})
	return arrived
}

func among(frames, arrived [][]byte) []bool {
	got := make(map[string]bool, len(arrived))
	for _, f := range arrived {
		got[string(f)] = true
	}
	out := make([]bool, len(frames))
	for i, f := range frames {
		out[i] = got[string(f)]
	}
	return out
}

// bridgeCourt judges in a bridge: what the guest sends by whether it arrives at the far machine, or at the bridge itself, and
// what is sent to it by whether it arrives.
type bridgeCourt struct {
	*stage
	toGuest bool
	inside  *testhost.Port // what the bridge hands up to the host
	outside *testhost.Port // past the bridge to the guest
}

func newBridgeCourt(t *testing.T, toGuest bool) *bridgeCourt {
	t.Helper()
	c := &bridgeCourt{stage: newStage(t), toGuest: toGuest}
	// The bridge is not to learn, for the frames say anything, nor to choose who gets a multicast.
	c.host.Run(t, "ip", "link", "add", bridgeIf, "address", c.cast.hosts[1].String(), "type", "bridge", "mcast_snooping", "0")
	c.host.Run(t, "ip", "link", "set", bridgeIf, "up")
	for _, name := range []string{guestPort, farPort, third} {
		c.host.Run(t, "ip", "link", "set", name, "master", bridgeIf)
		c.host.Run(t, "bridge", "link", "set", "dev", name, "learning", "off")
		testhost.Wait(t, name+" to forward", func() bool {
			return strings.Contains(c.host.Run(t, "bridge", "link", "show", "dev", name), "state forwarding")
		})
	}
	c.inside, c.outside = c.host.Packet(t, bridgeIf), c.host.Packet(t, guestPort)
	return c
}

func (c *bridgeCourt) pass(t *testing.T, frames [][]byte) (passed []bool) {
	t.Helper()
	for some := range slices.Chunk(frames, batch) {
		from := c.guest
		if c.toGuest {
			from = c.far
		}
		for _, f := range some {
			from.Send(t, f)
		}
		if c.toGuest {
			passed = append(passed, among(some, c.received(t))...)
			continue
		}
		end := c.marker(net.HardwareAddr{2, 0, 0, 0, 0, 7})
		c.third.Send(t, end)
		passed = append(passed, among(some, append(until(t, c.far, end), until(t, c.inside, end)...))...)
	}
	return passed
}

// received is what the guest gets. A marker to the third machine tells that all has been forwarded; one that the host sends past
// the bridge tells where its end is.
func (c *bridgeCourt) received(t *testing.T) [][]byte {
	t.Helper()
	end := c.marker(c.cast.far)
	c.far.Send(t, end)
	until(t, c.third, end)
	end = c.marker(c.cast.hosts[0])
	c.outside.Send(t, end)
	return until(t, c.guest, end)
}

func (c *bridgeCourt) traffic(data []byte) firewall.Traffic {
	return firewall.Traffic{ToGuest: c.toGuest, Frame: data, Other: farPort, Bridge: bridgeIf, Hosts: c.cast.hosts}
}

func (c *bridgeCourt) random(rng *rand.Rand) []byte {
	if !c.toGuest {
		return c.cast.frame(rng, c.cast.mac[:], c.cast.far)
	}
	data := c.cast.frame(rng, c.cast.far, c.cast.mac[:])
	if slices.ContainsFunc(c.cast.hosts, func(a net.HardwareAddr) bool { return bytes.HasPrefix(data, a) }) {
		return nil // goes nowhere
	}
	return data
}

func (c *bridgeCourt) alike(data []byte) string { return string(data) }
