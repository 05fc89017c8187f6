package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vifd/cmd/vifd/lab"
	"vifd/cmd/vifd/ruletest"
	"vifd/internal/private"
)

// labMark tells the process that it is where --kernel has put it.
const labMark = "VIFD_LAB"

// testFlags are the flags of `vifd test`.
type testFlags struct {
	run             string
	verbose, steps  bool
	library, kernel bool
}

func (c *command) test() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [PATH…]",
		Short: "run the rules' own unit tests",
		Long: "test runs the tests that stand beside rules and templates, in files and folders (- is standard input), or where vifd would\n" +
			"read its rules: which rule a vif's facts lead to, and what becomes of its packets. For each it prints PASS or FAIL, and what was\n" +
			"wanted and got. It exits with 0 where all passed, else with 1, and with 3 where the rules have errors. Nothing is changed.",
		RunE: func(_ *cobra.Command, paths []string) error { return c.runTests(paths, &f) },
	}
	cmd.Flags().StringVar(&f.run, "run", "", "run the tests whose names match this regular expression")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print what became of each packet, and who decided")
	cmd.Flags().BoolVar(&f.steps, "steps", false, "with -v: print every statement that was looked at, and what of it failed")
	cmd.Flags().BoolVar(&f.library, "library", false, "run the tests of the built-in templates as well")
	cmd.Flags().BoolVar(&f.kernel, "kernel", false, "send the packets through this host's kernel as well, in private namespaces: no root is needed")
	return cmd
}

func (c *command) runTests(paths []string, f *testFlags) error {
	pattern, err := regexp.Compile(f.run)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--run: %w", err))
	}
	if f.kernel && !private.Inside(c.environ, labMark) {
		code, err := private.Run(c.environ, labMark, unix.CLONE_NEWNET)
		if err != nil {
			return exit(exitCannot, err)
		}
		if code != exitDone {
			return exit(max(code, exitFailed), nil) // the part inside has said why
		}
		return nil
	}
	if len(paths) > 0 {
		c.rules = paths
	}
	set, rs, err := c.checkedRules()
	if err != nil {
		return err
	}
	o := ruletest.Options{Set: set, Rules: rs, Run: pattern, Library: f.library}
	if f.kernel {
		l := &lab.Lab{}
		defer l.Close()
		o.Kernel = l
	}
	report, err := ruletest.Run(o)
	if err != nil {
		return exit(exitCannot, err)
	}
	if c.output == "json" {
		err = c.printJSON(report)
	} else {
		err = report.WriteText(c.out, c.testStyle(f))
	}
	if err != nil {
		return exit(exitCannot, fmt.Errorf("write report: %w", err))
	}
	if report.Failed > 0 {
		return exit(exitFailed, nil)
	}
	return nil
}

func (c *command) testStyle(f *testFlags) ruletest.Style {
	paint := func(sgr string) func(string) string {
		if !c.colored(c.out) {
			return func(s string) string { return s }
		}
		return func(s string) string { return sgr + s + "\x1b[0m" }
	}
	steps := f.steps || c.logLevel == "debug"
	return ruletest.Style{Verbose: f.verbose || steps, Steps: steps, Printable: printable, Good: paint("\x1b[1;32m"), Bad: paint("\x1b[1;31m")}
}
