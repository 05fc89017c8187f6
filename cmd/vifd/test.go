package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	list, failFast  bool
	coverage        bool
	minimum         float64
	junit           string
	parallel        int
}

func (c *command) test() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [PATH…]",
		Short: "run the rules' own unit tests",
		Long: "test runs the tests that stand beside rules and templates, in files and folders (- is standard input), or where vifd would\n" +
			"read its rules, and in the files NAME.test.yaml beside them: which rule a vif's facts lead to, and what becomes of its packets.\n" +
			"For each it prints PASS or FAIL, and what was wanted and got. It exits with 0 where all passed, with 1 where one failed or\n" +
			"could not be read, or less was covered than --coverage-min asks for, and with 3 where the rules have errors. Nothing is changed.",
		RunE: func(_ *cobra.Command, paths []string) error { return c.runTests(paths, &f) },
	}
	cmd.Flags().StringVar(&f.run, "run", "", "run the tests whose names match this `regexp`")
	cmd.Flags().BoolVar(&f.list, "list", false, "print which tests there are, and run none")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print what became of each packet, and who decided")
	cmd.Flags().BoolVar(&f.steps, "steps", false, "as -v, and print every statement that was looked at, and what of it failed")
	cmd.Flags().BoolVar(&f.library, "library", false, "run the tests of the built-in templates as well")
	cmd.Flags().BoolVar(&f.kernel, "kernel", false, "send the packets through this host's kernel as well, in private namespaces: no root is needed")
	cmd.Flags().BoolVar(&f.failFast, "fail-fast", false, "the first failure ends the run")
	cmd.Flags().IntVar(&f.parallel, "parallel", 0, "`number` of tests that run at a time (default one for each CPU; with --kernel always one)")
	cmd.Flags().BoolVar(&f.coverage, "coverage", false, "say which rules and statements no test has come to")
	cmd.Flags().Float64Var(&f.minimum, "coverage-min", 0, "fail where less than this `percent` of them are covered")
	cmd.Flags().StringVar(&f.junit, "junit", "", "write the report to this `file` as JUnit's XML, too; - is standard output, and standard error gets the text")
	return cmd
}

func (f *testFlags) check() error {
	switch {
	case f.parallel < 0:
		return exit(exitUsage, fmt.Errorf("--parallel %d: a number of tests, or 0", f.parallel))
	case !(f.minimum >= 0 && f.minimum <= 100): // nor NaN
		return exit(exitUsage, fmt.Errorf("--coverage-min %g: from 0 to 100 percent", f.minimum))
	case f.list && (f.coverage || f.minimum > 0 || f.junit != "" || f.kernel):
		return exit(exitUsage, errors.New("--list runs no test: there is nothing to report of them"))
	}
	return nil
}

func (c *command) runTests(paths []string, f *testFlags) error {
	pattern, err := regexp.Compile(f.run)
	if err != nil {
		return exit(exitUsage, fmt.Errorf("--run: %w", err))
	}
	if err := f.check(); err != nil {
		return err
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
	c.tests = true
	set, rs, err := c.checkedRules()
	if err != nil {
		return err
	}
	o := ruletest.Options{
		Set: set, Rules: rs, Run: pattern, Library: f.library, Parallel: f.parallel, FailFast: f.failFast, Coverage: f.coverage || f.minimum > 0,
	}
	if f.run != "" && len(o.Selected()) == 0 {
		return exit(exitUsage, fmt.Errorf("--run: no test's name matches %q; --list prints them", f.run))
	}
	if f.list {
		return c.printTests(c.out, ruletest.List(&o), f)
	}
	if f.kernel {
		l := &lab.Lab{}
		defer l.Close()
		o.Kernel = l
	}
	report, err := ruletest.Run(o)
	if err != nil {
		return exit(exitCannot, err)
	}
	short := false
	if report.Coverage != nil {
		report.Coverage.Minimum = f.minimum
		short = report.Coverage.Short()
	}
	out := c.out
	if f.junit == junitStdout {
		out = c.err
	}
	if err := c.printTests(out, report, f); err != nil {
		return err
	}
	if err := c.writeJUnit(report, f.junit); err != nil {
		return err
	}
	if report.Failed+report.Errors > 0 || short {
		return exit(exitFailed, nil)
	}
	return nil
}

// testOutput is what `vifd test` prints, as text or JSON.
type testOutput interface {
	WriteText(w io.Writer, s ruletest.Style) error
}

// printTests prints a report or a listing.
func (c *command) printTests(w io.Writer, of testOutput, f *testFlags) error {
	var err error
	if c.output == "json" {
		err = json.NewEncoder(w).Encode(of)
	} else {
		err = of.WriteText(w, c.testStyle(w, f))
	}
	if err != nil {
		return exit(exitCannot, fmt.Errorf("write report: %w", err))
	}
	return nil
}

// junitStdout stands for standard output.
const junitStdout = "-"

// writeJUnit writes the file for the CI system, whatever the tests came to.
func (c *command) writeJUnit(report *ruletest.Report, name string) error {
	if name == "" {
		return nil
	}
	var text bytes.Buffer
	err := report.WriteJUnit(&text)
	switch {
	case err != nil:
	case name == junitStdout:
		_, err = c.out.Write(text.Bytes())
	default:
		err = os.WriteFile(name, text.Bytes(), 0o644)
	}
	if err != nil {
		return exit(exitCannot, fmt.Errorf("--junit: %w", err))
	}
	return nil
}

func (c *command) testStyle(w io.Writer, f *testFlags) ruletest.Style {
	paint := func(sgr string) func(string) string {
		if !c.colored(w) {
			return func(s string) string { return s }
		}
		return func(s string) string { return sgr + s + "\x1b[0m" }
	}
	steps := f.steps || c.logLevel == "debug"
	return ruletest.Style{Verbose: f.verbose || steps, Steps: steps, Printable: printable, Good: paint("\x1b[1;32m"), Bad: paint("\x1b[1;31m")}
}
