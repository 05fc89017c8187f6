package rtnl

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// Timeout is how long a Conn waits for one answer.
const Timeout = nlconn.Timeout

// Conn is a lasting rtnetlink socket. It is safe for concurrent use; calls wait for each other.
type Conn struct {
	conn *nlconn.Conn
}

// Dial opens a Conn in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	conn, err := nlconn.Dial(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	if err := conn.Control(prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare rtnetlink socket: %w", err), conn.Close())
	}
	return &Conn{conn: conn}, nil
}

// prepare asks for errors in words; without the request repeated; for dumps filtered by the kernel. Kernels before 5.0 lack some:
// then there are no words, the request is skipped, and what was not asked for is filtered out here.
func prepare(fd int) error {
	for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// Close releases the socket, once the call under way has ended. Calls made after it fail with os.ErrClosed.
func (c *Conn) Close() error { return c.conn.Close() }

// change sends a request and waits for the kernel's acknowledgement. op says, for the error, what was asked.
func (c *Conn) change(req *nl.NetlinkRequest, op func() string) error {
	return nlconn.Describe(c.conn.Ack(req), op)
}
