package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vifd/handler"
	"vifd/rules"
)

func (c *command) check() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "lint rules",
		Long: "check reads rules from files and folders (- is standard input), or from where vifd would, and says what is wrong with\n" +
			"them: FILE:LINE:COL: error[VIFnnn]: message, the line, and a hint. It exits with 0 where there are no errors, else with 1;\n" +
			"with --strict warnings count as well.",
		RunE: func(_ *cobra.Command, paths []string) error { return c.runCheck(paths, strict) },
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as errors")
	return cmd
}

func (c *command) runCheck(paths []string, strict bool) error {
	set, report := c.load(paths)
	if err := c.writeReport(report); err != nil {
		return exit(exitCannot, fmt.Errorf("write report: %w", err))
	}
	if report.Errors() > 0 || strict && report.Warnings() > 0 {
		return exit(exitFailed, nil)
	}
	if _, err := handler.NewRuleset(set); err != nil {
		return exit(exitFailed, err)
	}
	return nil
}

func (c *command) writeReport(report *rules.Report) error {
	switch c.output {
	case "json":
		return report.WriteJSON(c.out)
	case "sarif":
		return report.WriteSARIF(c.out)
	case "github":
		return report.WriteGitHub(c.out)
	}
	return report.WriteText(c.out, c.colored(c.out))
}

// problemText is a report as check prints it.
func problemText(report *rules.Report) string {
	var b strings.Builder
	_ = report.WriteText(&b, false) // a strings.Builder takes everything
	return b.String()
}
