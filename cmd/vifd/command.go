package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"vifd/handler"
	rulesd "vifd/rules.d"

	"vifd/rules"
)

// The exit codes of every verb.
const (
	exitDone   = 0
	exitFailed = 1 // what was asked for did not come true
	exitUsage  = 2 // the command line is wrong
	exitCannot = 3 // vifd could not run at all
)

// exitError carries the exit code that an error ends the program with.
type exitError struct {
	code int
	err  error // nil: everything has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code: code, err: err} }

// command is vifd with what it needs of the process around it.
type command struct {
	program  string // what it was called by
	in       io.Reader
	out, err io.Writer
	environ  []string

	rules     []string
	state     string
	output    string
	color     string
	logLevel  string
	logFormat string
	scripts   []string // those of Xen's scripts by whose name vifd was called: what they did is what becomes of a vif without a rule
	tests     bool     // files of tests are read as well as rules
	lean      bool     // load what deciding about vifs takes, and no more
	terse     bool     // of the rules' problems only the first is told: what is said goes between another program's lines
}

// defaultState is where records and the socket are kept.
const defaultState = "/run/vifd"

// main runs a command line and returns the exit code.
func (c *command) main(args []string) int {
	root := c.root()
	if asScript(c.program) {
		args = append([]string{"hotplug"}, args...)
	}
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	verb, err := root.ExecuteC()
	var e *exitError
	switch {
	case err == nil:
		return exitDone
	case !errors.As(err, &e):
		// Only cobra's own errors come without a code, and they are about the command line.
		e = &exitError{code: exitUsage, err: fmt.Errorf("%w (%s --help tells more)", err, verb.CommandPath())}
	}
	if e.err != nil {
		hint := ""
		if errors.Is(e.err, fs.ErrPermission) && !strings.Contains(e.err.Error(), "as root") {
			hint = ": run it as root"
		}
		fmt.Fprintf(c.err, "vifd: %s%s\n", c.shown(e.err), hint)
	}
	return e.code
}

// shown is an error as standard error gets it, which may be a terminal: values in it are anybody's. Where another program's lines stand around it,
// it is one line.
func (c *command) shown(err error) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case r != '\n' && r != '\t':
			return unicode.ReplacementChar
		case c.terse:
			return ' '
		}
		return r
	}, err.Error())
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "vifd",
		Short: "connect virtual machines to the host's network, by rules",
		Long: "vifd connects a guest's interface to the host's network the moment the kernel announces it: it matches the interface\n" +
			"against rules, which say what bridge it joins and what firewall templates guard it, and takes it back when it goes.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
	}
	var say bool
	root.Flags().BoolVarP(&say, "version", "v", false, "say which vifd this is")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if say {
			return c.printVersion()
		}
		return exit(exitUsage, errors.Join(cmd.Help()))
	}
	flags := root.PersistentFlags()
	flags.StringArrayVar(&c.rules, "rules", nil, "rules: a `path` of a file or folder, may be repeated (default "+strings.Join(rules.DefaultFolders(), ", ")+")")
	flags.StringVar(&c.state, "state", defaultState, "`folder` of records and of the socket")
	flags.StringVarP(&c.output, "output", "o", "text", "`form` of what is printed: text or json; check knows sarif and github, too")
	flags.StringVar(&c.color, "color", "auto", "`when` there are colours: auto, always or never; NO_COLOR is heeded")
	flags.StringVar(&c.logLevel, "log-level", "info", "least `level` that is logged: debug, info, warn or error")
	flags.StringVar(&c.logFormat, "log-format", "text", "`form` of the log: text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return c.checkFlags(cmd) }
	if asScript(c.program) {
		root.AddCommand(c.hotplug()) // Xen waits for it with every guest: what it does not need is not made
		return root
	}
	root.AddCommand(c.completable(root, c.listen(), c.handle(), c.hotplug(), c.check(), c.status(), c.explain(), c.test(), c.reload(), c.version(), c.doctor(), c.network(), c.demo(), c.imports(), c.plan(), c.sync(), c.events(), c.replay(), c.fmt(), c.schema(), c.cat(), c.man(), c.graph())...)
	sayUsage(root)
	return root
}

