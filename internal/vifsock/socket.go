package vifsock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxPacket is the longest packet that is read whole, in bytes. Of a longer one the handler gets the beginning.
	MaxPacket = 4096
	// receiveBuffer is for a thousand guests that start at once, in bytes. Without the right to pass net.core.rmem_max it is
	// smaller; clients ask again.
	receiveBuffer = 4 << 20
)

// A Packet came in by an interface from a station on its wire.
type Packet struct {
	Ifindex int
	Source  net.HardwareAddr // of the frame
	Data    []byte           // from the IP header on
}

// A Handler takes packets. It must keep nothing of them.
type Handler func(Packet)

// A Socket hears all interfaces of a network namespace.
type Socket struct {
	filter Filter
	handle Handler
	file   *os.File
	raw    syscall.RawConn
	done   chan struct{}
	pauses atomic.Uint64

	mu     sync.Mutex
	budget budget
}

// Open begins to hear what the filter lets through.
func Open(filter Filter, handle Handler) (*Socket, error) {
	// Protocol 0 keeps the socket deaf until it is bound, so that nothing passes its filter by. Of a datagram socket the kernel takes off
	// the link's header, and puts it on.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	s := &Socket{filter: filter, handle: handle, file: os.NewFile(uintptr(fd), "packet"), done: make(chan struct{}), budget: newBudget()}
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = s.prepare(fd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open packet socket: %w", err), s.file.Close())
	}
	go s.run()
	return s, nil
}

func (s *Socket) prepare(fd int) error {
	if err := s.attach(nil); err != nil {
		return err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(s.filter.EtherType)}))
}

// attach has the kernel run the filter, which leaves out some interfaces, from the next packet on.
func (s *Socket) attach(without []int) error {
	code := append(head(without), s.filter.Code...)
	var err error
	cerr := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
	})
	return errors.Join(cerr, os.NewSyscallError("setsockopt", err))
}

// Pauses is how often an interface has been left out for a while because it sent too much.
func (s *Socket) Pauses() uint64 { return s.pauses.Load() }

// Close ends the handler's calls. It must not be called by the handler.
func (s *Socket) Close() error {
	err := s.file.Close()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.close()
	return err
}

// Send puts a packet, from its IP header on, on an interface, in a frame for one station.
func (s *Socket) Send(ifindex int, to net.HardwareAddr, packet []byte) error {
	sa := &unix.SockaddrLinklayer{Protocol: htons(s.filter.EtherType), Ifindex: ifindex, Halen: uint8(len(to))}
	copy(sa.Addr[:], to)
	var err error
	if cerr := s.raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), packet, unix.MSG_DONTWAIT, sa) }); cerr != nil {
		return cerr
	}
	if err != nil {
		return fmt.Errorf("send on ifindex %d: %w", ifindex, err)
	}
	return nil
}

func (s *Socket) run() {
	defer close(s.done)
	buf := make([]byte, MaxPacket)
	for {
		p, err := s.receive(buf)
		switch {
		case errors.Is(err, errClosed):
			return
		case err != nil:
			// An error of the socket is told once and then gone. That a device has gone is none: the socket is bound to none.
		default:
			s.spend(p.Ifindex)
			s.handle(p)
		}
	}
}

var errClosed = errors.New("the socket is closed")

func (s *Socket) receive(buf []byte) (Packet, error) {
	var n int
	var from unix.Sockaddr
	var err error
	if s.raw.Read(func(fd uintptr) bool {
		n, from, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN)
	}) != nil {
		return Packet{}, errClosed // there is no other reason
	}
	if err != nil {
		return Packet{}, os.NewSyscallError("recvfrom", err)
	}
	sa, ok := from.(*unix.SockaddrLinklayer)
	if !ok || sa.Halen != 6 {
		return Packet{}, unix.EAFNOSUPPORT // no Ethernet, so no guest
	}
	return Packet{Ifindex: sa.Ifindex, Source: sa.Addr[:6:6], Data: buf[:n]}, nil
}

// spend counts a packet of an interface, and leaves the interface out for a while where it was one too many.
func (s *Socket) spend(ifindex int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.budget.spend(ifindex, time.Now(), func() { s.resume(ifindex) }) {
		return
	}
	s.pauses.Add(1)
	_ = s.attach(s.budget.pausedOnes()) // it fails only for want of memory, or on being closed; then all are read on
}

func (s *Socket) resume(ifindex int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.budget.resume(ifindex) {
		_ = s.attach(s.budget.pausedOnes())
	}
}

// htons turns a number into network byte order, in which a socket address holds its protocol.
func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
