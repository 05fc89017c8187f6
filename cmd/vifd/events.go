package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vifd/handler"
	"vifd/internal/journal"
	"vifd/internal/record"
	"vifd/internal/rtnl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
	"vifd/internal/xenstore"
)

// eventsFlags is what events is told.
type eventsFlags struct {
	source, record string
	most           int
	lasting        time.Duration
}

func (c *command) events() *cobra.Command {
	var flags eventsFlags
	cmd := &cobra.Command{
		Use:   "events",
		Short: "follow events of interfaces, and what the rules decide",
		Long: "events prints a line for each event of an interface, as the kernel (or, with --source udev, udevd) tells of it: its number, time, action,\n" +
			"subsystem and interface; then the rule that matches at that moment, what that does, and the state which comes of it. It acts on none of\n" +
			"them, and needs no listener. --record keeps the messages in a file, every byte, for vifd replay and vifd explain --recorded; the\n" +
			"numbers in it are those that are printed. It ends on SIGINT, after -n events, or after --for.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			source, err := uevent.ParseSource(flags.source)
			switch {
			case err != nil:
				return exit(exitUsage, fmt.Errorf("--source: %w", err))
			case flags.most < 0:
				return exit(exitUsage, fmt.Errorf("-n %d: there are no fewer than no events", flags.most))
			case flags.lasting < 0:
				return exit(exitUsage, fmt.Errorf("--for %v is over already", flags.lasting))
			}
			return c.runEvents(source, &flags)
		},
	}
	cmd.Flags().StringVar(&flags.source, "source", "kernel", "`who` tells of interfaces: kernel or udev")
	cmd.Flags().StringVar(&flags.record, "record", "", "keep the messages in this `file`, which is written anew")
	cmd.Flags().IntVarP(&flags.most, "number", "n", 0, "end after so `many` events (0: do not)")
	cmd.Flags().DurationVar(&flags.lasting, "for", 0, "end after this `time`, as 90s or 5m (0: do not)")
	return cmd
}

func (c *command) runEvents(source uevent.Source, flags *eventsFlags) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	if flags.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.lasting)
		defer cancel()
	}
	records, err := c.records()
	if err != nil {
		return exit(exitFailed, err)
	}
	c.scripts = handler.CalledAs(records)
	rs, err := c.ruleset()
	if err != nil {
		return err
	}
	conn, err := rtnl.Dial()
	if err != nil {
		return exit(exitCannot, err)
	}
	defer conn.Close()
	store := xenstore.New()
	defer store.Close() //nolint:errcheck // it was only read from
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	w := &watcher{c: c, rs: rs, conn: conn, store: store, ctx: ctx, enough: enough, most: flags.most}
	defer w.close()
	if flags.record != "" {
		file, err := os.OpenFile(flags.record, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return exit(exitFailed, err)
		}
		defer file.Close()
		if w.recording, err = record.NewWriter(file, source.String()); err != nil {
			return exit(exitFailed, err)
		}
	}
	events, err := uevent.Open(source)
	if err != nil {
		return exit(exitCannot, err)
	}
	defer events.Close()
	teller := "the kernel"
	if source == uevent.Udev {
		teller = "udevd"
	}
	fmt.Fprintf(c.err, "vifd: listening to events of %s\n", teller)
	err = events.Run(ctx, w)
	switch {
	case w.err != nil:
		return exit(exitFailed, w.err)
	case ctx.Err() == nil:
		return exit(exitCannot, err)
	}
	return nil
}

// watcher says what the rules make of events.
type watcher struct {
	c         *command
	rs        *handler.Ruleset
	conn      *rtnl.Conn
	store     *xenstore.Store
	ctx       context.Context //nolint:containedctx // a uevent.Sink's methods take none
	enough    context.CancelFunc
	recording *record.Writer // nil: nothing is kept
	records   *journal.Journal
	most, n   int
	at        time.Time
	err       error
}

// Raw takes a message before its event: part of uevent.RawSink.
func (w *watcher) Raw(message []byte) {
	if w.at = time.Now(); w.recording == nil || w.err != nil || w.ctx.Err() != nil {
		return
	}
	if err := w.recording.Write(w.at, message); err != nil {
		w.fail(err)
	}
}

func (w *watcher) fail(err error) {
	w.err = err
	w.enough()
}

// Event is part of uevent.Sink.
func (w *watcher) Event(ev vif.Event) {
	if w.err != nil || w.ctx.Err() != nil {
		return
	}
	w.n++
	line := newEventLine(w.n, &ev)
	line.Time = w.at.Format(time.RFC3339Nano)
	line.clock = w.at.Format("15:04:05.000000")
	w.decide(&ev, line)
	if err := w.c.printEvent(line); err != nil {
		w.fail(err)
	}
	if w.n == w.most {
		w.enough()
	}
}

// Overflow is part of uevent.Sink.
func (w *watcher) Overflow() { fmt.Fprintln(w.c.err, "vifd: events were lost") }

// decide finds out what the rules make of an interface as it is now: the event is a hint, for them as well.
func (w *watcher) decide(ev *vif.Event, line *eventLine) {
	var link rtnl.Link
	var err error
	switch {
	case ev.Ifindex > 0:
		link, err = w.conn.LinkByIndex(ev.Ifindex)
	case ev.Interface != "":
		link, err = w.conn.LinkByName(ev.Interface)
	default:
		return
	}
	if errors.Is(err, rtnl.ErrNotFound) {
		line.State = stateGone
		return
	}
	if err != nil {
		line.State, line.Reason = handler.StateFailed, err.Error()
		return
	}
	var of *vif.Event
	if ev.Subsystem == "net" {
		of = ev
	}
	view, err := w.rs.View(w.ctx, sysfs, w.store, &link, w.record(link.Index), of)
	switch {
	case err != nil:
		line.State, line.Reason = handler.StateFailed, err.Error()
	case !view.Ours:
		line.State = stateHost
	default:
		plan := w.rs.Plan(&link, view.Facts)
		line.take(&plan)
	}
}

// record is what is written down of an ifindex, or nil. The state folder may appear at any time.
func (w *watcher) record(ifindex int) *journal.Record {
	if w.records == nil {
		if _, err := os.Stat(w.c.state); err != nil {
			return nil
		}
		records, err := journal.Open(w.c.state)
		if err != nil {
			return nil // who works with it says so
		}
		w.records = records
	}
	r, err := w.records.Get(ifindex)
	if err != nil {
		return nil // there is none, or it is damaged
	}
	return &r
}

// close gives the records back.
func (w *watcher) close() {
	if w.records != nil {
		_ = w.records.Close()
	}
}

var _ uevent.RawSink = (*watcher)(nil)
