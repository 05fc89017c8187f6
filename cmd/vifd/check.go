package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vifd/rules"
	"vifd/rules/lint"
)

// checkOptions are the flags of check.
type checkOptions struct {
	strict, env, kernel, list bool

	disable []string
	explain string
	diff    bool
}

func (c *command) check() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [PATH…] | --diff OLD NEW",
		Short: "lint rules",
		Long: "check reads rules from files and folders (- is standard input), or from where vifd would, and says what is wrong with\n" +
			"them: FILE:LINE:COL: error[VIFnnn]: message, the line, and a hint. It exits with 0 where there are no errors, else with 1;\n" +
			"with --strict warnings count as well. docs/checks.md tells of every code, and --explain VIFnnn prints what it says.\n\n" +
			"It goes by phases: syntax, schema, references, semantics, cross-file, and where they are asked for --env (does what the\n" +
			"rules name exist on this host) and --kernel (would the running kernel take the firewall; nothing of it is put in force;\n" +
			"this takes CAP_NET_ADMIN). What one phase finds broken the later ones do not look at.\n\n" +
			"A warning is taken off by # vifd:ignore VIFnnn REASON, on its line or above it, or for all of a run by --disable.",
		RunE: func(cmd *cobra.Command, paths []string) error {
			if o.explain == "" && cmd.Flags().Changed("explain") {
				return exit(exitUsage, errors.New("--explain takes a code, as VIF101; --list prints them"))
			}
			return c.runCheck(paths, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.strict, "strict", false, "warnings count as errors")
	flags.BoolVar(&o.env, "env", false, "look at this host, too")
	flags.BoolVar(&o.kernel, "kernel", false, "ask the running kernel, too")
	flags.StringSliceVar(&o.disable, "disable", nil, "`codes` of warnings that are not reported: VIFnnn[,VIFnnn…]")
	flags.BoolVar(&o.list, "list", false, "print the table of checks")
	flags.BoolVar(&o.diff, "diff", false, "say which rules, and which guests of this host, would be otherwise with NEW instead of OLD")
	flags.StringVar(&o.explain, "explain", "", "print what the documentation says of a `code`")
	return cmd
}

func (c *command) runCheck(paths []string, o checkOptions) error {
	if err := checkDisabled(o.disable); err != nil {
		return exit(exitUsage, err)
	}
	switch {
	case o.explain != "":
		return c.explainCode(o.explain)
	case o.list:
		return c.listChecks()
	case o.diff && len(paths) != 2:
		return exit(exitUsage, errors.New("--diff takes two files or folders, OLD and NEW"))
	case o.diff:
		return c.diffRules(paths[0], paths[1])
	}
	c.tests = true
	set, report := c.loadFor(paths, o.disable)
	ran := rules.Semantics
	var err error
	if set != nil {
		ran, err = c.checkSet(set, report, o)
	}
	report.AddUnusedIgnores(func(code rules.Code) bool { return report.Errors() == 0 && ranFor(code, ran, o) })
	if werr := c.writeReport(report); werr != nil {
		return exit(exitCannot, fmt.Errorf("write report: %w", werr))
	}
	switch {
	case err != nil:
		return exit(exitCannot, err)
	case report.Errors() > 0 || o.strict && report.Warnings() > 0:
		return exit(exitFailed, nil)
	}
	return nil
}

// ranFor reports whether the phase that finds a code has been run.
func ranFor(code rules.Code, last rules.Phase, o checkOptions) bool {
	return code.Phase() <= last && (code.Phase() != rules.Env || o.env)
}

// checkSet runs the phases behind the load, and returns the last that it has run.
func (c *command) checkSet(set *rules.Set, report *rules.Report, o checkOptions) (rules.Phase, error) {
	found := append(lint.Check(set, lint.Options{Shipped: shipped}), derivedTwice(set)...)
	report.AddAll(found)
	program := checkFirewall(set, report)
	if program == nil {
		return rules.CrossFile, nil
	}
	last := rules.CrossFile
	if o.env {
		found, err := checkEnv(set)
		report.AddAll(found)
		if err != nil {
			return last, err
		}
		last = rules.Env
	}
	if o.kernel {
		return rules.Kernel, askKernel(program, report, statementPlaces(set))
	}
	return last, nil
}

// shipped reports whether a file is one that came with vifd: in the last of the default folders, which packages alone write to.
func shipped(file string) bool {
	folders := rules.DefaultFolders()
	return filepath.Dir(file) == folders[len(folders)-1]
}

// checkDisabled refuses codes that there are none of, and those of errors.
func checkDisabled(codes []string) error {
	for _, id := range codes {
		code, err := rules.LookupCode(id)
		switch {
		case err != nil:
			return fmt.Errorf("--disable: %w", err)
		case code.Severity == rules.Error:
			return fmt.Errorf("--disable: %s (%s) is an error, with which nothing is loaded: it cannot be disabled", code.ID, code.Title)
		}
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
