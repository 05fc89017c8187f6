package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vifd/actions/bridge"
	"vifd/handler"
	"vifd/internal/record"
	"vifd/internal/rtnl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
)

func (c *command) replay() *cobra.Command {
	var speed float64
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "hold recorded events against the rules",
		Long: "replay reads a recording of events (vifd events --record, or what udevadm monitor --kernel --property printed; - is standard input), and\n" +
			"prints of each what the rules make of it, and what would be done, in the words of nft, ip and bridge; of what is as the event before\n" +
			"has left it, nothing, and of what was done and is wanted no more, that it is undone. The kernel is not asked, and not touched. So what\n" +
			"stood in sysfs and xenstore is not known: whose vifs they are has to be in guests, by interface. Bridges and uplinks are taken to be\n" +
			"there.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if speed < 0 {
				return exit(exitUsage, fmt.Errorf("--speed %v: time does not run backwards", speed))
			}
			return c.runReplay(args[0], speed)
		},
	}
	cmd.Flags().Float64Var(&speed, "speed", 0, "wait between events as long as it took when they were recorded, this `factor` as fast (0: do not wait)")
	return cmd
}

func (c *command) runReplay(name string, speed float64) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	rs, err := c.ruleset()
	if err != nil {
		return err
	}
	in := c.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return exit(exitFailed, err)
		}
		defer file.Close()
		in = file
	}
	events, err := newRecording(in)
	if err != nil {
		return exit(exitFailed, fmt.Errorf("%s: %w", name, err))
	}
	r := &replayer{rs: rs, seen: make(map[int]*replayed)}
	begin := time.Now()
	for {
		n, ev, err := events.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return exit(exitFailed, fmt.Errorf("%s: %w", name, err))
		case ev == nil:
			continue
		}
		if speed > 0 && !pause(ctx, time.Until(begin.Add(time.Duration(float64(n.At)/speed)))) {
			return nil
		}
		line := newEventLine(n.N, ev)
		line.clock = fmt.Sprintf("+%.6f", n.At.Seconds())
		if !n.Time.IsZero() {
			line.Time = n.Time.Format(time.RFC3339Nano)
		}
		r.play(ev, line)
		if err := c.printEvent(line); err != nil {
			return exit(exitFailed, err)
		}
	}
}

// pause waits; false: ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// recording is a recording's events.
type recording struct {
	reader *record.Reader
	source uevent.Source
}

func newRecording(in io.Reader) (*recording, error) {
	reader, err := record.NewReader(in)
	if err != nil {
		return nil, err
	}
	source, err := uevent.ParseSource(reader.Source())
	return &recording{reader, source}, err
}

// next returns a message and the event that it is; nil where a listener would not be told of it. io.EOF: there are no more.
func (r *recording) next() (record.Event, *vif.Event, error) {
	n, err := r.reader.Next()
	if err != nil {
		return n, nil, err
	}
	ev, told, err := r.source.Message(n.Message)
	if err != nil {
		return n, nil, fmt.Errorf("event %d: %w", n.N, err)
	}
	if !told {
		return n, nil, nil
	}
	return n, &ev, nil
}

// replayer remembers what came of earlier events.
type replayer struct {
	rs   *handler.Ruleset
	seen map[int]*replayed // by ifindex
}

type replayed struct {
	event   vif.Event // the last that was about the interface itself
	offline bool      // Xen has taken it away
	done    []string  // what would have been done to it until now
}

// play says what comes of an event.
func (r *replayer) play(ev *vif.Event, line *eventLine) {
	if ev.Subsystem != "net" {
		r.backend(ev, line)
		return
	}
	if ev.Action == vif.Remove {
		delete(r.seen, ev.Ifindex)
		line.State = stateGone
		return
	}
	s := r.seen[ev.Ifindex]
	if s == nil {
		s = &replayed{}
		r.seen[ev.Ifindex] = s
	}
	s.event = *ev
	r.decide(s, line)
}

// backend is for what the kernel says of a backend whose interface it has told of.
func (r *replayer) backend(ev *vif.Event, line *eventLine) {
	for _, s := range r.seen {
		if ev.Interface == "" || s.event.Interface != ev.Interface || ev.Action != vif.Online && ev.Action != vif.Offline {
			continue
		}
		s.offline = ev.Action == vif.Offline
		r.decide(s, line)
	}
}

func (r *replayer) decide(s *replayed, line *eventLine) {
	view, link := r.rs.Recorded(&s.event)
	if !view.Ours {
		line.State = stateHost
		return
	}
	plan := r.rs.Plan(&link, view.Facts)
	if s.offline {
		r.rs.Offline(&plan, &link)
	}
	line.take(&plan)
	now := bridge.Actual{Link: link}
	if plan.Port != nil && !plan.Port.Create {
		now.Bridge = &rtnl.Link{Index: -1, Name: plan.Port.Bridge, Kind: rtnl.KindBridge, MTU: link.MTU}
	}
	text := plan.Text(now)
	for _, command := range s.done {
		if !slices.Contains(text, command) {
			line.Plan = append(line.Plan, "# undone: "+command)
		}
	}
	for _, command := range text {
		if !slices.Contains(s.done, command) {
			line.Plan = append(line.Plan, command)
		}
	}
	s.done = text
}
