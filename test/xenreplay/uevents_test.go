package xenreplay

import (
	"strings"
	"testing"
	"time"
)

// event is one recorded message of the kernel's.
type event struct {
	at      time.Duration // since boot
	message []byte        // as it was sent
	env     map[string]string
}

func (e *event) is(subsystem, action string) bool {
	return e.env["SUBSYSTEM"] == subsystem && e.env["ACTION"] == action
}

// readEvents reads what udevadm monitor --kernel --property wrote. Properties are in the kernel's order.
func readEvents(t testing.TB, file string) []*event {
	t.Helper()
	c := open(t, file)
	var events []*event
	for c.more() {
		m := c.match(`KERNEL\[([0-9.]+)\] (\w+) +(/\S+) \((\S+)\)`)
		e := &event{at: c.seconds(m[0]), env: make(map[string]string)}
		message := m[1] + "@" + m[2] + "\x00"
		for c.more() && c.lines[c.line] != "" {
			key, value, ok := strings.Cut(c.next(), "=")
			if _, twice := e.env[key]; !ok || twice {
				c.fail("%q is no property, or there twice", key)
			}
			e.env[key] = value
			message += key + "=" + value + "\x00"
		}
		if e.env["ACTION"] != m[1] || e.env["DEVPATH"] != m[2] || e.env["SUBSYSTEM"] != m[3] || e.env["SEQNUM"] == "" {
			c.fail("the properties %v are not those of %s %s", e.env, m[1], m[2])
		}
		if len(events) > 0 && e.at < events[len(events)-1].at {
			c.fail("it is older than the one before")
		}
		e.message = []byte(message)
		events = append(events, e)
		if c.more() {
			c.match("")
		}
	}
	return events
}
