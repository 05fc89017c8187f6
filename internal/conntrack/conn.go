package conntrack

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

var (
	// ErrUnsupported says that the kernel tracks no connections: there is no flow, and none can come to be.
	ErrUnsupported = errors.New("the kernel has no connection tracking")
	// ErrInterrupted says that a list could not be had in one piece.
	ErrInterrupted = nlconn.ErrInterrupted
	// ErrTimeout says that no answer came within Timeout.
	ErrTimeout = nlconn.ErrTimeout

	// errBlind says that flows may exist which nobody can see.
	errBlind = errors.New("the kernel tracks connections, but lacks ctnetlink to tell of them (module nf_conntrack_netlink)")
)

// tracking is a file that nf_conntrack makes in every network namespace.
const tracking = "/proc/sys/net/netfilter/nf_conntrack_max"

// Conn is a lasting netlink socket to the connection tracking of one network namespace.
type Conn struct {
	conn *nlconn.Conn
}

// Dial opens a Conn in the calling thread's network namespace. ErrUnsupported where there is nothing to connect to; a module
// that is installed is loaded by the attempt.
func Dial() (*Conn, error) {
	conn, err := nlconn.Dial(unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		err = absence(err)
	}
	if err != nil {
		return nil, fmt.Errorf("dial conntrack: %w", err)
	}
	c := &Conn{conn: conn}
	if err := c.probe(unix.NFNL_SUBSYS_CTNETLINK); err != nil {
		return nil, errors.Join(fmt.Errorf("dial conntrack: %w", err), c.Close())
	}
	return c, nil
}

// probe asks how many flows there are, for the answer's sake: nfnetlink_rcv_msg refuses what is for a subsystem that it does
// not have with EINVAL, which could mean anything in the answer to a later request.
func (c *Conn) probe(subsystem int) error {
	req := nl.NewNetlinkRequest(subsystem<<8|getStats, 0)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	err := c.conn.Ack(req)
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
func (c *Conn) Close() error { return c.conn.Close() }
