package testhost

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Port sends and captures whole Ethernet frames on one interface, past everything the host itself would do with them. It
// captures from the moment it is made. Send may be called concurrently, the others by one goroutine at a time.
type Port struct {
	name string
	file *os.File
	raw  syscall.RawConn
	buf  []byte
	oob  []byte
}

// Packet opens a port on the interface called ifname, which must exist and, to send or capture anything, be up. The port
// captures what arrives at the interface, in the order it arrives, not what leaves through it.
func (h *Host) Packet(t testing.TB, ifname string) *Port {
	t.Helper()
	p := &Port{name: ifname, buf: make([]byte, 1<<16), oob: make([]byte, 256)}
	if err := h.DoErr(func() error { return p.open() }); err != nil {
		t.Fatalf("testhost: opening a packet socket on %s: %v", ifname, err)
	}
	t.Cleanup(func() { _ = p.file.Close() })
	return p
}

func (p *Port) open() error {
	// Protocol 0 keeps the socket deaf until it is bound, so that no other interface's frames get into its queue.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	p.file = os.NewFile(uintptr(fd), "packet:"+p.name)
	if err := p.bind(fd); err != nil {
		_ = p.file.Close()
		return err
	}
	p.raw, err = p.file.SyscallConn()
	return err
}

func (p *Port) bind(fd int) error {
	ifreq, err := unix.NewIfreq(p.name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifreq); err != nil {
		return fmt.Errorf("looking up the interface: %w", err)
	}
	// The kernel takes VLAN tags out of the frame and tells of them in the control data.
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fmt.Errorf("PACKET_AUXDATA: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("PACKET_IGNORE_OUTGOING: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: int(ifreq.Uint32())})
}

// Send puts a frame, from its destination address to the end of its payload, on the wire. VLAN tags in it stay as they are.
// Frames sent one after the other, also by different ports, reach any place in that order: a veth hands them to the queue
// of the CPU they were sent on, so all are sent on the same one. A frame sent while the link is not up is lost: see
// Host.WaitUp.
func (p *Port) Send(t testing.TB, frame []byte) {
	t.Helper()
	if err := p.send(frame); err != nil {
		t.Fatalf("testhost: sending a frame of %d bytes on %s: %v", len(frame), p.name, err)
	}
}

func (p *Port) send(frame []byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("reading the CPU affinity: %w", err)
	}
	if err := unix.SchedSetaffinity(0, firstCPU(&before)); err != nil {
		return fmt.Errorf("staying on one CPU: %w", err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }() // it was allowed a moment ago
	var n int
	var err error
	if werr := p.raw.Write(func(fd uintptr) bool {
		n, err = unix.Write(int(fd), frame)
		return !errors.Is(err, unix.EAGAIN)
	}); werr != nil {
		return werr
	}
	if err == nil && n != len(frame) {
		err = fmt.Errorf("%d bytes sent", n)
	}
	return err
}

func firstCPU(of *unix.CPUSet) *unix.CPUSet {
	var one unix.CPUSet
	for cpu := range len(of) * 64 {
		if of.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	return &one
}

// Next returns the next frame captured, as it was on the wire; false if none came within limit. The frame is the caller's.
func (p *Port) Next(limit time.Duration) ([]byte, bool, error) {
	if err := p.file.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, false, err
	}
	var n, oobn int
	var err error
	rerr := p.raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), p.buf, p.oob, 0)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	switch {
	case os.IsTimeout(rerr):
		return nil, false, nil
	case rerr != nil:
		return nil, false, rerr
	case err != nil:
		return nil, false, fmt.Errorf("receiving from %s: %w", p.name, err)
	}
	frame, err := withTag(p.buf[:n], p.oob[:oobn])
	return frame, err == nil, err
}

// Receive returns the next frame captured that match accepts, and false if none came within limit; others are discarded.
func (p *Port) Receive(t testing.TB, match func(frame []byte) bool, limit time.Duration) ([]byte, bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; {
		frame, ok, err := p.Next(time.Until(deadline))
		if err != nil {
			t.Fatalf("testhost: capturing on %s: %v", p.name, err)
		}
		if !ok || match(frame) {
			return frame, ok
		}
	}
}

// Expect returns the next frame captured that match accepts; others are discarded. After Patience it fails the test, saying
// what did not arrive.
func (p *Port) Expect(t testing.TB, what string, match func(frame []byte) bool) []byte {
	t.Helper()
	frame, ok := p.Receive(t, match, Patience)
	if !ok {
		t.Fatalf("%s did not arrive at %s within %v", what, p.name, Patience)
	}
	return frame
}

// None shows that a frame has not arrived: it captures until the frame that barrier accepts, which must have been sent after
// the unwanted one and on the same way, and fails the test, saying what arrived, if one before it is unwanted.
func (p *Port) None(t testing.TB, what string, unwanted, barrier func(frame []byte) bool) {
	t.Helper()
	p.Expect(t, "the frame sent after "+what, func(frame []byte) bool {
		if unwanted(frame) {
			t.Errorf("%s arrived at %s: % x", what, p.name, frame)
		}
		return barrier(frame)
	})
}

// Mark is a frame to everybody that nobody answers, to be sent after others, and what knows it again: a barrier for None.
func Mark(text string) (frame []byte, is func(frame []byte) bool) {
	frame = append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5}, text...) // a local experimental EtherType
	frame = append(frame, make([]byte, 60)...)
	return frame, func(f []byte) bool { return bytes.Contains(f, []byte(text)) }
}

// withTag copies a frame and puts the VLAN tag that the kernel took out of it back in its place, behind the addresses.
func withTag(frame, oob []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("control data of a captured frame: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 || len(frame) < 12 {
			continue
		}
		tagged := make([]byte, 0, len(frame)+4)
		tagged = append(tagged, frame[:12]...)
		tagged = binary.BigEndian.AppendUint16(tagged, aux.Vlan_tpid)
		tagged = binary.BigEndian.AppendUint16(tagged, aux.Vlan_tci)
		return append(tagged, frame[12:]...), nil
	}
	return append([]byte(nil), frame...), nil
}

// htons turns a number into network byte order, in which a socket address holds its protocol.
func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
