package rtnl

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Timeout is how long a Conn waits for one answer. The kernel answers before sendto(2) returns, so that this is only met when
// something is badly wrong.
const Timeout = 5 * time.Second

// maxMessage is the room for one datagram: the most the kernel puts into one of a dump (netlink_recvmsg caps it at 32 KiB), and many times
// what it says of one link as long as virtual functions are not asked for.
const maxMessage = 32 << 10

// Conn is a lasting rtnetlink socket. It is safe for concurrent use; calls wait for each other.
type Conn struct {
	mu  sync.Mutex
	fd  int // -1 when closed
	buf []byte
}

// Dial opens a Conn in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	if err := prepare(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare rtnetlink socket: %w", err), unix.Close(fd))
	}
	return &Conn{fd: fd, buf: make([]byte, maxMessage)}, nil
}

// prepare connects fd to the kernel, so that nobody else's messages are let in (netlink_getsockbyportid refuses them).
func prepare(fd int) error {
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	tv := unix.NsecToTimeval(Timeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// Errors in words; without the request repeated; dumps filtered by the kernel. Kernels before 5.0 lack some: then there are no
	// words, the request is skipped, and what was not asked for is filtered out here.
	for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
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

// change sends a request and waits for the kernel's acknowledgement. op says, for the error, what was asked.
func (c *Conn) change(req *nl.NetlinkRequest, op func() string) error {
	req.Flags |= unix.NLM_F_ACK
	return describe(c.exchange(req, func(message) error { return nil }), op)
}

// exchange sends req and gives every message of the answer to each, until the kernel says that this was all. Callers must have
// a request answered: by an acknowledgement, by a single message, or by a dump.
func (c *Conn) exchange(req *nl.NetlinkRequest, each func(message) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	if _, err := unix.Write(c.fd, req.Serialize()); err != nil {
		return os.NewSyscallError("write", err)
	}
	var interrupted bool
	var refused error
	for {
		b, err := c.receive()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var m message
			if m, b, err = nextMessage(b); err != nil {
				return err
			}
			if m.seq != req.Seq {
				continue // the late answer to a request that was given up
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.typ == unix.NLMSG_ERROR || m.typ == unix.NLMSG_DONE:
				if err := parseAck(m); err != nil {
					return err
				}
				if interrupted {
					return ErrInterrupted
				}
				return refused
			case m.flags&unix.NLM_F_MULTI == 0:
				return each(m)
			case refused == nil:
				refused = each(m) // the rest of a dump is read all the same: left behind, it would block the next one
			}
		}
	}
}

// receive reads one datagram into the Conn's buffer.
func (c *Conn) receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR): // SO_RCVTIMEO rules out a restart by the kernel, signal(7)
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil, ErrTimeout
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(c.buf):
			return nil, fmt.Errorf("%w: %d bytes", errOverflow, n)
		}
		return c.buf[:n], nil
	}
}

// describe adds what was asked to an error.
func describe(err error, op func() string) error {
	if err == nil {
		return nil
	}
	var refused *Error
	if errors.As(err, &refused) {
		refused.Op = op()
		return refused
	}
	return fmt.Errorf("%s: %w", op(), err)
}
