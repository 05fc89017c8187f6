package nlconn

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// What the kernel refuses, by what a caller can do about it. An *Error matches them by its errno.
var (
	ErrNotFound    = errors.New("not found")             // ENODEV, ENOENT, ENXIO
	ErrExists      = errors.New("exists already")        // EEXIST
	ErrBusy        = errors.New("busy")                  // EBUSY
	ErrPermission  = errors.New("permission denied")     // EPERM, EACCES
	ErrUnsupported = errors.New("not supported")         // EOPNOTSUPP
	ErrAddress     = errors.New("address not available") // EADDRNOTAVAIL
)

// What keeps an answer from being had.
var (
	ErrInterrupted = errors.New("interrupted by changes")    // it could not be had in one piece
	ErrTimeout     = errors.New("no answer in time")         // nothing came within Timeout
	ErrMalformed   = errors.New("malformed netlink message") // its lengths do not add up; the kernel does not send such

	errOverflow = errors.New("answer exceeds the room") // cannot happen unless a future kernel puts more into one datagram
	errLost     = fmt.Errorf("%w: %w", ErrInterrupted, unix.ENOBUFS)
)

// Error is the kernel's refusal of one request.
type Error struct {
	Op    string     // what was asked: "set mtu 9000 of ifindex 7"; empty until Describe
	Errno unix.Errno // why not
	Text  string     // the kernel's own words (NLMSGERR_ATTR_MSG), often empty
}

// Error reads "set mtu 70000 of ifindex 7: invalid argument: mtu greater than device maximum".
func (e *Error) Error() string {
	s := e.Errno.Error()
	if e.Op != "" {
		s = e.Op + ": " + s
	}
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

// Describe adds what was asked to an error; nil stays nil. op is called for an error only, so that success costs no words.
func Describe(err error, op func() string) error {
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

// verdict reads NLMSG_ERROR, and NLMSG_DONE where that carries an error (struct nlmsgerr): nil when all went well.
func verdict(m Message) error {
	if len(m.Payload) < 4 {
		if m.Type == unix.NLMSG_DONE {
			return nil // old kernels end a dump without a code
		}
		return ErrMalformed
	}
	code := int32(binary.NativeEndian.Uint32(m.Payload))
	if code == 0 {
		return nil
	}
	return &Error{Errno: unix.Errno(-code), Text: words(m)}
}

// words finds the kernel's words behind the error code and the request it echoes.
func words(m Message) string {
	if m.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return ""
	}
	skip := 4
	if m.Type == unix.NLMSG_ERROR {
		if len(m.Payload) < skip+unix.SizeofNlMsghdr {
			return ""
		}
		echoed := unix.SizeofNlMsghdr
		if m.Flags&unix.NLM_F_CAPPED == 0 {
			echoed = align(int(min(binary.NativeEndian.Uint32(m.Payload[skip:]), maxMessage)))
		}
		skip += echoed
	}
	if skip > len(m.Payload) {
		return ""
	}
	a := Attributes(m.Payload[skip:])
	for a.Next() {
		if a.Type == nl.NLMSGERR_ATTR_MSG {
			return string(a.Text())
		}
	}
	return ""
}
