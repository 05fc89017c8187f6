package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vifd/internal/importer"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// importFlags are the flags of `vifd import`.
type importFlags struct {
	format, file  string
	force, strict bool
}

func (c *command) imports() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER…",
		Short: "make rules of Xen's, libvirt's or Qubes' configuration",
		Long: "import reads xend-config.sxp, xl.conf, domains of xl, libvirt's domains, networks and nwfilters, and the sets of Qubes OS,\n" +
			"and prints rules that do the same, each below the file and line that it comes from. - is standard input, as in\n" +
			"virsh dumpxml web | vifd import -. What cannot be carried over is listed at their end and on standard error, with its place.\n" +
			"Nothing is changed. It exits with 1 where a file is refused, and with --strict also where something was not carried over.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error { return c.runImport(paths, &f) },
	}
	cmd.Flags().StringVar(&f.format, "format", "auto", "`format` that the files are of: "+strings.Join(importer.Formats(), ", "))
	cmd.Flags().StringVarP(&f.file, "out", "O", "", "write the rules to this `file`, which must not exist")
	cmd.Flags().BoolVar(&f.force, "force", false, "with -O: replace the file where it exists")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit with 1 where something was not carried over")
	return cmd
}

func (c *command) runImport(paths []string, f *importFlags) error {
	known := false
	for _, format := range importer.Formats() {
		known = known || format == f.format
	}
	if !known {
		return exit(exitUsage, fmt.Errorf("--format %q is not one of %s", f.format, strings.Join(importer.Formats(), ", ")))
	}
	result, err := importer.Import(f.format, paths, c.in)
	if err != nil {
		return exit(exitFailed, err)
	}
	err = c.checkImported(result)
	for _, n := range result.Notes {
		fmt.Fprintln(c.err, printable(n.String()))
	}
	if err != nil {
		return exit(exitCannot, err)
	}
	if err := c.writeImport(result, f); err != nil {
		return err
	}
	if f.strict && result.Lost() {
		return exit(exitFailed, nil)
	}
	return nil
}

// faithful are warnings of what the files that were imported may say themselves. All others are of what import makes of it.
var faithful = map[string]bool{
	rules.CodeUnusedNetwork: true,
	rules.CodeNoSuchGuest:   true,
	rules.CodeWholeTrunk:    true,
	rules.CodeBelowFrame:    true,
	rules.CodeDerivedTwice:  true,
}

// checkImported holds the rules against what check --strict does: hostile input must not become rules that say something else. What is
// faithful, and warned of, is allowed in the document, and noted.
func (c *command) checkImported(result *importer.Result) error {
	report, err := c.strictly(result.Document)
	if err != nil {
		return err
	}
	var warnings []importer.Warning
	for _, p := range report.Problems {
		if p.Severity == rules.Warning && faithful[p.Code] {
			warnings = append(warnings, importer.Warning{Line: p.Pos.Line, Code: p.Code, Text: p.Msg})
		}
	}
	if len(warnings) > 0 {
		result.Allow(warnings)
		if report, err = c.strictly(result.Document); err != nil {
			return err
		}
	}
	if report.Errors() > 0 || report.Warnings() > 0 {
		return fmt.Errorf("what was made of the files does not pass check --strict; this is a defect of vifd:\n%s", problemText(report))
	}
	return nil
}

// strictly runs what check --strict runs.
func (c *command) strictly(document string) (*rules.Report, error) {
	set, report := rules.Load(rules.Options{Paths: []string{rules.Stdin}, Stdin: strings.NewReader(document), Library: rulesd.FS, Tests: true})
	ran := rules.Semantics
	if set != nil {
		var err error
		if ran, err = c.checkSet(set, report, checkOptions{}); err != nil {
			return nil, err
		}
	}
	report.AddUnusedIgnores(func(code rules.Code) bool { return report.Errors() == 0 && ranFor(code, ran, checkOptions{}) })
	return report, nil
}

// importReport is what -o json prints.
type importReport struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Rules      string       `json:"rules"`
	Notes      []importNote `json:"notes"`
}

type importNote struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"column,omitempty"`
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do,omitempty"`
	Lost bool   `json:"lost"`
}

func (c *command) writeImport(result *importer.Result, f *importFlags) error {
	if f.file != "" {
		if err := writeNew(f.file, result.Document, f.force); err != nil {
			return exit(exitFailed, err)
		}
		return nil
	}
	if c.output == "json" {
		report := importReport{APIVersion: "vifd/v1", Kind: "Import", Rules: result.Document, Notes: []importNote{}}
		for _, n := range result.Notes {
			report.Notes = append(report.Notes, importNote{n.Pos.File, n.Pos.Line, n.Pos.Col, n.What, n.Why, n.Do, n.Lost})
		}
		return c.printJSON(report)
	}
	if _, err := fmt.Fprint(c.out, result.Document); err != nil {
		return exit(exitCannot, fmt.Errorf("write rules: %w", err))
	}
	return nil
}

// writeNew writes a file that is not there. With replace it takes the place of one that is, at once: whoever reads the folder in
// between reads the old rules or the new ones, and no half of them.
func writeNew(name, text string, replace bool) error {
	if !replace {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists; --force replaces it", name)
		}
		if err != nil {
			return fmt.Errorf("write rules: %w", err)
		}
		return fill(f, text)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".vifd-import-*")
	if err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	err = errors.Join(f.Chmod(0o644), fill(f, text))
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write rules: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// fill writes text and closes the file.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}
