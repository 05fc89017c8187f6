package rtnl

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// What the kernel refuses, by what a caller can do about it. An *Error matches them by its errno.
var (
	ErrNotFound    = errors.New("not found")               // ENODEV, ENOENT, ENXIO: no such link, or no such entry
	ErrExists      = errors.New("exists already")          // EEXIST
	ErrBusy        = errors.New("busy")                    // EBUSY: among others a driver that wants the link down
	ErrPermission  = errors.New("permission denied")       // EPERM, EACCES: CAP_NET_ADMIN is missing
	ErrUnsupported = errors.New("not supported")           // EOPNOTSUPP: the kernel or the driver lacks it
	ErrAddress     = errors.New("address not available")   // EADDRNOTAVAIL: the driver does not take this MAC
	ErrInterrupted = errors.New("interrupted by changes")  // a dump that could not be had in one piece
	ErrTimeout     = errors.New("no answer in time")       // nothing came within Timeout
	errOverflow    = errors.New("answer exceeds the room") // cannot happen unless a future kernel says much more of a link
)

// Error is the kernel's refusal of one request.
type Error struct {
	Op    string     // what was asked: "set mtu 9000 of ifindex 7"
	Errno unix.Errno // why not
	Text  string     // the kernel's own words (NLMSGERR_ATTR_MSG), often empty
}

// Error reads "set mtu 70000 of ifindex 7: invalid argument: mtu greater than device maximum".
func (e *Error) Error() string {
	s := e.Op + ": " + e.Errno.Error()
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap gives the errno, for errors.Is(err, unix.EINVAL).
func (e *Error) Unwrap() error { return e.Errno }

// Is matches the package's sentinels by errno.
func (e *Error) Is(target error) bool {
	switch e.Errno {
	case unix.ENODEV, unix.ENOENT, unix.ENXIO:
		return target == ErrNotFound
	case unix.EEXIST:
		return target == ErrExists
	case unix.EBUSY:
		return target == ErrBusy
	case unix.EPERM, unix.EACCES:
		return target == ErrPermission
	case unix.EOPNOTSUPP:
		return target == ErrUnsupported
	case unix.EADDRNOTAVAIL:
		return target == ErrAddress
	default:
		return false
	}
}

// parseAck reads NLMSG_ERROR, and NLMSG_DONE where that carries an error (struct nlmsgerr): nil when all went well.
func parseAck(m message) error {
	if len(m.payload) < 4 {
		if m.typ == unix.NLMSG_DONE {
			return nil // old kernels end a dump without a code
		}
		return errMalformed
	}
	code := int32(binary.NativeEndian.Uint32(m.payload))
	if code == 0 {
		return nil
	}
	return &Error{Errno: unix.Errno(-code), Text: ackText(m)}
}

// ackText finds the kernel's words behind the error code and the request it echoes.
func ackText(m message) string {
	if m.flags&unix.NLM_F_ACK_TLVS == 0 {
		return ""
	}
	skip := 4
	if m.typ == unix.NLMSG_ERROR {
		if len(m.payload) < skip+unix.SizeofNlMsghdr {
			return ""
		}
		echoed := unix.SizeofNlMsghdr
		if m.flags&unix.NLM_F_CAPPED == 0 {
			echoed = align(int(min(binary.NativeEndian.Uint32(m.payload[skip:]), maxMessage)))
		}
		skip += echoed
	}
	if skip > len(m.payload) {
		return ""
	}
	a := attrs{rest: m.payload[skip:]}
	for a.next() {
		if a.typ == nl.NLMSGERR_ATTR_MSG {
			return string(a.text())
		}
	}
	return ""
}
