package firewall_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"vifd/actions/firewall"
	"vifd/internal/frame"
	"vifd/internal/testhost"
)

// forwardCourt judges what is routed to a guest. Judge is asked about the frames as they arrive: the router has taken one from the time to
// live, and put its own addresses before them.
type forwardCourt struct {
	*stage
	outside *testhost.Port
	router  net.HardwareAddr // where the far machine sends to
}

func newForwardCourt(t *testing.T) *forwardCourt {
	t.Helper()
	c := &forwardCourt{stage: newStage(t), router: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
	c.cast.fragments, c.cast.checksums, c.cast.honest = false, true, 100
	run := func(args ...string) { c.host.Run(t, args[0], args[1:]...) }
	run("ip", "link", "set", farPort, "address", c.router.String())
	for _, name := range []string{"all", "default", strings.ReplaceAll(guestPort, ".", "/"), farPort} {
		run("sysctl", "-qw", "net.ipv6.conf."+name+".disable_ipv6=0", "net.ipv6.conf."+name+".forwarding=1", "net.ipv4.conf."+name+".rp_filter=0")
	}
	run("sysctl", "-qw", "net.ipv4.ip_forward=1")
	run("ip", "address", "add", "172.16.0.1/24", "dev", guestPort)
	run("ip", "address", "add", "172.16.9.1/24", "dev", farPort)
	run("ip", "-6", "address", "add", "fd99::1/64", "dev", guestPort, "nodad")
	for i, a := range c.destinations() {
		run("ip", "neigh", "replace", a, "lladdr", c.cast.mac.String(), "dev", guestPort)
		run("ip", []string{"-4", "-6"}[i], "route", "replace", "default", "via", a, "dev", guestPort)
	}
	c.outside = c.host.Packet(t, guestPort)
	return c
}

// destinations are the guest as the router's gateway for everything.
func (c *forwardCourt) destinations() []string { return []string{"172.16.0.2", "fd99::2"} }

func (c *forwardCourt) pass(t *testing.T, frames [][]byte) (passed []bool) {
	t.Helper()
	for some := range slices.Chunk(frames, batch) {
		for _, f := range some {
			c.far.Send(t, c.sent(f))
		}
		// What follows the same way tells that all has been routed: it is for a machine nobody guards.
		end := c.marker(c.cast.hosts[0])
		c.flush(t)
		c.outside.Send(t, end)
		passed = append(passed, among(some, until(t, c.guest, end))...)
	}
	return passed
}

// flush waits until the host has dealt with what the far machine has sent: it answers a request that came after.
func (c *forwardCourt) flush(t *testing.T) {
	t.Helper()
	c.serial++
	ask := net.HardwareAddr(binary.BigEndian.AppendUint32([]byte{2, 0xcc}, uint32(c.serial)))
	c.far.Send(t, frame.Build(frame.Ethernet{Src: ask, Dst: frame.Broadcast()}, frame.ARP{SHA: ask, SPA: addrs("172.16.9.2")[0], TPA: addrs("172.16.9.1")[0]}))
	c.far.Expect(t, fmt.Sprintf("the answer to %v", ask), func(f []byte) bool { return bytes.HasPrefix(f, ask) })
}

// sent is a frame before it is routed.
func (c *forwardCourt) sent(data []byte) []byte {
	out := bytes.Clone(data)
	copy(out, c.router)
	copy(out[6:], c.cast.far)
	if out[14]>>4 == 4 {
		out[14+8]++
		sumIPv4(out[14:])
	} else {
		out[14+7]++
	}
	return out
}

func (c *forwardCourt) traffic(data []byte) firewall.Traffic {
	return firewall.Traffic{ToGuest: true, Frame: data, Other: farPort, Hosts: c.cast.hosts}
}

// random is a packet that a router forwards: it is whole, for one that is not here, and has no options to look at.
func (c *forwardCourt) random(rng *rand.Rand) []byte {
	eth := frame.Ethernet{Src: c.cast.hosts[0], Dst: c.cast.mac[:]}
	layers := c.cast.ip6(rng)
	if rng.IntN(2) == 0 {
		layers = c.cast.ip4(rng)
	}
	switch h := layers[0].(type) {
	case frame.IPv4:
		h.Src, h.Dst, h.Options = pick(rng, c.cast.v4[1:6]...), pick(rng, c.cast.v4[:6]...), nil
		h.TTL = pick[uint8](rng, 1, 63, 254)
		layers[0] = h
	case frame.IPv6:
		h.Src, h.Dst = pick(rng, c.cast.v6[1], c.cast.v6[2], c.cast.v6[9]), pick(rng, c.cast.v6[0], c.cast.v6[1], c.cast.v6[2], c.cast.v6[9])
		h.HopLimit = pick[uint8](rng, 1, 63, 254)
		layers[0] = h
		for _, l := range layers[1:] {
			switch l.(type) {
			case frame.HopByHop, frame.Routing:
				return nil
			}
		}
	}
	return frame.Build(append([]frame.Layer{eth}, layers...)...)
}

func (c *forwardCourt) alike(data []byte) string { return string(data) }
