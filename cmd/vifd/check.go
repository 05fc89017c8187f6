package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vifd/rules"
)

func (c *command) check() *cobra.Command {
	var strict, kernel bool
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "lint rules",
		Long: "check reads rules from files and folders (- is standard input), or from where vifd would, and says what is wrong with\n" +
			"them: FILE:LINE:COL: error[VIFnnn]: message, the line, and a hint. It exits with 0 where there are no errors, else with 1;\n" +
			"with --strict warnings count as well. With --kernel the running kernel is asked whether it would take the firewall that\n" +
			"the rules make, and nothing of it is put in force; this takes CAP_NET_ADMIN.",
		RunE: func(_ *cobra.Command, paths []string) error { return c.runCheck(paths, strict, kernel) },
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings count as errors")
	cmd.Flags().BoolVar(&kernel, "kernel", false, "ask the running kernel, too")
	return cmd
}

func (c *command) runCheck(paths []string, strict, kernel bool) error {
	set, report := c.load(paths)
	var err error
	if set != nil {
		err = checkFirewall(set, report, kernel)
	}
	if werr := c.writeReport(report); werr != nil {
		return exit(exitCannot, fmt.Errorf("write report: %w", werr))
	}
	switch {
	case err != nil:
		return exit(exitCannot, err)
	case report.Errors() > 0 || strict && report.Warnings() > 0:
		return exit(exitFailed, nil)
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
