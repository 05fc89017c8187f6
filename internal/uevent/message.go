package uevent

import (
	"fmt"

	"vifd/internal/vif"
)

// Message makes an event of one message of the source's, by what Run makes of it; but it does not ask who sent it, and counts
// nothing. False, without an error: a message that a Sink is not told of, a queue's or another subsystem's.
func (s Source) Message(data []byte) (vif.Event, bool, error) {
	if s.isQueue(data) {
		return vif.Event{}, false, nil
	}
	u, err := s.parse(data)
	if err != nil {
		return vif.Event{}, false, fmt.Errorf("uevent of the %s: %w", s, err)
	}
	if subsystem := u.Env["SUBSYSTEM"]; subsystem != "net" && subsystem != "xen-backend" {
		return vif.Event{}, false, nil
	}
	ev, err := newEvent(u)
	if err != nil {
		return vif.Event{}, false, fmt.Errorf("uevent of the %s: %w", s, err)
	}
	return ev, true, nil
}
