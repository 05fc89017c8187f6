package conntrack

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

// maxMessage is the most the kernel puts into one datagram of a dump (netlink_recvmsg caps it at 32 KiB).
const maxMessage = 32 << 10

var (
	// ErrUnsupported says that the kernel tracks no connections: there is no flow, and none can come to be.
	ErrUnsupported = errors.New("the kernel has no connection tracking")
	// ErrInterrupted says that a list could not be had in one piece.
	ErrInterrupted = errors.New("interrupted by changes")
	// ErrTimeout says that no answer came within Timeout.
	ErrTimeout = errors.New("no answer in time")

	// errBlind says that flows may exist which nobody can see.
	errBlind = errors.New("the kernel tracks connections, but lacks ctnetlink to tell of them (module nf_conntrack_netlink)")
)

// tracking is a file that nf_conntrack makes in every network namespace.
const tracking = "/proc/sys/net/netfilter/nf_conntrack_max"

// Conn is a lasting netlink socket to the connection tracking of one network namespace.
type Conn struct {
	mu  sync.Mutex
	fd  int // -1 when closed
	buf []byte
}

// Dial opens a Conn in the calling thread's network namespace. ErrUnsupported where there is nothing to connect to; a module
// that is installed is loaded by the attempt.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, fmt.Errorf("dial conntrack: %w", absence(err))
	}
	if err != nil {
		return nil, fmt.Errorf("dial conntrack: %w", os.NewSyscallError("socket", err))
	}
	c := &Conn{fd: fd, buf: make([]byte, maxMessage)}
	err = c.prepare()
	if err == nil {
		err = c.probe(unix.NFNL_SUBSYS_CTNETLINK)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dial conntrack: %w", err), unix.Close(fd))
	}
	return c, nil
}

// prepare connects the socket to the kernel, so that nobody else's messages are let in (netlink_getsockbyportid).
func (c *Conn) prepare() error {
	if err := unix.Connect(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	tv := unix.NsecToTimeval(Timeout.Nanoseconds())
	return os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
}

// probe asks how many flows there are, for the answer's sake: nfnetlink_rcv_msg refuses what is for a subsystem that it does
// not have with EINVAL, which could mean anything in the answer to a later request.
func (c *Conn) probe(subsystem int) error {
	req := nl.NewNetlinkRequest(subsystem<<8|getStats, unix.NLM_F_ACK)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	err := c.exchange(req, func([]byte) error { return nil })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return absence(err)
	}
	return err
}

// absence says what it means that the kernel knows nothing of ctnetlink.
func absence(err error) error {
	if _, gone := os.Stat(tracking); gone == nil {
		return fmt.Errorf("%w: %w", errBlind, err)
	}
	return fmt.Errorf("%w: %w", ErrUnsupported, err)
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

// exchange sends req and gives the payload of every message of the answer to each, until the kernel says that this was all. Callers
// must have a request acknowledged, or answered by a dump.
func (c *Conn) exchange(req *nl.NetlinkRequest, each func(payload []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	if _, err := unix.Write(c.fd, req.Serialize()); err != nil {
		return os.NewSyscallError("write", err)
	}
	interrupted, wait := false, 0
	var refused error
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC|wait)
		switch {
		case errors.Is(err, unix.EINTR): // SO_RCVTIMEO rules out a restart by the kernel, signal(7)
			continue
		case errors.Is(err, unix.ENOBUFS):
			// Something is missing, maybe the end. What is there is read; the kernel goes on with a dump within recvmsg, so that an
			// empty queue is an end as well.
			interrupted, wait = true, unix.MSG_DONTWAIT
			continue
		case errors.Is(err, unix.EAGAIN) && wait != 0:
			return ErrInterrupted
		case errors.Is(err, unix.EAGAIN):
			return ErrTimeout
		case err != nil:
			return os.NewSyscallError("recvfrom", err)
		case n > len(c.buf):
			return fmt.Errorf("%w: %d bytes in one datagram", errMalformed, n)
		}
		for b := c.buf[:n]; len(b) > 0; {
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
				err := m.verdict()
				if errors.Is(err, unix.ENOBUFS) { // there was no room to begin with: a dump goes on all the same as room is made
					interrupted, wait = true, unix.MSG_DONTWAIT
					continue
				}
				if err != nil {
					return err
				}
				if interrupted {
					return ErrInterrupted
				}
				return refused
			case refused == nil:
				refused = each(m.payload) // the rest of a dump is read all the same: left behind, it would block the next one
			}
		}
	}
}
