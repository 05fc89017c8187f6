package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// stdinName is what standard input is called in positions.
const stdinName = "<stdin>"

// DefaultFolders returns where rules are read from unless told otherwise; the first has the last word.
func DefaultFolders() []string {
	return []string{"/etc/vifd/rules.d", "/run/vifd/rules.d", "/usr/lib/vifd/rules.d"}
}

// Options says what to load.
type Options struct {
	// Paths are files, folders, and Stdin. The folders together are one: their files sort by name, a name in an earlier folder
	// replaces the same name in a later one, and they stand in the order of rules where the first folder stands. Files are read in
	// the order given.
	Paths []string
	// Optional passes over a path that does not exist: for the default folders.
	Optional bool
	// Stdin is read for the path Stdin; nil is an empty file.
	Stdin io.Reader
	// FS holds Paths; nil is the host's file system.
	FS fs.FS
	// Library holds the built-in templates as templates/*.yaml. They are there whatever is loaded, and cannot be redefined.
	Library fs.FS
	// Tests has files of tests read as well: of folders all *.test.yaml, and NAME.test.yaml beside a file NAME.yaml; of the two it
	// is the same which one Paths names.
	Tests bool
	// TestsApart keeps what is wrong with tests from what is wrong with rules: it stands in the tests' Problems, and not in the report. So
	// no test, whatever it holds, keeps rules from being loaded, unless its file is no YAML.
	TestsApart bool
	// Last are files of Library whose rules stand behind all others.
	Last []string
	// Lean leaves out what deciding about vifs does not take: templates of the library that no rule uses, and the library's tests. Where
	// there is a problem, everything is loaded after all, so that reports are the same.
	Lean bool
	// Disable are codes of warnings that are not reported. Errors are, whatever is disabled.
	Disable []string
}

// Load reads and checks everything that o names. The report holds all problems in the order of the files; with an error among
// them the Set is nil. Both the Set and the report are complete when Load returns: nothing is read later.
func Load(o Options) (*Set, *Report) {
	if o.Lean && !slices.Contains(o.Paths, Stdin) { // which can be read once
		if set, report := load(o); len(report.Problems) == 0 {
			return set, report
		}
	}
	o.Lean = false
	return load(o)
}

func load(o Options) (*Set, *Report) {
	l := loader{Options: o, rep: newReport(), set: newBuilder()}
	l.set.testsApart = l.TestsApart
	if l.FS == nil {
		l.FS = hostFS{}
	}
	l.rep.disable(l.Disable)
	if !l.Lean {
		l.library()
	}
	for _, f := range l.collect() {
		l.read(f)
	}
	for _, name := range l.Last {
		l.readFrom(l.Library, file{path: name, name: libraryName(name)})
	}
	if l.Lean {
		l.needed()
	}
	l.set.finish(l.rep)
	l.set.blame(l.rep)
	l.rep.sort()
	if l.rep.Errors() > 0 {
		return nil, l.rep
	}
	return &l.set.set, l.rep
}

type loader struct {
	Options
	rep *Report
	set *builder
}

// hostFS opens paths as the host does; unlike os.DirFS it takes absolute ones and those with dots.
type hostFS struct{}

func (hostFS) Open(name string) (fs.File, error) { return os.Open(name) }

// Stat keeps fs.Stat from opening the file: opening a FIFO would wait for a writer.
func (hostFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (l *loader) fail(name, msg string) {
	l.set.unread = true
	l.rep.add(Problem{Pos: Pos{File: name}, Code: codeUnreadable, Msg: msg})
}

func (l *loader) library() {
	if l.Library == nil {
		return
	}
	names, err := fs.Glob(l.Library, "templates/*.yaml")
	if err != nil {
		l.fail("<library>", "template library: "+err.Error())
		return
	}
	slices.Sort(names)
	for _, name := range names {
		l.readFrom(l.Library, file{path: name, name: libraryName(name), library: true})
	}
}

// libraryName is what a file of the library is called in positions.
func libraryName(path string) string { return "<library>/" + path }

// read reads one file of the user's.
func (l *loader) read(f file) {
	if f.path == Stdin && f.stdin {
		if l.Stdin != nil {
			l.parse(f, l.Stdin)
		}
		return
	}
	l.readFrom(l.FS, f)
}

func (l *loader) readFrom(fsys fs.FS, f file) {
	r, err := fsys.Open(f.path)
	if err != nil {
		l.fail(f.name, reason(err))
		return
	}
	defer r.Close() //nolint:errcheck // only read from
	l.parse(f, r)
}

// parse reads one file to its end and adds what it says to the set.
func (l *loader) parse(f file, r io.Reader) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	switch {
	case err != nil:
		l.fail(f.name, reason(err))
		return
	case len(data) > maxFileSize:
		l.set.unread = true
		l.rep.add(Problem{Pos: Pos{File: f.name}, Code: codeTooLarge, Msg: fmt.Sprintf("larger than %d MiB", maxFileSize>>20), Hint: "split it"})
		return
	}
	if f.library && l.Lean {
		data = withoutTests(data)
	}
	src := newSource(f.name, string(data))
	src.library, src.apart = f.library, l.TestsApart && !f.library
	l.rep.addSource(src)
	if !f.library {
		l.set.set.Files = append(l.set.set.Files, f.name)
	}
	root := src.parse(l.rep)
	if src.broken {
		l.set.unread = true
	}
	if !src.library {
		src.ignores(l.rep, root)
	}
	if root != nil {
		d := decoder{src: src, rep: l.rep, set: l.set}
		d.file(root)
	}
}

// reason is an error without the path, which the position names.
func reason(err error) string {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return fmt.Sprintf("cannot %s: %v", perr.Op, perr.Err)
	}
	return err.Error()
}

// join puts a file's name behind its folder's as the user wrote it.
func (l *loader) join(folder, name string) string {
	if _, host := l.FS.(hostFS); host {
		return filepath.Join(folder, name)
	}
	return path.Join(folder, name)
}
