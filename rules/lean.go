package rules

import (
	"bytes"
	"io/fs"
	"slices"
)

// needed reads the files of the library that what has been read refers to, and those that these refer to in turn. A template of the
// library stands in a file of its name.
func (l *loader) needed() {
	if l.Library == nil {
		return
	}
	asked := make(map[string]bool)
	for {
		names := slices.DeleteFunc(l.set.mentioned(), func(name string) bool { return asked[name] })
		if len(names) == 0 {
			return
		}
		for _, name := range names {
			asked[name] = true
			path := "templates/" + name + ".yaml"
			if _, err := fs.Stat(l.Library, path); err == nil {
				l.readFrom(l.Library, file{path: path, name: libraryName(path), library: true})
			}
		}
	}
}

// withoutTests cuts the tests off a file of the library, where they stand last: most of such a file is tests, and to parse YAML is most
// of what a load takes.
func withoutTests(data []byte) []byte {
	templates, _, _ := bytes.Cut(data, []byte("\ntests:\n"))
	return append(templates, '\n')
}

// mentioned are the names of all templates that there are, or that something refers to; sorted. One of the library's that a user's file
// defines is among them: that it is defined twice is an error.
func (b *builder) mentioned() []string {
	var names []string
	for i := range b.set.Rules {
		for _, ref := range b.set.Rules[i].Firewall {
			names = append(names, ref.Name)
		}
	}
	for i := range b.set.Tests {
		names = append(names, b.set.Tests[i].Template.Name)
	}
	for name, t := range b.templates {
		if !t.Library {
			names = append(names, name)
		}
		for _, list := range [][]Statement{t.FromGuest, t.ToGuest} {
			for i := range list {
				if list[i].Include != nil {
					names = append(names, list[i].Include.Template)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}
