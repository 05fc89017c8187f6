package record

import (
	"errors"
	"io"
	"strings"
	"time"

	"vifd/internal/lazy"
)

// udevadmLine is the head of an event as `udevadm monitor` prints it: who sent it, seconds since the host was started, the action, the device's path and its
// subsystem (print_device in systemd's src/udev/udevadm-monitor.c).
var udevadmLine = lazy.Regexp(`^(KERNEL|UDEV  )\[([0-9]+\.[0-9]+)\] (\S+) +(/.*) \((\S*)\)$`)

// udevadmHead skips what udevadm says before the first event.
func (r *Reader) udevadmHead() error {
	for {
		line, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("it holds no event, neither vifd's nor of udevadm monitor")
		case err != nil:
			return err
		case udevadmLine().MatchString(line):
			r.back(line)
			r.source, r.udev = "kernel", true
			return nil
		case line == "", strings.HasPrefix(line, "monitor will print "), strings.HasPrefix(line, "KERNEL - "), strings.HasPrefix(line, "UDEV - "):
		default:
			return r.fail("%q begins neither a recording of vifd (%q) nor one of udevadm monitor", line, magic)
		}
	}
}

// udevadm reads an event whose first line is head, and makes the kernel's message of it: ACTION@DEVPATH, and the properties as they follow.
func (r *Reader) udevadm(head string) (Event, error) {
	m := udevadmLine().FindStringSubmatch(head)
	if m == nil {
		return Event{}, r.fail("%q is no event as udevadm monitor prints it", head)
	}
	at, err := time.ParseDuration(m[2] + "s")
	if err != nil {
		return Event{}, r.fail("%v", err)
	}
	if r.n == 1 {
		r.begin = at
	}
	ev := Event{N: r.n, At: at - r.begin, Message: []byte(m[3] + "@" + m[4] + "\x00")}
	properties := false
	for {
		line, err := r.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return Event{}, err
		}
		if err != nil || line == "" {
			break
		}
		properties = true
		ev.Message = append(ev.Message, line...)
		ev.Message = append(ev.Message, 0)
	}
	if !properties {
		return Event{}, r.fail("the event has no properties: they were recorded without --property")
	}
	return ev, nil
}
