package xenstore

import (
	"errors"
	"fmt"
	"strings"
)

// How long a path may be, in bytes: XENSTORE_ABS_PATH_MAX and XENSTORE_REL_PATH_MAX (xs_wire.h). A daemon may allow less.
const (
	maxAbsolute = 3072
	maxRelative = 2048
)

// ErrPath is a path that xenstore does not know the like of; nothing was sent.
var ErrPath = errors.New("not a path of xenstore")

// ErrTooLong is a path with its value that does not fit into a message; nothing was sent.
var ErrTooLong = errors.New("too long for xenstore")

// checkPath holds path against docs/misc/xenstore.txt. A path without a slash at the beginning is the connection's own domain's.
func checkPath(path string) error {
	limit := maxRelative
	if strings.HasPrefix(path, "/") {
		limit = maxAbsolute
	}
	why := ""
	switch {
	case path == "":
		why = "it is empty"
	case len(path) > limit:
		return fmt.Errorf("%w: %.40q... has %d bytes, at most %d are allowed", ErrPath, path, len(path), limit)
	case path != "/" && strings.HasSuffix(path, "/"):
		why = "it ends with a slash"
	case strings.Contains(path, "//"):
		why = "it has two slashes in a row"
	default:
		for i := range len(path) {
			if !allowed(path[i]) {
				why = fmt.Sprintf("%q is not allowed in it", path[i:i+1])
				break
			}
		}
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: %.200q: %s", ErrPath, path, why)
}

func allowed(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-/_@", c) >= 0
}

// pathPayload is path and what follows it, each ended by a NUL.
func pathPayload(path string, more ...string) ([]byte, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	payload := append([]byte(path), 0)
	for _, s := range more {
		payload = append(append(payload, s...), 0)
	}
	return payload, checkLength(payload, maxPayload)
}

// writePayload is path, a NUL, and any bytes.
func writePayload(path, value string) ([]byte, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	payload := append(append([]byte(path), 0), value...)
	return payload, checkLength(payload, maxPayload)
}

// checkLength is asked before sending: xenstored ends the connection of whoever sends more.
func checkLength(payload []byte, limit int) error {
	if len(payload) > limit {
		return fmt.Errorf("%w: path and value have %d bytes, at most %d are carried", ErrTooLong, len(payload), limit)
	}
	return nil
}