// outputs are the forms that a verb knows of what it prints.
func outputs(verb *cobra.Command) []string {
	switch verb.Name() {
	case "check":
		return []string{"text", "json", "sarif", "github"}
	case "completion", "demo", "fmt", "man", "start", "stop", "try", "confirm", "recover": // a script that asks them for JSON is to hear that it gets none
		return []string{"text"}
	}
	return []string{"text", "json"}
}

func (c *command) checkFlags(cmd *cobra.Command) error {
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"output", c.output, outputs(cmd)},
		{"color", c.color, []string{"auto", "always", "never"}},
		{"log-level", c.logLevel, []string{"debug", "info", "warn", "error"}},
		{"log-format", c.logFormat, []string{"text", "json"}},
	} {
		switch {
		case slices.Contains(f.known, f.value):
		case len(f.known) == 1:
			return exit(exitUsage, fmt.Errorf("%s prints text alone, not %q", cmd.CommandPath(), f.value))
		default:
			return exit(exitUsage, fmt.Errorf("--%s %q is not one of %s", f.name, f.value, strings.Join(f.known, ", ")))
		}
	}
	return nil
}

// logger writes to standard error, in the form asked for.
func (c *command) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) // checkFlags has seen it
	opts := &slog.HandlerOptions{Level: level}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.err, opts))
	}
	return slog.New(slog.NewTextHandler(c.err, opts))
}

// colored reports whether w is to get colours.
func (c *command) colored(w io.Writer) bool {
	switch c.color {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := w.(*os.File)
	if !ok || c.env("NO_COLOR") != "" || c.env("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (c *command) env(name string) string {
	for _, kv := range c.environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// load reads the rules that the command line names; the Set is nil where the report has errors. What is wrong with a test is none of
// them: a rule that was renamed, and its test forgotten, takes no guest off the network.
func (c *command) load(paths []string) (*rules.Set, *rules.Report) {
	opts := c.loading(paths)
	opts.TestsApart = true
	return rules.Load(opts)
}

// loadFor is load for a linter: errors of tests count, and the warnings of some codes do not.
func (c *command) loadFor(paths, disable []string) (*rules.Set, *rules.Report) {
	opts := c.loading(paths)
	opts.Disable = disable
	return rules.Load(opts)
}

func (c *command) loading(paths []string) rules.Options {
	if len(paths) == 0 {
		paths = c.rules
	}
	opts := rules.Options{Paths: paths, Stdin: c.in, Library: rulesd.FS, Tests: c.tests, Lean: c.lean}
	for _, script := range c.scripts {
		opts.Last = append(opts.Last, scriptRules(script))
	}
	if len(paths) == 0 {
		opts.Paths, opts.Optional = rules.DefaultFolders(), true
	}
	return opts
}

// scriptRules is the file of the library that does the work of one of Xen's scripts.
func scriptRules(script string) string { return "hotplug/" + script + ".yaml" }

// ruleset loads the rules and prepares them; problems are printed to standard error.
func (c *command) ruleset() (*handler.Ruleset, error) {
	_, rs, err := c.checkedRules()
	return rs, err
}

// checkedRules is ruleset with what it is made of.
func (c *command) checkedRules() (*rules.Set, *handler.Ruleset, error) {
	set, report := c.load(nil)
	if len(report.Problems) > 0 && !c.terse {
		if err := report.WriteText(c.err, c.colored(c.err)); err != nil {
			return nil, nil, exit(exitCannot, err)
		}
	}
	if set == nil {
		return nil, nil, exit(exitCannot, report.Err())
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		return nil, nil, exit(exitCannot, err)
	}
	return set, rs, nil
}
