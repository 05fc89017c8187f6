package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
	"vifd/internal/xen"
)

// handleTimeout is how long one event may take. udevd gives its programs 180 s, libxl 40.
const handleTimeout = 30 * time.Second

func (c *command) handle() *cobra.Command {
	return &cobra.Command{
		Use:   "handle",
		Short: "deal with one udev event",
		Long: "handle takes the event from its environment, as udevd gives it to the programs of RUN+= (ACTION, SUBSYSTEM, DEVPATH,\n" +
			"INTERFACE, IFINDEX). While a listener runs it hands the event over and waits for the outcome, else it does the work itself.\n" +
			"An event of xen-backend, online or offline (XENBUS_PATH, vif), is dealt with as vifd hotplug does.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.env("SUBSYSTEM") == xenBackend {
				return c.handleBackend()
			}
			ev, err := uevent.FromEnviron(c.environ)
			if err != nil {
				return exit(exitUsage, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
			defer cancel()
			out, err := c.deal(ctx, ev)
			if err != nil {
				return err
			}
			if out.State == handler.StateFailed {
				return exit(exitFailed, fmt.Errorf("%s: %s", out.Interface, out.Error))
			}
			return nil
		},
	}
}

// xenBackend is the subsystem of the events that tell of a Xen guest's devices, before and after the netdev's own.
const xenBackend = "xen-backend"

// handleBackend does what hotplug does for such an event. Only online and offline have anything to be done, and only devices that are vifs.
func (c *command) handleBackend() error {
	action := c.env("ACTION")
	switch {
	case action == "":
		return exit(exitUsage, errors.New("the environment holds no udev event: ACTION is not set"))
	case action != xen.Online && action != xen.Offline, c.env("XENBUS_TYPE") != "" && c.env("XENBUS_TYPE") != "vif":
		return nil
	}
	call, err := xen.ParseCall(c.program, []string{action}, c.environ)
	var usage *xen.UsageError
	if errors.As(err, &usage) || err == nil && call.Nothing {
		return exit(exitUsage, fmt.Errorf("the environment's event is not one of a vif: type_if is %q", c.env("type_if")))
	}
	call.ByUdev = true
	return c.serve(&call, err)
}

// deal has the listener deal with an event, or does the work itself where there is none.
func (c *command) deal(ctx context.Context, ev vif.Event) (ctl.Outcome, error) {
	out, there, err := c.hand(ctx, ev)
	if there {
		return out, err
	}
	if out, err = c.handleAlone(ctx, ev); ctx.Err() != nil {
		return out, err
	}
	// One that has started meanwhile may have read the records before this event was in them, and have decided about the vif without it.
	if late, there, failed := c.hand(ctx, ev); there {
		return late, failed
	}
	return out, err
}

// hand hands an event to the listener; there: it has answered.
func (c *command) hand(ctx context.Context, ev vif.Event) (out ctl.Outcome, there bool, err error) {
	out, err = ctl.NewClient(c.state).Event(ctx, ev)
	switch {
	case errors.Is(err, ctl.ErrNoListener), errors.Is(err, ctl.ErrNoAnswer):
		return out, false, nil
	case err != nil:
		return out, true, exit(exitFailed, err)
	}
	return out, true, nil
}

// handleAlone does the work in this process.
func (c *command) handleAlone(ctx context.Context, ev vif.Event) (ctl.Outcome, error) {
	c.lean = true
	debug.SetGCPercent(-1) // it will have ended before collecting pays
	cfg, closeAll, err := c.engine(c.logger())
	if err != nil {
		return ctl.Outcome{}, exit(exitCannot, err)
	}
	defer closeAll()
	// A vif that libxl has had connected by a script's name is still that when udev tells of it.
	records, _ := cfg.Records.List() // what is wrong with them is the handler's to say
	for _, script := range handler.CalledAs(records) {
		if !slices.Contains(c.scripts, script) {
			c.scripts = append(c.scripts, script)
		}
	}
	rs, err := c.ruleset()
	if err != nil {
		return c.takeBack(ctx, &cfg, ev, err)
	}
	out, err := handler.Once(ctx, cfg, rs, ev)
	if err != nil {
		return out, exit(exitFailed, err)
	}
	return out, nil
}

// takeBack does what takes no rules, where they cannot be had: a guest that goes leaves nothing behind for that. unruled is why.
func (c *command) takeBack(ctx context.Context, cfg *handler.Config, ev vif.Event, unruled error) (ctl.Outcome, error) {
	out, done, err := handler.TakeBack(ctx, *cfg, ev)
	switch {
	case err != nil:
		return out, exit(exitFailed, fmt.Errorf("%w; without rules: %w", unruled, err))
	case !done:
		return out, unruled
	}
	name := ev.Interface
	if out.Interface != "" {
		name = out.Interface
	}
	fmt.Fprintf(c.err, "vifd: warning: %s: what is on record of it was taken back without rules: %v\n", name, unruled)
	return out, nil
}
