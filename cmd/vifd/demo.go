package main

import (
	"github.com/spf13/cobra"

	"vifd/cmd/vifd/demo"
)

func (c *command) demo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "show the main job, live, in private namespaces: no root, no Xen, nothing on the host touched",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			code, err := demo.Run(c.out, c.err, c.environ)
			if err != nil || code != exitDone {
				return exit(max(code, exitFailed), err)
			}
			return nil
		},
	}
}
