package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/frame"
)

// pingEvery is when an unanswered echo request is repeated.
const pingEvery = 200 * time.Millisecond

// echoID is what the demo's pings are known by.
const echoID = 0x7669

func (g *guest) ping4(to *guest) (time.Duration, error) {
	request := append([]byte{frame.ICMPEchoRequest, 0, 0, 0}, frame.Echo(echoID, 1, "vifd demo")...)
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	// A raw IPv4 socket gives the IP header as well.
	return g.ping(unix.AF_INET, unix.IPPROTO_ICMP, &unix.SockaddrInet4{Addr: to.ip4.As4()}, request, 20, frame.ICMPEchoReply)
}

func (g *guest) ping6(to *guest) (time.Duration, error) {
	// The kernel fills the checksum in (RFC 3542, 3.1).
	request := append([]byte{frame.ICMPv6EchoRequest, 0, 0, 0}, frame.Echo(echoID, 1, "vifd demo")...)
	return g.ping(unix.AF_INET6, unix.IPPROTO_ICMPV6, &unix.SockaddrInet6{Addr: to.ip6.As16()}, request, 0, frame.ICMPv6EchoReply)
}

// ping sends an echo request through the guest's own stack until it is answered, and returns how long the answer took.
func (g *guest) ping(family, proto int, to unix.Sockaddr, request []byte, header int, reply byte) (time.Duration, error) {
	fd, err := g.socket(family, unix.SOCK_RAW, proto)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 2048)
	for begin := time.Now(); time.Since(begin) < patience; {
		sent := time.Now()
		if err := unix.Sendto(fd, request, 0, to); err != nil {
			return 0, fmt.Errorf("send: %w", err)
		}
		for time.Since(sent) < pingEvery {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return 0, fmt.Errorf("receive: %w", err)
			}
			if answers(buf[:n], header, reply) {
				return time.Since(sent).Round(time.Microsecond), nil
			}
		}
	}
	return 0, fmt.Errorf("no answer within %s", patience)
}

func answers(packet []byte, header int, reply byte) bool {
	return len(packet) >= header+8 && packet[header] == reply && binary.BigEndian.Uint16(packet[header+4:]) == echoID
}

// socket opens a socket in the guest's namespace that does not wait longer than pingEvery.
func (g *guest) socket(family, kind, proto int) (fd int, err error) {
	err = g.do(func() error {
		fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open socket: %w", err)
	}
	wait := unix.NsecToTimeval(pingEvery.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("set up socket: %w", err)
	}
	return fd, nil
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// lie is a frame that says something untrue about its sender.
type lie struct {
	what  string
	frame []byte
}

// lies lets liar pretend to victim to be friend, or nobody at all.
func lies(liar, friend, victim *guest) []lie {
	udp := func(src netip.Addr, mac []byte, dst netip.Addr) []byte {
		layers := []frame.Layer{frame.Ethernet{Dst: victim.mac, Src: mac}}
		if src.Is4() {
			layers = append(layers, frame.IPv4{Src: src, Dst: dst})
		} else {
			layers = append(layers, frame.IPv6{Src: src, Dst: dst})
		}
		return frame.Build(append(layers, frame.UDP{Src: 4000, Dst: 4000}, frame.Raw("a lie"))...)
	}
	stranger := []byte{0x00, 0x16, 0x3e, 0xff, 0xff, 0xff}
	return []lie{
		{"with the MAC 00:16:3e:ff:ff:ff", udp(liar.ip4, stranger, victim.ip4)},
		{fmt.Sprintf("with the IPv4 address %s of %s", friend.ip4, friend.vif), udp(friend.ip4, liar.mac, victim.ip4)},
		{fmt.Sprintf("with the IPv6 address %s of %s", friend.ip6, friend.vif), udp(friend.ip6, liar.mac, victim.ip6)},
		{
			fmt.Sprintf("saying in ARP that %s is at its own MAC", friend.ip4),
			frame.Build(
				frame.Ethernet{Dst: victim.mac, Src: liar.mac},
				frame.ARP{Op: frame.ARPReply, SHA: liar.mac, SPA: friend.ip4, THA: victim.mac, TPA: victim.ip4},
			),
		},
	}
}

// misses has liar send a false frame and then an honest one; g must get the second alone. Frames do not overtake each other
// on the way, so that nothing needs to be waited for.
func (g *guest) misses(liar *guest, false []byte) error {
	in, err := g.packetSocket()
	if err != nil {
		return err
	}
	defer unix.Close(in)
	out, err := liar.packetSocket()
	if err != nil {
		return err
	}
	defer unix.Close(out)
	honest := frame.Build(
		frame.Ethernet{Dst: g.mac, Src: liar.mac}, frame.IPv4{Src: liar.ip4, Dst: g.ip4}, frame.UDP{Src: 4001, Dst: 4001}, frame.Raw("the truth"),
	)
	for _, f := range [][]byte{false, honest} {
		if _, err := unix.Write(out, f); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	buf := make([]byte, 2048)
	for begin := time.Now(); time.Since(begin) < patience; {
		n, _, err := unix.Recvfrom(in, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		case string(buf[:n]) == string(false):
			return errors.New("the false frame arrived")
		case string(buf[:n]) == string(honest):
			return nil
		}
	}
	return fmt.Errorf("the honest frame did not arrive within %s", patience)
}

// packetSocket is one that sends and receives whole frames on the guest's eth0 (packet(7)).
func (g *guest) packetSocket() (int, error) {
	fd, err := g.socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return -1, err
	}
	const all = (unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) & 0xffff // in network order
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: g.index}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind to eth0: %w", err)
	}
	return fd, nil
}
