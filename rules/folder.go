package rules

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// file is one file to read: where it is, and what it is called in positions.
type file struct {
	path    string
	name    string
	stdin   bool
	library bool
}

// collect turns the paths into files, in the order they are read.
func (l *loader) collect() []file {
	var files []file
	var folders []string
	at := -1 // where the folders' files go
	seen := map[string]bool{}
	for _, p := range l.Paths {
		if seen[p] {
			continue
		}
		seen[p] = true
		if p == Stdin {
			files = append(files, file{path: p, name: stdinName, stdin: true})
			continue
		}
		info, err := fs.Stat(l.FS, p)
		switch {
		case l.Optional && errors.Is(err, fs.ErrNotExist):
		case err != nil:
			l.fail(p, reason(err))
		case info.IsDir():
			if at < 0 {
				at = len(files)
			}
			folders = append(folders, p)
		default:
			files = append(files, l.pair(p, seen)...)
		}
	}
	if at < 0 {
		return files
	}
	return slices.Insert(files, at, l.merge(folders)...)
}

// merge lists the files of the folders by name. Of files with one name the one in the earliest folder is taken, also when it
// is empty, so that an empty file or a link to /dev/null masks those behind it.
func (l *loader) merge(folders []string) []file {
	byName := map[string]file{}
	for _, folder := range folders {
		entries, err := fs.ReadDir(l.FS, folder)
		if err != nil {
			l.fail(folder, reason(err))
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if _, replaced := byName[name]; replaced || !l.isRules(folder, name) {
				continue
			}
			byName[name] = file{path: l.join(folder, name), name: l.join(folder, name)}
		}
	}
	files := make([]file, 0, len(byName))
	for _, name := range sortedKeys(byName) {
		f := byName[name]
		info, err := fs.Stat(l.FS, f.path)
		switch {
		case err != nil:
			l.fail(f.name, reason(err))
		case info.Mode()&fs.ModeDevice != 0:
			// As systemd does it, any device counts as /dev/null.
		case !info.Mode().IsRegular():
			l.fail(f.name, "not a regular file")
		case info.Size() > 0:
			files = append(files, f)
		}
	}
	return files
}

// isRules reports whether a file in a rules folder is to be read: *.yaml, without those that editors and package managers hide
// behind a dot, and without tests where those are not asked for.
func (l *loader) isRules(folder, name string) bool {
	if strings.HasPrefix(name, ".") || holdsTests(name) && !l.Tests {
		return false
	}
	if strings.HasSuffix(name, ".yml") {
		l.rep.add(Problem{
			Pos: Pos{File: l.join(folder, name)}, Severity: Warning, Code: codeNotRead, Msg: "not read: the files of a rules folder end in .yaml",
			Hint: "rename it",
		})
	}
	return strings.HasSuffix(name, ".yaml")
}
