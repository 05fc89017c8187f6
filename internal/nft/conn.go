package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

const (
	sendBuffer    = 64 << 20 // of the largest batch: a message that does not fit is refused with EMSGSIZE
	receiveBuffer = 16 << 20 // for the errors of a batch, each a few hundred bytes
	replySize     = 64 << 10 // of one recvmsg: larger than what the kernel puts into one datagram of a dump
	dumpTimeout   = 5        // seconds
	dumpRetries   = 20       // on a host whose rules change all the time
)

// Conn is a netlink socket to nf_tables. It lasts: closing one waits for the kernel to free what transactions deleted.
type Conn struct {
	mu    sync.Mutex
	fd    int
	seq   uint32
	reply []byte
}

// Dial opens a Conn in the calling thread's network namespace.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("nft: open netlink socket: %w", err)
	}
	if err := setup(fd); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("nft: set up netlink socket: %w", err)
	}
	return &Conn{fd: fd, reply: make([]byte, replySize)}, nil
}

func setup(fd int) error {
	// Forcing takes CAP_NET_ADMIN; without it transactions are refused anyway, and dumps are content with less.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: dumpTimeout}); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Commit carries b out: nil means that all of it is in force. See the package for its errors; the kernel refuses every part
// that it does not like, and they are joined.
func (c *Conn) Commit(b *Batch) error { return c.transact(b, true) }

// Check asks the kernel whether it would take b, and changes nothing: a batch without its end is validated, then dropped
// (nfnetlink_rcv_batch, net/netfilter/nfnetlink.c).
func (c *Conn) Check(b *Batch) error { return c.transact(b, false) }

func (c *Conn) transact(b *Batch, commit bool) error {
	if b.err == nil && b.Len() == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.seq + 1
	buf, err := b.encode(first, commit)
	if err != nil {
		return err
	}
	c.seq = first + uint32(b.Len()) + 1
	if err := unix.Sendto(c.fd, buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return &Error{What: fmt.Sprintf("send %d messages, %d bytes", b.Len(), len(buf)), Errno: errno}
	}
	return c.verdict(b, first)
}

// verdict reads the answer to the batch whose begin has the number first. The kernel works a batch off within sendmsg, so
// that every answer is in the receive queue by now and nothing needs to be waited for.
func (c *Conn) verdict(b *Batch, first uint32) error {
	last := first + uint32(b.Len())
	var refusals []error
	acked, lost := false, false
	for {
		n, _, err := unix.Recvfrom(c.fd, c.reply, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			switch {
			case len(refusals) == 1:
				return refusals[0]
			case len(refusals) > 1:
				return errors.Join(refusals...)
			case lost || !acked:
				return ErrUnknown
			}
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			continue
		case err != nil:
			return fmt.Errorf("nft: receive answer: %w: %w", ErrUnknown, err)
		}
		for m := range messages(c.reply[:n]) {
			// Numbers from before first are late answers to a batch whose outcome was given up as unknown.
			if m.kind != unix.NLMSG_ERROR || m.seq-first > last-first || len(m.data) < 4 {
				continue
			}
			errno := syscall.Errno(-int32(native.Uint32(m.data)))
			switch {
			case errno == 0:
				acked = acked || m.seq == last
			default:
				refusals = append(refusals, b.refusal(m.seq-first, errno, m.extendedAck()))
			}
		}
	}
}

// refusal is the kernel's answer to the message with number i of the batch's; 0 is its begin.
func (b *Batch) refusal(i uint32, errno syscall.Errno, text string) *Error {
	if i == 0 || int(i) > len(b.parts) {
		return &Error{What: "transaction", Errno: errno, Text: text}
	}
	p := &b.parts[i-1]
	return &Error{What: p.what, Errno: errno, Text: text, Rule: p.rule, Family: p.family}
}
