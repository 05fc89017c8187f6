package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vifd/rules"
	"vifd/rules/format"
)

// fmtFlags are the flags of `vifd fmt`.
type fmtFlags struct{ check, diff, write bool }

func (c *command) fmt() *cobra.Command {
	var f fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt FILE|FOLDER|-…",
		Short: "give rules files one form; what they say stays as it is",
		Long: "fmt lays rules out anew: two blanks of indentation, at most one empty line between entries, quotes where they are of use, in one\n" +
			"line what is in brackets and fits into 120 columns. Comments and the order of everything stay. One file, or - for standard input,\n" +
			"is printed; of more, and of the *.yaml of folders, say what is to become: -w, --check or --diff. A file that is not YAML, or holds\n" +
			"what rules may not (anchors, tags, a second document), is left alone. It exits with 1 where a file could not be formatted, and with\n" +
			"--check where one would change.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error { return c.runFmt(paths, &f) },
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "list the files that would change, and exit with 1 if there are any")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "print what would change, as patch takes it")
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, "write the files, each at once and with the mode and owner it has")
	return cmd
}

func (c *command) runFmt(paths []string, f *fmtFlags) error {
	if f.write && (f.check || f.diff) {
		return exit(exitUsage, errors.New("--write changes files, and --check and --diff do not"))
	}
	files, err := rulesFiles(paths)
	if err != nil {
		return exit(exitFailed, err)
	}
	if len(files) > 1 && !f.write && !f.check && !f.diff {
		return exit(exitUsage, fmt.Errorf("%d files: use --write, --check or --diff", len(files)))
	}
	failed, changed := false, false
	for _, name := range files {
		differs, err := c.fmtFile(name, f)
		if err != nil {
			fmt.Fprintf(c.err, "vifd: %s\n", printable(err.Error()))
			failed = true
		}
		changed = changed || differs
	}
	if failed || f.check && changed {
		return exit(exitFailed, nil)
	}
	return nil
}

// rulesFiles are the files that paths name: of a folder those that rules are read from, and tests.
func rulesFiles(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if p == rules.Stdin || err == nil && !info.IsDir() {
			files = append(files, p)
			continue
		}
		if err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := filepath.Join(p, e.Name())
			if strings.HasPrefix(e.Name(), ".") || filepath.Ext(name) != ".yaml" {
				continue
			}
			// A link to /dev/null masks a file, and stays.
			if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
				files = append(files, name)
			}
		}
	}
	return files, nil
}

// fmtFile formats one file, and reports whether that changes it.
func (c *command) fmtFile(name string, f *fmtFlags) (differs bool, err error) {
	shown, read := name, func() ([]byte, error) { return os.ReadFile(name) }
	if name == rules.Stdin {
		shown, read = "<stdin>", func() ([]byte, error) { return io.ReadAll(c.in) }
	}
	text, err := read()
	if err != nil {
		return false, err
	}
	out, err := format.Source(shown, string(text))
	if err != nil {
		return false, err
	}
	differs = out != string(text)
	switch {
	case f.write && name != rules.Stdin:
		if differs {
			err = replaceFile(name, out)
		}
		return differs, err
	case f.diff:
		_, err = io.WriteString(c.out, format.Diff(shown, string(text), out))
	case f.check:
		if differs {
			_, err = fmt.Fprintln(c.out, printable(shown))
		}
	default:
		_, err = io.WriteString(c.out, out)
	}
	return differs, err
}

// replaceFile puts text in the place of a file's, at once: whoever reads it in between, a listener that reloads, reads the old rules or
// the new ones. The new file has the mode and the owner of the old one, and where name is a link it stays one.
func replaceFile(name, text string) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".vifd-fmt-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if was, ok := info.Sys().(*syscall.Stat_t); ok {
		if mine, merr := f.Stat(); merr == nil && !sameOwner(mine, was) {
			err = f.Chown(int(was.Uid), int(was.Gid))
		}
	}
	// The mode comes after the owner: a change of that takes bits of it away (chown(2)).
	err = errors.Join(err, f.Chmod(info.Mode().Perm()))
	_, werr := f.WriteString(text)
	err = errors.Join(err, werr, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}

func sameOwner(info os.FileInfo, was *syscall.Stat_t) bool {
	is, ok := info.Sys().(*syscall.Stat_t)
	return ok && is.Uid == was.Uid && is.Gid == was.Gid
}
