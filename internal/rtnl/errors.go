package rtnl

import "vifd/internal/nlconn"

// What the kernel refuses, by what a caller can do about it. An *Error matches them by its errno.
var (
	ErrNotFound    = nlconn.ErrNotFound    // ENODEV, ENOENT, ENXIO: no such link, or no such entry
	ErrExists      = nlconn.ErrExists      // EEXIST
	ErrBusy        = nlconn.ErrBusy        // EBUSY: among others a driver that wants the link down
	ErrPermission  = nlconn.ErrPermission  // EPERM, EACCES: CAP_NET_ADMIN is missing
	ErrUnsupported = nlconn.ErrUnsupported // EOPNOTSUPP: the kernel or the driver lacks it
	ErrAddress     = nlconn.ErrAddress     // EADDRNOTAVAIL: the driver does not take this MAC
	ErrInterrupted = nlconn.ErrInterrupted // a dump that could not be had in one piece
	ErrTimeout     = nlconn.ErrTimeout     // nothing came within Timeout
)

// Error is the kernel's refusal of one request.
type Error = nlconn.Error
