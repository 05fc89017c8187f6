package uevent

import (
	"fmt"
	"syscall"

	udev "github.com/pilebones/go-udev/netlink"
	"golang.org/x/sys/unix"
)

// A Source is one that sends uevents.
type Source int

const (
	// Kernel sends an event as soon as it happens.
	Kernel Source = iota + 1
	// Udev is udevd, which sends an event after it has handled it, with the properties its rules have set.
	Udev
)

// ParseSource is the inverse of String.
func ParseSource(name string) (Source, error) {
	for _, s := range []Source{Kernel, Udev} {
		if name == s.String() {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown source of uevents %q: want %q or %q", name, Kernel, Udev)
}

// String is "kernel" or "udev".
func (s Source) String() string {
	switch s {
	case Kernel:
		return "kernel"
	case Udev:
		return "udev"
	default:
		return fmt.Sprintf("source(%d)", int(s))
	}
}

// mode is go-udev's word for the source. Its value is the mask of the netlink group, which is also the group's number.
func (s Source) mode() udev.Mode {
	if s == Udev {
		return udev.UdevEvent
	}
	return udev.KernelEvent
}

// connect opens a socket on the source's events, which is the caller's.
func connect(s Source) (fd int, err error) {
	// The library opens the socket without SOCK_CLOEXEC: no child may be forked before that has been made good.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn := udev.UEventConn{NetlinkConn: udev.NetlinkConn{Fd: -1}}
	if err := conn.Connect(s.mode()); err != nil {
		// Where bind has failed the library has closed conn.Fd but kept its number, which may be another file's by now.
		return -1, fmt.Errorf("listening to uevents of the %s: %w", s, err)
	}
	unix.CloseOnExec(conn.Fd)
	return conn.Fd, nil
}
