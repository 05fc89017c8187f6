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

// Import reads files and folders. The error holds all files that were refused, each with its place.
func Import(format string, paths []string) (*Result, error) {
	if _, known := readers[format]; !known && format != "auto" {
		return nil, fmt.Errorf("format %q is none of %v", format, Formats())
	}
	i := importer{format: format, in: &model.Input{}, order: map[string]int{}}
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
		refused = append(refused, errors.New("nothing was imported: no file is of a format that import knows"))
	}
	if len(refused) > 0 {
		return nil, errors.Join(refused...)
	}
	out := plan.Make(i.in)
	out.Notes = i.sorted(out.Notes)
	return &Result{Document: write.Document(out), Notes: out.Notes}, nil
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
	seen   []os.FileInfo
	order  map[string]int // of files
	count  int            // files read
}

// file is one to be read; named ones have to be of a known format, those of a folder may be something else.
type file struct {
	path  string
	named bool
}

// files are those that a path stands for.
func (i *importer) files(path string) ([]file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if !info.IsDir() {
		return []file{{path, true}}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	var files []file
	for _, e := range entries {
		full := filepath.Join(path, e.Name())
		info, err := os.Stat(full)
		switch {
		case err != nil:
			return nil, fmt.Errorf("import: %w", err)
		case info.IsDir():
			i.in.Change(model.Pos{File: full}, "folder", "folders in folders are not read", "name it, if there is something to import in it")
		case info.Mode().IsRegular():
			files = append(files, file{full, false})
		}
	}
	return files, nil
}

func (i *importer) read(f file) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	for _, before := range i.seen {
		if os.SameFile(info, before) {
			return nil
		}
	}
	i.seen = append(i.seen, info)
	i.order[f.path] = len(i.seen)
	data, err := load(f.path)
	if err != nil {
		return fmt.Errorf("import %s: %w", f.path, err)
	}
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
	data, err := io.ReadAll(io.LimitReader(f, model.MaxFile+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > model.MaxFile:
		return "", fmt.Errorf("larger than %d MiB", model.MaxFile>>20)
	}
	return string(data), nil
}
