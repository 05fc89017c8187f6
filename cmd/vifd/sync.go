package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/vif"
)

func (c *command) sync() *cobra.Command {
	return &cobra.Command{
		Use:   "sync [IFACE…]",
		Short: "reconcile every vif now, or some",
		Long: "sync has the listener look at every vif now, or at those that are named; where none runs it does so itself. It prints what became of\n" +
			"each, and exits with 1 if any failed. Where everything is as it should be, nothing is written to the kernel. The rules are those\n" +
			"in force: vifd reload reads them anew.",
		RunE: func(_ *cobra.Command, names []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
			defer cancel()
			result, err := ctl.NewClient(c.state).Sync(ctx, names...)
			switch {
			case errors.Is(err, ctl.ErrNoListener), errors.Is(err, ctl.ErrNoAnswer):
				if result, err = c.syncAlone(ctx, names); err != nil {
					return err
				}
			case err != nil:
				return exit(exitFailed, err)
			}
			if result.Problems != "" {
				return exit(exitFailed, errors.New(result.Problems))
			}
			if len(names) == 0 { // then of what has gone, and of the host's own, there is nothing to say
				result.Vifs = slices.DeleteFunc(result.Vifs, func(o ctl.Outcome) bool { return o.State == "" })
			}
			return c.printSync(result)
		},
	}
}

// syncAlone does the work in this process.
func (c *command) syncAlone(ctx context.Context, names []string) (ctl.SyncResult, error) {
	var result ctl.SyncResult
	rs, err := c.ruleset()
	if err != nil {
		return result, err
	}
	cfg, closeAll, err := c.engine(c.logger())
	if err != nil {
		return result, exit(exitCannot, err)
	}
	defer closeAll()
	if rs, err = c.rulesFor(cfg.Records, rs); err != nil {
		return result, err
	}
	if len(names) > 0 {
		result.Vifs, err = handler.SyncOnce(ctx, cfg, rs, names)
	} else {
		result.Vifs, err = c.listenOnce(ctx, cfg, rs)
	}
	if err != nil {
		return result, exit(exitFailed, err)
	}
	return result, nil
}

// listenOnce is a listener that hears of nothing, and ends when it has looked at everything: while it works it has the socket, so that
// no other process works on the same vifs.
func (c *command) listenOnce(ctx context.Context, cfg handler.Config, rs *handler.Ruleset) (outs []ctl.Outcome, err error) {
	server, err := ctl.Listen(ctx, c.state)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	if err := cfg.ReadTables(); err != nil {
		return nil, err
	}
	h, err := handler.New(cfg, rs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := newListener(ctx, c, cfg.Log, h)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.Run(ctx) })
	group.Go(func() error { return server.Serve(ctx, l) })
	group.Go(func() error { return l.work(ctx) })
	outs, err = h.Resync(ctx, nil)
	cancel()
	_ = group.Wait() // it says that it was cancelled
	return outs, err
}

func (c *command) printSync(result ctl.SyncResult) error {
	slices.SortFunc(result.Vifs, func(a, b ctl.Outcome) int {
		if n := vif.CompareNames(a.Interface, b.Interface); n != 0 {
			return n
		}
		return a.Ifindex - b.Ifindex
	})
	failed := 0
	for _, o := range result.Vifs {
		if o.State == handler.StateFailed {
			failed++
		}
	}
	if c.output == "json" {
		line, err := ctl.Marshal(result)
		if err != nil {
			return exit(exitFailed, err)
		}
		fmt.Fprintf(c.out, "%s\n", line)
	} else if err := c.printOutcomes(result.Vifs); err != nil {
		return exit(exitFailed, err)
	}
	if failed > 0 {
		return exit(exitFailed, fmt.Errorf("%d of %d vifs failed", failed, len(result.Vifs)))
	}
	return nil
}

func (c *command) printOutcomes(vifs []ctl.Outcome) error {
	w := tabwriter.NewWriter(c.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tSTATE\tRULE\tACTION")
	for _, o := range vifs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(o.Interface), dash(o.State), dash(o.Rule), dash(o.Action))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range vifs {
		if o.Error != "" {
			fmt.Fprintf(c.out, "%s: %s\n", printable(o.Interface), printable(o.Error))
		}
	}
	return nil
}
