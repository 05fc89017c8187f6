package dhcp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
	"vifd/internal/vifsock"
)

const everybody = "255.255.255.255"

// asks is the frame that carries a message of the guest's to everybody.
func asks(t *testing.T, kind dhcpv4.MessageType) []byte {
	t.Helper()
	m := message(t, kind)
	return ethernet(m.ClientHWAddr, request(m, everybody))
}

func isAnswer(frame []byte) bool {
	return len(frame) > ethernetLen+ipLen+udpLen && frame[12] == 8 && frame[13] == 0 && frame[23] == unix.IPPROTO_UDP && frame[35] == serverPort
}

// TestNobodyElse has two guests share a wire: the answers to one never get to the other, and the other gets none.
func TestNobodyElse(t *testing.T) {
	t.Parallel()
	n, s := testhost.NewNeighbours(t, guestMAC, otherMAC, otherMAC), serve(t)
	c := example(t)
	c.Ifindex = n.Host.Ifindex(t, "vif1.0")
	set(t, n.Host, s, c)

	foreigner := message(t, dhcpv4.MessageTypeDiscover)
	foreigner.ClientHWAddr = testhost.MAC(otherMAC)
	n.Other.Send(t, ethernet(foreigner.ClientHWAddr, request(foreigner, everybody)))
	n.Alone.Send(t, ethernet(foreigner.ClientHWAddr, request(foreigner, everybody)))
	n.Alone.Send(t, asks(t, dhcpv4.MessageTypeDiscover))
	for _, broadcast := range []bool{false, true} {
		m := message(t, dhcpv4.MessageTypeDiscover)
		if broadcast {
			m.SetBroadcast()
		}
		n.Own.Send(t, ethernet(m.ClientHWAddr, request(m, everybody)))
		frame := n.Own.Expect(t, "the answer", isAnswer)
		if !bytes.Equal(frame[:6], testhost.MAC(guestMAC)) {
			t.Errorf("an answer in a frame for %v", net.HardwareAddr(frame[:6]))
		}
		if got := netip.AddrFrom4([4]byte(frame[30:34])); (got.String() == everybody) != broadcast {
			t.Errorf("an answer to %v, asked for by broadcast: %v", got, broadcast)
		}
	}
	testhost.Wait(t, "the foreign request to be heard", func() bool { return s.Stats().Foreign == 1 })
	n.Spared(t, "an answer", isAnswer)
	if st := s.Stats(); st.Offers != 2 || st.Foreign != 1 || st.Unsent != 0 {
		t.Errorf("%+v, want 2 offers and 1 foreign", st)
	}
}

// TestPartialChecksum sends by the guest's own stack, which leaves the checksum to an offload of the veth that never comes about.
func TestPartialChecksum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asItIs)
	wire, own := w.host.Packet(t, "vif1.0"), w.guest.Packet(t, testhost.GuestIf)
	w.guest.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
			unix.BindToDevice(fd, testhost.GuestIf),
			unix.Bind(fd, &unix.SockaddrInet4{Port: clientPort}),
			unix.Sendto(fd, message(t, dhcpv4.MessageTypeDiscover).ToBytes(), 0, &unix.SockaddrInet4{Port: serverPort, Addr: [4]byte{255, 255, 255, 255}}),
		)
	})
	frame := wire.Expect(t, "the request", func(f []byte) bool { return len(f) > 300 && f[23] == unix.IPPROTO_UDP && f[37] == serverPort })
	ip := frame[ethernetLen:]
	if partial := vifsock.Fold(pseudoSum(ip[12:16], ip[16:20], len(ip)-ipLen)); binary.BigEndian.Uint16(ip[ipLen+6:]) != partial {
		t.Fatalf("the checksum of the request is not partial: % x", frame)
	}
	own.Expect(t, "the answer", isAnswer)
}

func TestVLANsAreNotAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asItIs)
	// Where the kernel knows no VLAN interfaces, both tags are nobody's.
	if _, err := w.host.RunErr("ip", "link", "add", "link", "vif1.0", "name", "vif1.0.10", "type", "vlan", "id", "10"); err == nil {
		w.host.Run(t, "ip", "link", "set", "vif1.0.10", "up")
	}
	own, vif := w.guest.Packet(t, testhost.GuestIf), w.host.Packet(t, "vif1.0")
	plain := asks(t, dhcpv4.MessageTypeDiscover)
	for _, id := range []byte{10, 20} { // one that the host has, and one that it has not
		own.Send(t, append(append(bytes.Clone(plain[:12]), 0x81, 0, 0, id), plain[12:]...))
	}
	own.Send(t, asks(t, dhcpv4.MessageTypeInform))
	testhost.Wait(t, "the request after them to be answered", func() bool { return w.server.Stats().Acks == 1 })
	end, isEnd := testhost.Mark("the end")
	vif.Send(t, end)
	answers := 0
	own.None(t, "a second answer", func(f []byte) bool {
		if isAnswer(f) {
			answers++
		}
		return answers > 1
	}, isEnd)
	if s := w.server.Stats(); s.Offers != 0 {
		t.Errorf("%+v, want no offers", s)
	}
}

