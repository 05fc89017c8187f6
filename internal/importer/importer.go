package importer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"vifd/internal/importer/libvirt"
	"vifd/internal/importer/model"
	"vifd/internal/importer/plan"
	"vifd/internal/importer/qubes"
	"vifd/internal/importer/write"
	"vifd/internal/importer/xend"
	"vifd/internal/importer/xl"
)

// Note is something that did not come over as it was.
type Note = model.Note

// Result is what an import has made.
type Result struct {
	Document string // YAML: a rules file
	Notes    []Note // in the order of the files, and of their lines

	out     *plan.Output
	sorted  func([]Note) []Note
	allowed []write.Allowed
}

// Warning is what the linter has against a line of the document.
type Warning struct {
	Line int
	Code string
	Text string
}

// Allow takes warnings off the document where what is warned of is in the files that were imported: a comment names these, and a note
// says what the warning does. What comes from no file is not allowed, and returned. It is called once, since it moves lines.
func (r *Result) Allow(warnings []Warning) (refused []Warning) {
	var notes []Note
	for _, w := range warnings {
		sources := write.Sources(r.out, w.Line)
		if len(sources) == 0 {
			refused = append(refused, w)
			continue
		}
		r.allowed = append(r.allowed, write.Allowed{Line: w.Line, Code: w.Code})
		notes = append(notes, Note{Pos: sources[0], What: w.Code, Why: w.Text, Do: "it was so before; see whether it is meant"})
	}
	r.Notes = r.sorted(append(r.Notes, notes...))
	r.out.Notes = r.Notes
	r.Document = write.Document(r.out, r.allowed)
	return refused
}

// Lost reports whether something was not carried over.
func (r *Result) Lost() bool {
	for _, n := range r.Notes {
		if n.Lost {
			return true
		}
	}
	return false
}

// readers are the formats, by their names on the command line.
var readers = map[string]func(model.Text, *model.Input) error{
	"xend":     xend.Read,
	"xl-conf":  xl.ReadConf,
	"xl":       xl.ReadDomain,
	"libvirt":  libvirt.Read,
	"nwfilter": libvirt.Read,
	"qubes":    qubes.Read,
}

// Formats are the names of the formats; auto tells them apart by what is in a file.
func Formats() []string {
	return []string{"auto", "xend", "xl-conf", "xl", "libvirt", "nwfilter", "qubes"}
}

// Stdin is the path that stands for what is read from standard input.
const Stdin = "-"

// Import reads files, folders, and for Stdin stdin. The error holds all files that were refused, each with its place.
func Import(format string, paths []string, stdin io.Reader) (*Result, error) {
	if _, known := readers[format]; !known && format != "auto" {
		return nil, fmt.Errorf("format %q is none of %v", format, Formats())
	}
	i := importer{format: format, in: &model.Input{}, stdin: stdin, order: map[string]int{}}
	var refused []error
	for _, path := range paths {
		files, err := i.files(path)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		for _, f := range files {
			if err := i.read(f); err != nil {
				refused = append(refused, err)
			}
		}
	}
	if len(refused) == 0 && i.count == 0 {
		refused = append(refused, i.nothing())
	}
	if len(refused) > 0 {
		return nil, errors.Join(refused...)
	}
	out := plan.Make(i.in)
	out.Notes = i.sorted(out.Notes)
	return &Result{Document: write.Document(out, nil), Notes: out.Notes, out: out, sorted: i.sorted}, nil
}

// sorted puts notes into the order of the files, and of the lines in them. What is said twice of a line is said once.
func (i *importer) sorted(notes []Note) []Note {
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(i.order[a.Pos.File], i.order[b.Pos.File]), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	seen := map[Note]bool{}
	return slices.DeleteFunc(notes, func(n Note) bool {
		n.Pos.Col = 0
		twice := seen[n]
		seen[n] = true
		return twice
	})
}

type importer struct {
	format string
	in     *model.Input
	stdin  io.Reader
	piped  bool // it has been read
	seen   []os.FileInfo
	order  map[string]int // of files
	count  int            // files read
}

// file is one to be read; named ones have to be of a known format, those of a folder may be something else.
type file struct {
	path  string
	named bool
}

// descended are the folders within folders that are read as well: where libvirt keeps networks, filters and domains, and links to those
// that begin with the host, and where Xen's tools do. Of others nobody knows what is in them: scripts, locks, certificates.
var descended = map[string]bool{"qemu": true, "libxl": true, "networks": true, "nwfilter": true, "autostart": true, "auto": true}

// files are those that a path stands for: of a folder first its own, and then those of the folders in it, which may be links.
func (i *importer) files(path string) ([]file, error) {
	if path == Stdin {
		return []file{{path, true}}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if !info.IsDir() {
		return []file{{path, true}}, nil
	}
	if i.before(info) {
		return nil, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	var files, within []file
	for _, e := range entries {
		full := filepath.Join(path, e.Name())
		info, err := os.Stat(full)
		switch {
		case err != nil:
			return nil, fmt.Errorf("import: %w", err)
		case info.IsDir() && descended[e.Name()]:
			list, err := i.files(full)
			if err != nil {
				return nil, err
			}
			within = append(within, list...)
		case info.IsDir():
			i.in.Change(model.Pos{File: full}, "folder", "it lies in a folder, and was not read", "name it, if there is something to import in it")
		case info.Mode().IsRegular():
			files = append(files, file{full, false})
		}
	}
	return append(files, within...), nil
}

// before reports whether a file or folder has been read, under whatever name; if not, now it is.
func (i *importer) before(info os.FileInfo) bool {
	if slices.ContainsFunc(i.seen, func(seen os.FileInfo) bool { return os.SameFile(info, seen) }) {
		return true
	}
	i.seen = append(i.seen, info)
	return false
}

// nothing says why nothing was read, and where nobody looked.
func (i *importer) nothing() error {
	err := errors.New("nothing was imported: no file is of a format that import knows")
	for _, n := range i.in.Notes {
		err = errors.Join(err, errors.New(n.String()))
	}
	return err
}

func (i *importer) read(f file) error {
	if f.path == Stdin {
		return i.pipe()
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if i.before(info) {
		return nil
	}
	data, err := load(f.path)
	if err != nil {
		return fmt.Errorf("import %s: %w", f.path, err)
	}
	return i.text(f, data)
}

// pipe reads standard input, which can be read once.
func (i *importer) pipe() error {
	if i.piped {
		return nil
	}
	i.piped = true
	data, err := limited(i.stdin)
	if err != nil {
		return fmt.Errorf("import standard input: %w", err)
	}
	return i.text(file{"<stdin>", true}, data)
}

// text reads what is in a file.
func (i *importer) text(f file, data string) error {
	i.order[f.path] = len(i.order) + 1
	text := model.NewText(f.path, data)
	format := i.format
	if format == "auto" {
		format = detect(f.path, data)
	}
	read, known := readers[format]
	switch {
	case known:
		i.count++
		return read(text, i.in)
	case f.named:
		return &model.Error{Pos: model.Pos{File: f.path}, Msg: "its format is none that import knows", Hint: "--format says what it is"}
	}
	i.in.Change(model.Pos{File: f.path}, "file", "its format is none that import knows: it was not read", "")
	return nil
}

// load reads a file, or what a program writes into a pipe, of bounded size.
func load(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	return limited(f)
}

// limited reads a file of bounded size.
func limited(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, model.MaxFile+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > model.MaxFile:
		return "", fmt.Errorf("larger than %d MiB", model.MaxFile>>20)
	}
	return string(data), nil
}
