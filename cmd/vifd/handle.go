package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/uevent"
	"vifd/internal/vif"
)

// handleTimeout is how long one event may take. udevd gives its programs 180 s, libxl 40.
const handleTimeout = 30 * time.Second

func (c *command) handle() *cobra.Command {
	return &cobra.Command{
		Use:   "handle",
		Short: "deal with one udev event",
		Long: "handle takes the event from its environment, as udevd gives it to the programs of RUN+= (ACTION, SUBSYSTEM, DEVPATH,\n" +
			"INTERFACE, IFINDEX). While a listener runs it hands the event over and waits for the outcome, else it does the work itself.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ev, err := uevent.FromEnviron(c.environ)
			if err != nil {
				return exit(exitUsage, err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
			defer cancel()
			out, err := ctl.NewClient(c.state).Event(ctx, ev)
			switch {
			case errors.Is(err, ctl.ErrNoListener), errors.Is(err, ctl.ErrNoAnswer):
				out, err = c.handleAlone(ctx, ev)
			case err != nil:
				err = exit(exitFailed, err)
			}
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

// handleAlone does the work in this process.
func (c *command) handleAlone(ctx context.Context, ev vif.Event) (ctl.Outcome, error) {
	c.lean = true
	debug.SetGCPercent(-1) // it will have ended before collecting pays
	rs, err := c.ruleset()
	if err != nil {
		return ctl.Outcome{}, err
	}
	cfg, closeAll, err := c.engine(c.logger())
	if err != nil {
		return ctl.Outcome{}, exit(exitCannot, err)
	}
	defer closeAll()
	out, err := handler.Once(ctx, cfg, rs, ev)
	if err != nil {
		return out, exit(exitFailed, err)
	}
	return out, nil
}
