package xenstore

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrClosed is what every call says after Close.
	ErrClosed = errors.New("the client is closed")
	// ErrUnavailable says that nobody answers at any of the Store's paths. It comes with the causes.
	ErrUnavailable = errors.New("xenstore is not to be had")
	// ErrUncertain says that a request was sent and its answer is missing: it may or may not have been done.
	ErrUncertain = errors.New("it may or may not have been done")
)

// Error is xenstored's refusal of one request.
type Error struct {
	Op, Path string        // what was asked: "read" of "/local/domain/3/name"; Path is "" for what has none
	Errno    syscall.Errno // why not; EINVAL where xenstored's word for it is unknown
	Text     string        // that unknown word, quoted; else empty
}

// Error reads "xenstore: read /local/domain/3/name: no such file or directory".
func (e *Error) Error() string {
	s := "xenstore: " + e.what() + ": " + e.Errno.Error()
	if e.Text != "" {
		s += " (xenstored says " + e.Text + ")"
	}
	return s
}

func (e *Error) what() string { return describe(e.Op, e.Path) }

// Unwrap gives the errno, for errors.Is(err, syscall.ENOENT) and, by Errno's own Is, fs.ErrNotExist and fs.ErrPermission.
func (e *Error) Unwrap() error { return e.Errno }

func describe(op, path string) string {
	if path == "" {
		return op
	}
	return fmt.Sprintf("%s %.200s", op, path)
}

// errnoOf translates xenstored's words: xsd_errors of xs_wire.h, which daemons of several ages and systems share, and what
// oxenstored says besides (oxenstored's process.ml).
func errnoOf(word string) (syscall.Errno, bool) {
	switch word {
	case "EINVAL":
		return syscall.EINVAL, true
	case "EACCES":
		return syscall.EACCES, true
	case "EEXIST":
		return syscall.EEXIST, true
	case "EISDIR":
		return syscall.EISDIR, true
	case "ENOENT":
		return syscall.ENOENT, true
	case "ENOMEM":
		return syscall.ENOMEM, true
	case "ENOSPC":
		return syscall.ENOSPC, true
	case "EIO":
		return syscall.EIO, true
	case "ENOTEMPTY":
		return syscall.ENOTEMPTY, true
	case "ENOSYS":
		return syscall.ENOSYS, true
	case "EROFS":
		return syscall.EROFS, true
	case "EBUSY":
		return syscall.EBUSY, true
	case "EAGAIN":
		return syscall.EAGAIN, true
	case "EISCONN":
		return syscall.EISCONN, true
	case "E2BIG":
		return syscall.E2BIG, true
	case "EPERM":
		return syscall.EPERM, true
	case "EQUOTA":
		return syscall.EDQUOT, true
	case "EDOM":
		return syscall.EDOM, true
	default:
		return syscall.EINVAL, false
	}
}

// maxWord is how much of an unknown word is kept, in bytes: the peer could send 4096 of them.
const maxWord = 64

// refusal is the error of an XS_ERROR; whoever asked fills in what.
func refusal(payload []byte) *Error {
	word := string(bytes.TrimSuffix(payload[:min(len(payload), maxWord)], []byte{0}))
	errno, known := errnoOf(word)
	if known {
		return &Error{Errno: errno}
	}
	return &Error{Errno: errno, Text: fmt.Sprintf("%q", word)}
}

// lostError is a request whose connection ended before its answer came.
type lostError struct {
	sent  bool // some of it, so that xenstored may have carried it out
	cause error
}

func (e *lostError) Error() string { return "the connection to xenstored was lost: " + e.cause.Error() }

func (e *lostError) Unwrap() error { return e.cause }

// isLost says whether err is of a lost connection, and whether the request had been sent.
func isLost(err error) (lost, sent bool) {
	var l *lostError
	if errors.As(err, &l) {
		return true, l.sent
	}
	return false, false
}

// explain says of an error what was being done to what. changes: the request would have changed something, so that a missing
// answer leaves open whether it did; unsent requests are not in doubt.
func explain(op, path string, changes bool, err error) error {
	if err == nil {
		return nil
	}
	var refused *Error
	if errors.As(err, &refused) {
		refused.Op, refused.Path = op, path
		return refused
	}
	if changes && inDoubt(err) {
		return fmt.Errorf("xenstore: %s: %w: %w", describe(op, path), ErrUncertain, err)
	}
	return fmt.Errorf("xenstore: %s: %w", describe(op, path), err)
}

// gaveUpError is a request whose context ended after it had been sent.
type gaveUpError struct{ cause error }

func (e *gaveUpError) Error() string { return "no answer from xenstored: " + e.cause.Error() }

func (e *gaveUpError) Unwrap() error { return e.cause }

func inDoubt(err error) bool {
	var gaveUp *gaveUpError
	_, sent := isLost(err)
	return sent || errors.As(err, &gaveUp)
}
