package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/xen"
	"vifd/internal/xenstore"
)

// hotplugTimeout is how long a call may take. libxl kills its program after 40 s, and with it the message of what was wrong
// (LIBXL_HOTPLUG_TIMEOUT in tools/libs/light/libxl_internal.h).
const hotplugTimeout = 30 * time.Second

// errorTimeout is for the message after that.
const errorTimeout = 3 * time.Second

// asScript reports whether the program was called by the name of one of Xen's scripts.
func asScript(program string) bool { return slices.Contains(xen.Scripts(), filepath.Base(program)) }

func (c *command) hotplug() *cobra.Command {
	return &cobra.Command{
		Use:   "hotplug online|offline|add|remove [type_if=vif|tap]",
		Short: "one call as Xen's hotplug program",
		Long: "hotplug is what libxl, xl devd and udev call for a guest's interface: online and offline for its vif, add and remove for the\n" +
			"tap of an emulated card. The environment says which (XENBUS_PATH, vif, INTERFACE), xenstore whose it is. Called by the name\n" +
			"vif-bridge, vif-route or vif-nat, that is what becomes of a vif about which no rule decides; by that of vif-vifd, rules alone\n" +
			"decide. hotplug-status becomes connected when the vif is ready; else hotplug-error says why not, and the exit code is 1.",
		Example: "  ln -s /usr/bin/vifd /etc/xen/scripts/vif-vifd   # then, in xl.conf: vif.default.script=\"vif-vifd\"",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("log-level") {
				c.logLevel = "error"
			}
			c.terse = true // xl shows what is said here between its own lines
			call, err := xen.ParseCall(c.program, args, c.environ)
			var usage *xen.UsageError
			if errors.As(err, &usage) && !asScript(c.program) {
				return exit(exitUsage, err)
			}
			if errors.As(err, &usage) {
				return exit(exitFailed, err) // as the scripts do
			}
			if err == nil && call.Nothing {
				return nil
			}
			return c.serve(&call, err)
		},
	}
}

// serve does what a call asks for, unless err says that it could not be read, and reports what came of it.
func (c *command) serve(call *xen.Call, err error) error {
	store := xenstore.New()
	defer store.Close() //nolint:errcheck // the answers are in
	ctx, cancel := context.WithTimeout(context.Background(), hotplugTimeout)
	defer cancel()
	if err == nil {
		err = c.plug(ctx, store, call)
	}
	return c.plugged(store, call, err)
}

// plug does what the call asks for.
func (c *command) plug(ctx context.Context, store *xenstore.Store, call *xen.Call) error {
	if call.ByUdev && switchedOff(ctx, store) {
		return nil
	}
	ev := handler.HotplugEvent(call)
	if handler.StandsIn(call.As) {
		c.scripts = []string{call.As}
	}
	out, err := c.deal(ctx, ev)
	if err != nil || !call.Up() {
		return err
	}
	return verdict(&out)
}

// verdict is the outcome as a hotplug program's caller sees it: an error where the guest has no way to the network that somebody
// meant it to have.
func verdict(out *ctl.Outcome) error {
	switch {
	case out.Error != "":
		return &knownError{out}
	case out.State == handler.StateUnmatched:
		return fmt.Errorf("%s: no rule matches it, so nothing was done: write one, or call vifd by the name of vif-bridge, vif-route or vif-nat "+
			"(vifd explain %s tells which rules there are)", out.Interface, out.Interface)
	case out.State == "":
		return fmt.Errorf("%s went away while it was being set up", out.Interface)
	}
	return nil
}

// knownError is a failure that the handler has told Xen of.
type knownError struct{ out *ctl.Outcome }

func (e *knownError) Error() string {
	return handler.Complaint(e.out.Interface, e.out.Rule, e.out.Error)
}

// plugged reports a failure to whoever waits for the call. Nothing of a device that goes is worth one: there is nobody to mend it, the
// listener or the next start cleans up, and a key written now would bring back a folder that is gone.
func (c *command) plugged(store *xenstore.Store, call *xen.Call, err error) error {
	if err == nil {
		return nil
	}
	if call.Command != "" && !call.Up() && call.Interface != "" {
		fmt.Fprintf(c.err, "vifd: %s %s: %s\n", call.Command, printable(call.Interface), c.shown(err))
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s: not done within %v: %w", call.Interface, hotplugTimeout, err)
	}
	var told *knownError
	if call.Device.Path != "" && !errors.As(err, &told) {
		ctx, cancel := context.WithTimeout(context.Background(), errorTimeout)
		defer cancel()
		if failed := xen.Failed(ctx, store, call.Device, "vifd: "+err.Error(), true); failed != nil && !errors.Is(failed, xen.ErrGone) {
			err = fmt.Errorf("%w; %w", err, failed)
		}
	}
	return exit(exitFailed, err)
}

// switchedOff reports whether the toolstack has claimed for itself what udev would have done (Xen 4.2 to 4.5).
// A xenstored that does not answer leaves time to say so.
func switchedOff(ctx context.Context, store *xenstore.Store) bool {
	ctx, cancel := context.WithTimeout(ctx, errorTimeout)
	defer cancel()
	value, err := store.Read(ctx, "libxl/disable_udev")
	return err == nil && value == "1"
}