// TestAVifsLife: renaming, going down and up, and going altogether are nobody's error.
func TestAVifsLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asItIs)
	own := w.guest.Packet(t, testhost.GuestIf)
	answered := func(own *testhost.Port) {
		t.Helper()
		own.Send(t, asks(t, dhcpv4.MessageTypeDiscover))
		own.Expect(t, "the answer", isAnswer)
	}
	answered(own)
	w.host.Run(t, "ip", "link", "set", "vif1.0", "down")
	w.host.Run(t, "ip", "link", "set", "vif1.0", "name", "vif9.0")
	w.host.Run(t, "ip", "link", "set", "vif9.0", "up")
	w.host.WaitUp(t, "vif9.0")
	w.guest.WaitUp(t, testhost.GuestIf)
	answered(own)

	w.host.Unplug(t, "vif9.0")
	guest := testhost.New(t)
	w.host.Run(t, "ip", "link", "add", "vif1.0", "index", strconv.Itoa(w.config.Ifindex), "type", "veth", "peer", "name", testhost.GuestIf, "address", guestMAC, "netns", guest.NetnsPath())
	w.host.Run(t, "ip", "link", "set", "vif1.0", "up")
	guest.Run(t, "ip", "link", "set", testhost.GuestIf, "up")
	w.host.WaitUp(t, "vif1.0")
	guest.WaitUp(t, testhost.GuestIf)
	own = guest.Packet(t, testhost.GuestIf)
	answered(own)

	w.config.Address = netip.MustParsePrefix("10.77.3.2/16")
	for range 3 {
		set(t, w.host, w.server, w.config)
	}
	own.Send(t, asks(t, dhcpv4.MessageTypeDiscover))
	if frame := own.Expect(t, "the answer", isAnswer); !bytes.Equal(frame[58:62], []byte{10, 77, 3, 2}) {
		t.Errorf("yiaddr %v after a change, want 10.77.3.2", frame[58:62])
	}

	w.server.Remove(w.config.Ifindex)
	w.server.Remove(w.config.Ifindex)
	before := w.server.Stats()
	own.Send(t, asks(t, dhcpv4.MessageTypeDiscover))
	end, isEnd := testhost.Mark("the end")
	vif := w.host.Packet(t, "vif1.0")
	vif.Send(t, end)
	own.None(t, "an answer after Remove", isAnswer, isEnd)
	if after := w.server.Stats(); after != before {
		t.Errorf("%+v after Remove, want %+v", after, before)
	}
}

// TestFlood: a guest that floods is answered at a bounded rate, and another one at once.
func TestFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, asItIs)
	calm := w.host.Guest(t, "vif2.0", otherMAC)
	w.host.Run(t, "ip", "link", "set", "vif2.0", "up")
	w.host.WaitUp(t, "vif2.0")
	calm.WaitUp(t, testhost.GuestIf)
	c := w.config
	c.Interface, c.Ifindex, c.MACs = "vif2.0", w.host.Ifindex(t, "vif2.0"), []net.HardwareAddr{testhost.MAC(otherMAC)}
	set(t, w.host, w.server, c)

	flood, own := w.guest.Packet(t, testhost.GuestIf), calm.Packet(t, testhost.GuestIf)
	frame := asks(t, dhcpv4.MessageTypeDiscover)
	testhost.Wait(t, "the flood to be held up", func() bool {
		for range 100 {
			flood.Send(t, frame)
		}
		return w.server.Stats().Pauses > 0
	})
	m := message(t, dhcpv4.MessageTypeInform)
	m.ClientHWAddr = testhost.MAC(otherMAC)
	own.Send(t, ethernet(m.ClientHWAddr, request(m, everybody)))
	own.Expect(t, "the calm guest's answer", isAnswer)
	if s := w.server.Stats(); s.Offers > vifsock.Burst+vifsock.Rate*uint64(testhost.Patience.Seconds()) || s.Acks != 1 {
		t.Errorf("%+v, want no more than a burst of offers and one ack", s)
	}
	sofar := w.server.Stats().Offers
	testhost.Wait(t, "the flooding guest to be heard again", func() bool {
		flood.Send(t, frame)
		return w.server.Stats().Offers > sofar
	})
}

// TestThousand bounds what a guest costs. What answers it costs nothing for each, so that no links are needed.
func TestThousand(t *testing.T) {
	const guests = 1000
	h, s := testhost.New(t), serve(t)
	configs := make([]Config, guests)
	for i := range configs {
		configs[i] = example(t)
		configs[i].Ifindex = 1000 + i
	}
	heap, goroutines := testhost.Memory(), runtime.NumGoroutine()
	h.Do(t, func() error {
		for _, c := range configs {
			if err := s.Set(c); err != nil {
				return err
			}
		}
		return nil
	})
	grown, more := testhost.Memory()-heap, runtime.NumGoroutine()-goroutines
	t.Logf("%d guests: %d KiB, %d goroutines more", guests, grown>>10, more)
	if grown > 1<<20 || more > 1 {
		t.Errorf("%d guests take %d KiB and %d goroutines, want less than 1 MiB and one", guests, grown>>10, more)
	}
	runtime.KeepAlive(configs)
}
