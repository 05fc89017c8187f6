package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vifd/internal/ctl"
)

// reloadTimeout is for hosts with thousands of vifs, each of which gets a look.
const reloadTimeout = 2 * time.Minute

func (c *command) reload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "have the listener read its rules anew; the old ones stay if they fail",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
			defer cancel()
			result, err := ctl.NewClient(c.state).Reload(ctx)
			switch {
			case errors.Is(err, ctl.ErrNoListener):
				return exit(exitCannot, fmt.Errorf("no vifd listens in %s: start it (systemctl start vifd), or have vifd sync do the work by itself", c.state))
			case err != nil:
				return exit(exitFailed, err)
			case c.output == "json":
				return c.printReload(result)
			case result.Problems != "":
				fmt.Fprint(c.err, result.Problems)
				return exit(exitFailed, fmt.Errorf("the %d rules from before stay in force", result.Rules))
			}
			fmt.Fprintf(c.out, "%d rules in force\n", result.Rules)
			return nil
		},
	}
}

// printReload prints the answer as a document, with what is wrong with the rules in it.
func (c *command) printReload(result ctl.ReloadResult) error {
	line, err := ctl.Marshal(result)
	if err == nil {
		_, err = fmt.Fprintf(c.out, "%s\n", line)
	}
	if err == nil && result.Problems != "" {
		err = fmt.Errorf("the %d rules from before stay in force", result.Rules)
	}
	if err != nil {
		return exit(exitFailed, err)
	}
	return nil
}
