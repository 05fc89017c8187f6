package nlsock

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxMessage is the longest message that can be received, in bytes. The kernel's own are far shorter: a uevent has at most
// UEVENT_BUFFER_SIZE (2 KiB) of properties, an RTM_NEWLINK some KiB; udevd's are bounded by this number in its fuzzers.
const MaxMessage = 64 << 10

// minTruesize is less than what any message takes of a receive buffer: a struct sk_buff and a struct skb_shared_info.
const minTruesize = 512

// A Socket is a netlink socket to receive from. It must be made by Wrap.
type Socket struct {
	name string
	file *os.File
	raw  syscall.RawConn
	// closed tells that an error of the poller means Close: it has no exported one for that.
	closed atomic.Bool

	recv    receiver
	onReady func(fd uintptr) bool // recv.once; made once, because making it allocates

	done <-chan struct{} // of the context that the read deadline follows
	stop func()          // makes it follow no longer
}

// Wrap takes over fd, a bound AF_NETLINK socket: it is closed by the Socket's Close, or by Wrap where that fails. The socket
// is made non-blocking and close-on-exec; name is for messages.
func Wrap(fd int, name string) (*Socket, error) {
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd) // the failure to be told is the first one
		return nil, fmt.Errorf("netlink socket %s: %w", name, err)
	}
	s := &Socket{name: name, file: os.NewFile(uintptr(fd), name)}
	s.recv.init()
	s.onReady = s.recv.once
	var err error
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = s.file.SetReadDeadline(time.Time{}) // fails where the runtime's poller has not taken the descriptor
	}
	if err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("netlink socket %s: giving it to the poller: %w", name, err)
	}
	return s, nil
}

func prepare(fd int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("reading the address family: %w", err)
	}
	if domain != unix.AF_NETLINK {
		return fmt.Errorf("address family %d is not AF_NETLINK", domain)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("making it non-blocking: %w", err)
	}
	return nil
}

// PassCredentials makes the kernel hand over the sender's credentials with each message, those already queued included.
func (s *Socket) PassCredentials() error {
	err := s.control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	if err != nil {
		return fmt.Errorf("netlink socket %s: SO_PASSCRED: %w", s.name, err)
	}
	return nil
}

// ForceReceiveBuffer asks for a receive buffer of n bytes and returns the size in effect by the kernel's own count, which is
// twice what was asked for (socket(7)). Forced tells whether the limit net.core.rmem_max could be passed, which takes
// CAP_NET_ADMIN in the first user namespace; without it the buffer is as large as that limit lets it be.
func (s *Socket) ForceReceiveBuffer(n int) (got int, forced bool, err error) {
	err = s.control(func(fd int) error {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n)
		forced = err == nil
		if errors.Is(err, unix.EPERM) {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n)
		}
		if err != nil {
			return err
		}
		got, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("netlink socket %s: setting a receive buffer of %d bytes: %w", s.name, n, err)
	}
	return got, forced, nil
}

// QueueLimit is a number of messages that the receive queue cannot exceed. Once so many have been received after an
// overflow, the queue has been empty at some moment and the kernel queues again.
func (s *Socket) QueueLimit() (int, error) {
	var size int
	err := s.control(func(fd int) (err error) {
		size, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("netlink socket %s: reading the receive buffer's size: %w", s.name, err)
	}
	return size/minTruesize + 1, nil
}

// Close closes the socket. A Receive that waits returns net.ErrClosed, as does every one after.
func (s *Socket) Close() error {
	s.closed.Store(true)
	return s.file.Close()
}

func (s *Socket) control(f func(fd int) error) error {
	var err error
	if cerr := s.raw.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}
