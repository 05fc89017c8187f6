package uevent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	udev "github.com/pilebones/go-udev/netlink"

	"vifd/internal/nlsock"
)

var (
	errTooLong = errors.New("longer than any event")
	errNoNUL   = errors.New("not closed by a NUL")
)

// parse takes a message of the source apart. It takes what go-udev's ParseUEvent takes, and means the same by it, and also
// what real devices send and ParseUEvent does not take: '=' in values, '@' in paths, empty properties, new actions.
func (s Source) parse(data []byte) (udev.UEvent, error) {
	if len(data) > nlsock.MaxMessage {
		return udev.UEvent{}, errTooLong
	}
	if s == Udev {
		return parseUdev(data)
	}
	return parseKernel(data)
}

// isQueue tells, without parsing it, whether a message is of an rx or tx queue. Each interface comes with several.
func (s Source) isQueue(data []byte) bool {
	if s == Udev {
		return bytes.Contains(data, []byte("\x00SUBSYSTEM=queues\x00"))
	}
	header, _, _ := bytes.Cut(data, []byte{0})
	return bytes.Contains(header, []byte("/queues/"))
}

// parseKernel parses ACTION@DEVPATH NUL, followed by KEY=VALUE NUL for each property (lib/kobject_uevent.c).
func parseKernel(data []byte) (udev.UEvent, error) {
	header, rest, ok := strings.Cut(string(data), "\x00") // one copy, of which all strings are parts
	if !ok {
		return udev.UEvent{}, errNoNUL
	}
	action, devpath, ok := strings.Cut(header, "@")
	if !ok || action == "" || !strings.HasPrefix(devpath, "/") {
		return udev.UEvent{}, fmt.Errorf("header %q is not ACTION@/DEVPATH", header)
	}
	env, err := parseProperties(rest)
	if err != nil {
		return udev.UEvent{}, err
	}
	return udev.UEvent{Action: udev.KObjAction(action), KObj: devpath, Env: env}, nil
}

// The header of a message of udevd's (struct monitor_netlink_header in systemd's src/libsystemd/sd-device/device-monitor.c).
// The magic number is big-endian, the other numbers are as the processor has them.
const (
	udevPrefix    = "libudev\x00"
	udevMagic     = uint32(0xfeedcafe)
	udevMagicAt   = 8
	udevOffsetAt  = 16 // where the properties begin, from the beginning of the message
	udevLengthAt  = 20 // how many bytes they have
	udevHeaderLen = 40
)

// parseUdev parses udevd's header and the properties it points to.
func parseUdev(data []byte) (udev.UEvent, error) {
	if len(data) < udevHeaderLen || string(data[:len(udevPrefix)]) != udevPrefix {
		return udev.UEvent{}, errors.New("no header of libudev")
	}
	if magic := binary.BigEndian.Uint32(data[udevMagicAt:]); magic != udevMagic {
		return udev.UEvent{}, fmt.Errorf("magic number %#x, not %#x", magic, udevMagic)
	}
	// 64 bits, in which the sum of two 32-bit numbers cannot overflow.
	offset := uint64(binary.NativeEndian.Uint32(data[udevOffsetAt:]))
	end := offset + uint64(binary.NativeEndian.Uint32(data[udevLengthAt:]))
	if offset < udevHeaderLen || end > uint64(len(data)) {
		return udev.UEvent{}, fmt.Errorf("properties from byte %d to %d of a message of %d", offset, end, len(data))
	}
	env, err := parseProperties(string(data[offset:end]))
	if err != nil {
		return udev.UEvent{}, err
	}
	action, devpath := strings.ToLower(env["ACTION"]), env["DEVPATH"]
	if action == "" || !strings.HasPrefix(devpath, "/") {
		return udev.UEvent{}, fmt.Errorf("ACTION %q and DEVPATH %q say of no device", action, devpath)
	}
	return udev.UEvent{Action: udev.KObjAction(action), KObj: devpath, Env: env}, nil
}

// parseProperties parses KEY=VALUE strings, each closed by a NUL. A string that is none is left out: the other properties
// are no less true for it. Of a key that comes twice the last value counts.
func parseProperties(s string) (map[string]string, error) {
	if s != "" && s[len(s)-1] != 0 {
		return nil, errNoNUL
	}
	env := make(map[string]string, 8)
	for s != "" {
		var property string
		property, s, _ = strings.Cut(s, "\x00")
		if key, value, ok := strings.Cut(property, "="); ok && key != "" {
			env[key] = value
		}
	}
	return env, nil
}
