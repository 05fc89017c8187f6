package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/dhcp4"
	"vifd/internal/radv"
	"vifd/internal/rtnl"
	"vifd/internal/uevent"
)

func (c *command) listen() *cobra.Command {
	var source string
	var buffer int
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "run as a listener: configure vifs as they come and go",
		Long: "listen hears of interfaces from the kernel (or, with --source udev, from udevd after it has handled the event), and of\n" +
			"their links from rtnetlink. It says msg=ready, and READY=1 to systemd, once every vif that was there has been looked at.\n" +
			"SIGHUP reads the rules anew; SIGTERM ends it and leaves every guest connected as it is.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			src, err := uevent.ParseSource(source)
			if err != nil {
				return exit(exitUsage, fmt.Errorf("--source: %w", err))
			}
			if buffer <= 0 {
				return exit(exitUsage, fmt.Errorf("--receive-buffer %d: a number of bytes, more than 0", buffer))
			}
			return c.runListener(src, buffer)
		},
	}
	cmd.Flags().StringVar(&source, "source", "kernel", "`who` tells of interfaces: kernel or udev")
	cmd.Flags().IntVar(&buffer, "receive-buffer", uevent.DefaultReceiveBuffer, "receive buffer of the event sockets, in `bytes`")
	return cmd
}

// listener is a running `vifd listen`.
type listener struct {
	c       *command
	log     *slog.Logger
	handler *handler.Handler
	turns   chan turn   // resyncs and reloads, one after the other
	hung    chan string // reloads that nobody waits for, and why
	lost    chan string // resyncs likewise: a reload is more than one, and does not wait in its place

	stopping <-chan struct{} // closed when it is to end
}

// turn asks for a resync, with the rules read anew or not.
type turn struct {
	reload bool
	script string // with reload: the name of one of Xen's scripts, whose work is vifd's from now on
	why    string
	done   chan<- ctl.Response // of capacity 1
}

func newListener(ctx context.Context, c *command, log *slog.Logger, h *handler.Handler) *listener {
	return &listener{
		c: c, log: log, handler: h, turns: make(chan turn, 1), hung: make(chan string, 1), lost: make(chan string, 1), stopping: ctx.Done(),
	}
}

func (c *command) runListener(source uevent.Source, buffer int) error {
	log := c.logger()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	c.lean = true
	rs, err := c.ruleset()
	if err != nil {
		return err
	}
	cfg, closeAll, err := c.engine(log)
	if err != nil {
		return exit(exitCannot, err)
	}
	defer closeAll()
	server, err := ctl.Listen(ctx, c.state)
	if err != nil {
		return exit(exitCannot, err)
	}
	defer server.Close()
	server.Log = log
	// From here on whoever has worked alone hands over what it did: what it did before is read only now.
	if err := cfg.ReadTables(); err != nil {
		return exit(exitCannot, err)
	}
	if rs, err = c.rulesFor(cfg.Records, rs); err != nil {
		return err
	}
	// Both sockets are open, and queue what comes, before the first look at the host: nothing falls in between.
	events, err := uevent.Open(source, uevent.ReceiveBuffer(buffer))
	if err != nil {
		return exit(exitCannot, err)
	}
	defer events.Close()
	links, err := rtnl.OpenMonitor(buffer)
	if err != nil {
		return exit(exitCannot, err)
	}
	defer links.Close()
	leases, router := dhcp4.New(log), radv.New(log)
	defer func() { _, _ = leases.Close(), router.Close() }()
	cfg.Leases, cfg.Router = leases, router
	h, err := handler.New(cfg, rs)
	if err != nil {
		return exit(exitCannot, err)
	}
	l := newListener(ctx, c, log, h)
	if err := l.run(ctx, events, links, server); err != nil && ctx.Err() == nil {
		return exit(exitCannot, err)
	}
	log.Info("stopped", "forged", events.Stats().Forged, "events", events.Stats().Events)
	return nil
}

