package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vifd/cmd/vifd/doctor"
	"vifd/internal/ctl"
	"vifd/internal/nft"
	"vifd/internal/rtnl"
)

func (c *command) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "find what on this host keeps vifd or its guests from working, and the cure",
		Long: "doctor looks at other software's firewalls and network managers, at the kernel's settings and at the host's addresses, and\n" +
			"says what would keep guests from working, and what to do. It changes nothing. It exits with 0 unless something was found that\n" +
			"is an error.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			links, err := rtnl.Dial()
			if err != nil {
				return exit(exitCannot, err)
			}
			defer links.Close()
			chains, err := nft.Dial()
			if err != nil {
				return exit(exitCannot, err)
			}
			defer chains.Close()
			set, report := c.load(nil)
			if set == nil {
				fmt.Fprintf(c.err, "vifd: %v; what depends on them is not looked at (vifd check says more)\n", report.Err())
			}
			found := doctor.Examine(context.Background(), &doctor.Host{Root: "/", Links: links, Rules: chains, Set: set})
			found.APIVersion, found.Kind = ctl.APIVersion, "Doctor"
			if c.output == "json" {
				err = c.printJSON(found)
			} else {
				err = found.WriteText(c.out, printable)
			}
			switch {
			case err != nil:
				return exit(exitCannot, fmt.Errorf("write report: %w", err))
			case found.Errors():
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}
