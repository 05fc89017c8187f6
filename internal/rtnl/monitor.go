package rtnl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
	"vifd/internal/nlsock"
)

// MonitorBuffer is the receive buffer a Monitor asks for, in bytes: room for the messages of tens of thousands of links
// while nobody reads. The kernel takes memory for it only as messages come.
const MonitorBuffer = 128 << 20

// Sink takes what a Monitor hears. Its methods are called one after the other by the goroutine in Run and must not block: what
// they keep the Monitor from reading may overflow.
type Sink interface {
	// Link tells what a link looks like now, or, with gone, that it is no more: then only Index and Name are of use. It is a
	// hint: several may tell the same, and all may be overtaken. A bridge's word about its port is Partial.
	Link(l Link, gone bool)

	// Overflow tells that messages were lost; what was still there has been given to Link. The kernel has to be asked for everything.
	Overflow()
}

// Monitor listens to RTNLGRP_LINK: links that come, go, change their name, MAC, MTU, flags, carrier or master, and bridge
// ports whose flags change. Of a new alias or group the kernel tells only while the link is up (netdev_state_change).
type Monitor struct {
	sock   *nlsock.Socket
	limit  int // messages the queue cannot exceed
	forced bool
	alien  atomic.Uint64
}

// OpenMonitor begins to listen, in the network namespace of the calling thread, with a receive buffer of the given size in bytes (MonitorBuffer,
// but for tests). What happens from now on is queued until Run.
func OpenMonitor(buffer int) (*Monitor, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open link monitor: %w", os.NewSyscallError("socket", err))
	}
	sock, err := nlsock.Wrap(fd, "rtnetlink link group")
	if err != nil {
		return nil, fmt.Errorf("open link monitor: %w", err)
	}
	m := &Monitor{sock: sock}
	if err := m.listen(fd, buffer); err != nil {
		return nil, fmt.Errorf("open link monitor: %w", errors.Join(err, sock.Close()))
	}
	return m, nil
}

// listen joins the group once there is room for what it sends.
func (m *Monitor) listen(fd, buffer int) (err error) {
	if _, m.forced, err = m.sock.ForceReceiveBuffer(buffer); err != nil {
		return err
	}
	if m.limit, err = m.sock.QueueLimit(); err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_LINK - 1)}))
}

// Forced tells whether the receive buffer could be made as large as asked for in spite of net.core.rmem_max.
func (m *Monitor) Forced() bool { return m.forced }

// Alien counts the messages that were thrown away because they came from a process, not the kernel.
func (m *Monitor) Alien() uint64 { return m.alien.Load() }

// Close ends Run. It may be called at any time, from any goroutine.
func (m *Monitor) Close() error { return m.sock.Close() }

// Run gives sink what is heard until ctx ends, and returns the context's error; or another one, when the socket is closed or broken.
func (m *Monitor) Run(ctx context.Context, sink Sink) error {
	for {
		msg, err := m.sock.Receive(ctx)
		switch {
		case err == nil:
			if !m.deliver(msg, sink) {
				sink.Overflow()
			}
		case errors.Is(err, nlsock.ErrOverflow), errors.Is(err, nlsock.ErrTruncated):
			if err := m.drain(ctx, sink); err != nil {
				return err
			}
			sink.Overflow()
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return fmt.Errorf("listen for link changes: %w", err)
		}
	}
}

// drain reads until the queue has been empty at some moment: before that the kernel drops what is new, so that whoever asked it for
// everything sooner could miss it.
func (m *Monitor) drain(ctx context.Context, sink Sink) error {
	for range m.limit {
		msg, err := m.sock.TryReceive()
		switch {
		case err == nil:
			m.deliver(msg, sink) // whatever it lacks, everything is asked for after this
		case errors.Is(err, nlsock.ErrWouldBlock):
			return nil
		case errors.Is(err, nlsock.ErrOverflow), errors.Is(err, nlsock.ErrTruncated):
		default:
			return fmt.Errorf("listen for link changes: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// deliver reads all messages of a datagram; false where one could not be read, so that something may have been missed.
func (m *Monitor) deliver(msg nlsock.Message, sink Sink) bool {
	if msg.Port != 0 { // a process with CAP_NET_ADMIN may send to the group too
		m.alien.Add(1)
		return true
	}
	whole := true
	for b := msg.Data; len(b) > 0; {
		var one nlconn.Message
		var err error
		if one, b, err = nlconn.NextMessage(b); err != nil {
			return false
		}
		if one.Type != unix.RTM_NEWLINK && one.Type != unix.RTM_DELLINK {
			continue
		}
		l, err := parseLink(one.Payload)
		if err != nil {
			whole = false
			continue
		}
		gone := one.Type == unix.RTM_DELLINK
		if gone && l.Partial { // the port has left the bridge; the link is still there
			gone, l.Master, l.Port = false, 0, nil
		}
		sink.Link(l, gone)
	}
	return whole
}
