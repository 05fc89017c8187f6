package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vifd/rules/schema"
)

func (c *command) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of rules files, for editors",
		Long: "schema prints the JSON Schema (2020-12) of rules files. An editor that knows YAML completes keys by it and shows what is wrong while\n" +
			"it is written, if a file begins with\n\n    # yaml-language-server: $schema=/usr/share/vifd/vifd.schema.json\n\n" +
			"What it cannot say, such as whether a template exists, `vifd check` does.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := schema.JSON()
			if err == nil {
				_, err = c.out.Write(text)
			}
			if err != nil {
				return exit(exitCannot, fmt.Errorf("write the schema: %w", err))
			}
			return nil
		},
	}
}
