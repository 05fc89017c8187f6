package nlconn

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Timeout is how long a Conn waits for one answer. The kernel answers before sendto(2) returns, so that this is only met when
// something is badly wrong.
const Timeout = 5 * time.Second

// maxMessage is the room for one datagram: the most the kernel puts into one of a dump (netlink_recvmsg caps it at 32 KiB), and many
// times what it says of one link as long as virtual functions are not asked for.
const maxMessage = 32 << 10

// Conn is a lasting netlink socket. It is safe for concurrent use; calls wait for each other.
type Conn struct {
	mu  sync.Mutex
	fd  int // -1 when closed
	buf []byte
}

// Dial opens a Conn to a protocol of the kernel's (unix.NETLINK_*), in the network namespace of the calling thread.
func Dial(protocol int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return Wrap(fd), nil
}

// prepare connects fd to the kernel, so that nobody else's messages are let in (netlink_getsockbyportid refuses them).
func prepare(fd int) error {
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	tv := unix.NsecToTimeval(Timeout.Nanoseconds())
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// Wrap takes over a socket that is connected to the kernel, or to what stands in for it; Close closes it.
func Wrap(fd int) *Conn { return &Conn{fd: fd, buf: make([]byte, maxMessage)} }

// Control gives f the socket, for options that not every protocol wants, once the call under way has ended. os.ErrClosed after Close.
func (c *Conn) Control(f func(fd int) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	return f(c.fd)
}

// Close releases the socket, once the call under way has ended. Calls made after it fail with os.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// receive reads one datagram into the Conn's buffer. flags are recvfrom(2)'s.
func (c *Conn) receive(flags int) ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC|flags)
		switch {
		case errors.Is(err, unix.EINTR): // SO_RCVTIMEO rules out a restart by the kernel, signal(7)
			continue
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(c.buf):
			return nil, fmt.Errorf("%w: %d bytes", errOverflow, n)
		}
		return c.buf[:n], nil
	}
}
