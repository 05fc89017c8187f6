package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"vifd/actions/bridge"
	"vifd/handler"
	"vifd/internal/journal"
	"vifd/internal/rtnl"
	"vifd/internal/vif"
	"vifd/internal/xenstore"
)

// explainLink explains a vif of this host.
func (c *command) explainLink(name string, flags *explainFlags) (*explanation, error) {
	records, err := c.records()
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	c.scripts = handler.CalledAs(records)
	rs, err := c.ruleset()
	if err != nil {
		return nil, err
	}
	conn, err := rtnl.Dial()
	if err != nil {
		return nil, exit(exitCannot, err)
	}
	defer conn.Close()
	link, err := conn.LinkByName(name)
	switch {
	case errors.Is(err, syscall.ENODEV):
		return nil, exit(exitFailed, fmt.Errorf("%s: no such interface (with --event it need not be there)", name))
	case err != nil:
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	store := xenstore.New()
	defer store.Close() //nolint:errcheck // it was only read from
	ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
	defer cancel()
	view, err := rs.View(ctx, sysfs, store, &link, recordOf(records, link.Index), nil)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	if !view.Ours {
		return nil, exit(exitFailed, fmt.Errorf("%s is the host's own (loopback, bridge, uplink or hardware): no rule is asked about it", name))
	}
	plan := rs.Plan(&link, view.Facts)
	if err := plan.Locate(ctx, conn); err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	now := bridge.Actual{Link: link}
	if plan.Port != nil {
		if b, err := conn.LinkByName(plan.Port.Bridge); err == nil {
			now.Bridge = &b
		}
	}
	x, err := explainPlan(rs, view, link.Name, &plan, now, flags.guard)
	if err != nil {
		return nil, err
	}
	if flags.live {
		if x.Drift, err = c.liveDrift(ctx, rs, link.Name); err != nil {
			return nil, err
		}
	}
	hosts := []net.HardwareAddr{link.MAC}
	if now.Bridge != nil {
		hosts = append(hosts, now.Bridge.MAC)
	}
	x.Packets, err = flags.packets.judge(rs, &plan, link.Name, hosts...)
	return x, err
}

// recordOf is what is written down of an ifindex, or nil.
func recordOf(records []journal.Record, ifindex int) *journal.Record {
	if i := slices.IndexFunc(records, func(r journal.Record) bool { return r.Ifindex == ifindex }); i >= 0 {
		return &records[i]
	}
	return nil
}

// explainFacts explains a vif that is made up of facts.
func (c *command) explainFacts(args []string, flags *explainFlags) (*explanation, error) {
	given, err := parseFacts(args)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	rs, err := c.ruleset()
	if err != nil {
		return nil, err
	}
	view := rs.Imagine("the command line", given)
	name, _ := view.Facts.Value("interface")
	if err := vif.CheckName(name); err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--event needs interface=NAME: %w", err))
	}
	return explainImagined(rs, view, rtnl.Link{Name: name, MAC: net.HardwareAddr{}, MTU: 1500}, flags)
}

func explainImagined(rs *handler.Ruleset, view *handler.View, link rtnl.Link, flags *explainFlags) (*explanation, error) {
	plan := rs.Plan(&link, view.Facts)
	x, err := explainPlan(rs, view, link.Name, &plan, bridge.Actual{Link: link}, flags.guard)
	if err != nil {
		return nil, err
	}
	x.Packets, err = flags.packets.judge(rs, &plan, link.Name)
	return x, err
}

// explainRecorded explains an event of a recording.
func (c *command) explainRecorded(flags *explainFlags) (*explanation, error) {
	rs, err := c.ruleset()
	if err != nil {
		return nil, err
	}
	name, want := flags.recorded, 0
	if before, number, ok := cutLast(name, ":"); ok {
		if n, err := strconv.Atoi(number); err == nil && n > 0 {
			name, want = before, n
		}
	}
	ev, err := pickEvent(name, want)
	if err != nil {
		return nil, exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	view, link := rs.Recorded(&ev)
	if !view.Ours {
		return nil, exit(exitFailed, fmt.Errorf("%s was the host's own (loopback, bridge, uplink or hardware): no rule is asked about it", printable(ev.Interface)))
	}
	return explainImagined(rs, view, link, flags)
}

// pickEvent returns the event of a recording with that number, or the last one of an interface; want 0: the last one.
func pickEvent(name string, want int) (vif.Event, error) {
	file, err := os.Open(name)
	if err != nil {
		return vif.Event{}, errors.Unwrap(err) // the caller says of which file
	}
	defer file.Close()
	events, err := newRecording(file)
	if err != nil {
		return vif.Event{}, err
	}
	var last vif.Event
	for {
		n, ev, err := events.next()
		switch {
		case errors.Is(err, io.EOF) && want > 0:
			return last, fmt.Errorf("it has no event %d", want)
		case errors.Is(err, io.EOF) && last.Interface == "":
			return last, errors.New("it has no event of an interface")
		case errors.Is(err, io.EOF):
			return last, nil
		case err != nil:
			return last, err
		case want == n.N && (ev == nil || ev.Interface == ""):
			return last, fmt.Errorf("event %d is about no interface", want)
		case want == n.N:
			return *ev, nil
		case ev != nil && ev.Subsystem == "net":
			last = *ev
		}
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
