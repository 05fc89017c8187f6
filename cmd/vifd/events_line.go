package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/vif"
)

// States of an event's interface that no vif has.
const (
	stateGone = "gone"
	stateHost = "host" // it is the host's own, about which no rule is asked
)

// eventLine is one event and what comes of it, as events and replay print it.
type eventLine struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Number     int       `json:"number"`
	Time       string    `json:"time,omitempty"` // RFC 3339; none where a recording does not say
	Event      eventHead `json:"event"`
	Rule       string    `json:"rule"`
	Action     string    `json:"action"`
	Network    string    `json:"network"`
	State      string    `json:"state"` // of the vif, if this were carried out; or gone, host
	Reason     string    `json:"reason,omitempty"`
	Plan       []string  `json:"plan,omitempty"` // replay's: what would be done

	clock string // the time for people
}

type eventHead struct {
	Action    string `json:"action"`
	Subsystem string `json:"subsystem"`
	Interface string `json:"interface"`
	Ifindex   int    `json:"ifindex"`
}

func newEventLine(n int, ev *vif.Event) *eventLine {
	return &eventLine{
		APIVersion: ctl.APIVersion, Kind: "Event", Number: n,
		Event: eventHead{Action: ev.Action, Subsystem: ev.Subsystem, Interface: ev.Interface, Ifindex: ev.Ifindex},
	}
}

// take notes what a plan is.
func (l *eventLine) take(p *handler.Plan) {
	l.Rule, l.Action, l.Network, l.State, l.Reason = p.Decision.RuleName(), p.Action, p.Network(), p.State, p.Reason
}

// printEvent writes one line, in JSON or in columns; and in these, behind it, what would be done.
func (c *command) printEvent(l *eventLine) error {
	if c.output == "json" {
		line, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s\n", line)
		return err
	}
	text := fmt.Sprintf("%4d  %15s  %-7s  %-11s  %-15s  %-12s  %-14s  %s", l.Number, l.clock, printable(l.Event.Action), printable(l.Event.Subsystem),
		dash(printable(l.Event.Interface)), dash(l.Rule), dash(printable(strings.TrimSpace(l.Action+" "+l.Network))), dash(l.State))
	if l.Reason != "" {
		text += ": " + printable(l.Reason)
	}
	for _, command := range l.Plan {
		text += "\n      " + printable(command)
	}
	_, err := fmt.Fprintln(c.out, text)
	return err
}
