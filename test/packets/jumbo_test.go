package packets

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/frame"
)

// A frame longer than a page lies in pieces, of which its sender says how long the first one is: here as long as the Ethernet
// header. Of IPv6 the kernel then takes whatever lies behind that for the next header (see internal/packet/doc.go), so that
// what a guard reads by protocol may be anything. Such frames need a bridge whose MTU lets them pass.
func TestFramesInPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.cast()
	for _, g := range w.guests {
		g.machine.Run(t, "ip", "link", "set", "eth0", "mtu", "9000")
		w.host.Run(t, "ip", "link", "set", g.vif, "mtu", "9000")
	}
	w.host.Run(t, "ip", "link", "set", bridgeName, "mtu", "9000")
	long := func(frames [][]byte) []byte { return trailing(frames[0], make([]byte, 5000)...) }
	advert := frame.NeighborAdvert(frame.NAOverride, c.friend.ip6, tll(c.me.mac))
	router := frame.RouterAdvert(1800)
	offer := frame.UDP{Src: 547, Dst: 546}
	ip := frame.IPv6{Src: c.me.ll, Dst: allNodes}
	to := c.group(allNodes)
	frames := map[string][]byte{
		"NA":                              long(build(to, ip, advert)),
		"NA behind destination options":   long(build(to, ip, frame.DestinationOptions{}, advert)),
		"NA behind hop-by-hop options":    long(build(to, ip, frame.HopByHop{}, advert)),
		"NA in an atomic fragment":        long(build(to, ip, frame.Fragment{}, advert)),
		"RA":                              long(build(to, ip, router)),
		"RA behind hop-by-hop options":    long(build(to, ip, frame.HopByHop{}, router)),
		"RA behind a routing header":      long(build(to, ip, frame.Routing{Type: 4}, router)),
		"RA in an atomic fragment":        long(build(to, ip, frame.Fragment{}, router)),
		"DHCPv6 answer":                   long(build(to, ip, offer, payload)),
		"DHCPv6 answer behind options":    long(build(to, ip, frame.DestinationOptions{}, offer, payload)),
		"DHCPv6 answer in a fragment":     long(build(to, ip, frame.Fragment{More: true}, offer, payload)),
		"DHCP answer":                     long(build(c.all(), frame.IPv4{Src: c.me.ip4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, payload)),
		"ARP":                             long(build(c.all(), frame.ARP{Op: frame.ARPReply, SHA: c.me.mac, SPA: c.friend.ip4, TPA: c.victim.ip4})),
		"IPv6 from another's address":     long(udp(to, c.friend.ip6, allNodes)),
		"what comes from another's MAC":   long(udp(frame.Ethernet{Src: c.friend.mac, Dst: frame.Broadcast()}, c.me.ip4, broadcast4)),
		"802.1Q, with an NA":              long(disguised(build(to, ip, advert), disguises[1].tags)),
		"DHCP answer with a false length": long(lengthened(build(c.all(), frame.IPv4{Src: c.me.ip4, Dst: broadcast4}, frame.UDP{Src: 67, Dst: 68}, payload))),
	}
	send := c.me.inPieces(t)
	for name, f := range frames {
		w.guard(t, c.me)
		w.introduce(t)
		const times = 50
		honest := udp(c.to(), c.me.ip4, c.victim.ip4)[0]
		for range times { // what lies behind the first piece is of another frame
			send(f)
			c.me.eth0.Send(t, honest)
		}
		if arrived := w.exchange(t, c.me, c.friend, nil, c.victim.eth0)[0]; len(arrived) != times || !bytes.Equal(arrived[0], honest) {
			t.Errorf("%s in pieces, between %d honest frames: %d frames arrived", name, times, len(arrived))
		}
		w.guardBy(t, c.me)
		send(f)
		if arrived := w.exchange(t, c.me, c.friend, nil, c.victim.eth0)[0]; !whole([][]byte{f}, arrived) {
			t.Errorf("%s in pieces did not arrive even without a guard: it proves nothing", name)
		}
	}
}

// lengthened is an IPv4 packet whose header says that it is longer than any.
func lengthened(frames [][]byte) [][]byte {
	binary.BigEndian.PutUint16(frames[0][14+2:], 0xffff)
	return frames
}

// inPieces opens a socket that sends frames of which the first piece of memory is the Ethernet header alone.
func (g *guest) inPieces(t *testing.T) (send func(f []byte)) {
	t.Helper()
	fd := -1
	g.machine.Do(t, func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			return err
		}
		link, err := g.machine.Links().LinkByName("eth0")
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index})
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	var cpus, first unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; first.Count() == 0; cpu++ {
		if cpus.IsSet(cpu) {
			first.Set(cpu)
		}
	}
	header := []byte{0, 0, 14, 0, 0, 0, 0, 0, 0, 0} // struct virtio_net_hdr: hdr_len, little-endian
	return func(f []byte) {
		t.Helper()
		// On the CPU on which testhost.Port sends, or others' frames would overtake these.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.SchedSetaffinity(0, &first); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.SchedSetaffinity(0, &cpus) }()
		if _, err := unix.Write(fd, append(header[:len(header):len(header)], f...)); err != nil {
			t.Fatal(err)
		}
	}
}
