package nft

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// ErrUnknown says that the kernel's answer to a transaction was lost (ENOBUFS): it may or may not be in force.
var ErrUnknown = errors.New("the outcome of the nftables transaction is unknown")

// ErrLost says that somebody else has changed a table.
var ErrLost = errors.New("the tables are not as they were left")

// Drifted reports whether err can come from the kernel holding something else than is known.
func Drifted(err error) bool {
	return errors.Is(err, ErrLost) || errors.Is(err, ErrUnknown) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY)
}

// Error is the kernel's refusal of one part of a batch. Nothing of the batch is in force.
type Error struct {
	What  string // the part, as the batch's builder named it: `add element guest-mac { "vif1.0" . 00:16:3e:00:00:01 }`
	Errno syscall.Errno
	Text  string // the kernel's own words (extended acknowledgement), mostly empty

	Rule   string               // of a rule: its text in nft's syntax
	Family nftables.TableFamily // of a rule: its table's
}

func (e *Error) Error() string {
	text := e.Errno.Error()
	if e.Text != "" {
		text += ": " + e.Text
	}
	if hint := hints[e.Errno]; hint != "" {
		text += " (" + hint + ")"
	}
	return fmt.Sprintf("nft: %s: %s", e.What, text)
}

// Unwrap gives errors.Is the errno.
func (e *Error) Unwrap() error { return e.Errno }

// hints say what an errno of nf_tables mostly means.
var hints = map[syscall.Errno]string{
	unix.EPERM:      "this takes CAP_NET_ADMIN in the network namespace",
	unix.EOPNOTSUPP: "the kernel lacks what this needs",
	unix.EMSGSIZE:   "the batch is larger than the socket's send buffer",
}