func (l *listener) run(ctx context.Context, events *uevent.Listener, links *rtnl.Monitor, server *ctl.Server) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.handler.Run(ctx) })
	group.Go(func() error {
		begin := time.Now()
		outs, err := l.handler.Resync(ctx, nil)
		if err != nil {
			return err
		}
		// What came meanwhile is waiting in the sockets.
		group.Go(func() error { return events.Run(ctx, eventSink{l.handler, l}) })
		group.Go(func() error { return links.Run(ctx, linkSink{l.handler, l}) })
		group.Go(func() error { return server.Serve(ctx, l) })
		group.Go(func() error { return l.work(ctx) })
		group.Go(func() error { return l.handler.Watch(ctx) })
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, unix.SIGHUP) // before anybody is told that it is ready: the signal would end the process
		group.Go(func() error { return l.hangups(ctx, hup) })
		size, forced := events.Buffer()
		l.log.Info("ready", "rules", l.handler.Rules().Rules(), "vifs", len(outs), "took", time.Since(begin).Round(time.Microsecond),
			"buffer", size, "forced", forced)
		notify(l.log, daemon.SdNotifyReady)
		return nil
	})
	err := group.Wait()
	notify(l.log, daemon.SdNotifyStopping)
	return err
}

// notify tells systemd, if it asked to be told.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd not notified", "err", err)
	}
}

// hangups has the rules read anew on SIGHUP.
func (l *listener) hangups(ctx context.Context, hup chan os.Signal) error {
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			wake(l.hung, "SIGHUP")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake has a turn carried out that nobody waits for; one that waits already will do.
func wake(kind chan<- string, why string) {
	select {
	case kind <- why:
	default:
	}
}

// work carries out turns.
func (l *listener) work(ctx context.Context) error {
	for {
		select {
		case t := <-l.turns:
			t.done <- l.take(ctx, t)
		case why := <-l.hung:
			l.take(ctx, turn{reload: true, why: why})
		case why := <-l.lost:
			l.take(ctx, turn{why: why})
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *listener) take(ctx context.Context, t turn) ctl.Response {
	begin := time.Now()
	var rs *handler.Ruleset
	if t.script != "" && l.standsIn(t.script) {
		return ctl.ReloadResult{Rules: l.handler.Rules().Rules()} // as many ask as guests come at once: the first of them was enough
	}
	if t.reload {
		if t.script != "" && !slices.Contains(l.c.scripts, t.script) {
			l.c.scripts = append(l.c.scripts, t.script)
		}
		notify(l.log, fmt.Sprintf("%s\n%s", daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec()))
		defer notify(l.log, daemon.SdNotifyReady)
		var problems string
		if rs, problems = l.c.read(); rs == nil {
			l.log.Error("reload refused", "why", t.why, "problems", problems)
			return ctl.ReloadResult{Rules: l.handler.Rules().Rules(), Problems: problems}
		}
	}
	outs, err := l.handler.Resync(ctx, rs)
	if err != nil {
		l.log.Error("resync failed", "why", t.why, "err", err)
		return ctl.ReloadResult{Rules: l.handler.Rules().Rules(), Problems: err.Error()}
	}
	l.log.Info("resync", "why", t.why, "vifs", len(outs), "took", time.Since(begin).Round(time.Microsecond))
	return ctl.ReloadResult{Rules: l.handler.Rules().Rules()}
}

// rulesFor adds to the rules what the vifs that there are records of need: those for which vifd was called by the name of one of Xen's
// scripts.
func (c *command) rulesFor(records handler.Records, rs *handler.Ruleset) (*handler.Ruleset, error) {
	list, _ := records.List() // what is wrong with them is the handler's to say
	if c.scripts = handler.CalledAs(list); len(c.scripts) == 0 {
		return rs, nil
	}
	rs, problems := c.read()
	if rs == nil {
		return nil, exit(exitCannot, errors.New(problems))
	}
	return rs, nil
}

// read loads the rules for a reload; nil where they have errors, which are then in problems.
func (c *command) read() (rs *handler.Ruleset, problems string) {
	set, report := c.load(nil)
	if set == nil {
		return nil, problemText(report)
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		return nil, err.Error()
	}
	return rs, ""
}

// eventSink hands uevents on; an overflow means that everything has to be looked at.
type eventSink struct {
	*handler.Handler
	l *listener
}

// Overflow asks for a resync: uevents were lost.
func (s eventSink) Overflow() {
	s.l.log.Warn("overflow", "source", "uevent")
	wake(s.l.lost, "uevents were lost")
}

// linkSink does the same for rtnetlink.
type linkSink struct {
	*handler.Handler
	l *listener
}

// Overflow asks for a resync: link messages were lost.
func (s linkSink) Overflow() {
	s.l.log.Warn("overflow", "source", "rtnetlink")
	wake(s.l.lost, "link messages were lost")
}

var (
	_ uevent.Sink = eventSink{}
	_ rtnl.Sink   = linkSink{}
	_ ctl.Handler = (*listener)(nil)
)
