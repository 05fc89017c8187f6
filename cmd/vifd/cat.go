package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vifd/internal/ctl"
	"vifd/rules"
	"vifd/rules/format"
)

func (c *command) cat() *cobra.Command {
	return &cobra.Command{
		Use:   "cat [PATH…]",
		Short: "print all rules as one file, each part below the name of its file",
		Long: "cat reads rules from files and folders (- is standard input), or from where vifd would, and prints them as one file, in the order in\n" +
			"which they are in force: what comes from where stands above it, and at the top which files are masked by others. What it prints\n" +
			"can be loaded, and says the same. With -o json it lists what each file defines. It exits with 3 where the rules have errors.",
		RunE: func(_ *cobra.Command, paths []string) error { return c.runCat(paths) },
	}
}

// masked is a file that is not read because of another one.
type masked struct {
	Path  string `json:"path"`
	By    string `json:"by"`
	Empty bool   `json:"empty"` // the other one is not read, either: it takes the name away
}

func (c *command) runCat(paths []string) error {
	if len(paths) == 0 {
		paths = c.rules
	}
	if len(paths) == 0 {
		paths = existing(rules.DefaultFolders())
	}
	var stdin string
	if slices.Contains(paths, rules.Stdin) {
		text, err := io.ReadAll(c.in)
		if err != nil {
			return exit(exitCannot, fmt.Errorf("read standard input: %w", err))
		}
		stdin = string(text)
		c.in = strings.NewReader(stdin)
	}
	var set *rules.Set
	if len(paths) == 0 {
		set = &rules.Set{} // on a host without rules there are none
	} else {
		var report *rules.Report
		if set, report = c.load(paths); set == nil {
			if err := report.WriteText(c.err, c.colored(c.err)); err != nil {
				return exit(exitCannot, err)
			}
			return exit(exitCannot, report.Err())
		}
	}
	hidden, err := maskedFiles(paths, set.Files)
	if err != nil {
		return exit(exitCannot, err)
	}
	if c.output == "json" {
		return c.printJSON(newCatReport(set, hidden))
	}
	text, err := merged(set.Files, hidden, func(name string) (string, error) {
		if name == "<stdin>" {
			return stdin, nil
		}
		data, err := os.ReadFile(name)
		return string(data), err
	})
	if err == nil {
		_, err = io.WriteString(c.out, text)
	}
	if err != nil {
		return exit(exitCannot, fmt.Errorf("print the rules: %w", err))
	}
	return nil
}

func existing(folders []string) []string {
	return slices.DeleteFunc(folders, func(p string) bool {
		_, err := os.Stat(p)
		return os.IsNotExist(err)
	})
}

// maskedFiles finds what is in the folders and not among the files read: of one name the first folder's counts.
func maskedFiles(paths, read []string) ([]masked, error) {
	by := map[string]string{}
	var list []masked
	for i, p := range paths {
		if info, err := os.Stat(p); p == rules.Stdin || err != nil || !info.IsDir() || slices.Contains(paths[:i], p) {
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) != ".yaml" || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			name := filepath.Join(p, e.Name())
			if first, taken := by[e.Name()]; taken {
				list = append(list, masked{name, first, !slices.Contains(read, first)})
				continue
			}
			by[e.Name()] = name
		}
	}
	return list, nil
}

// topKeys are the keys of a rules file, in the order in which cat prints them.
func topKeys() []string {
	return []string{"networks", "guests", "templates", "rules", "tests", "defaults"}
}

// merged puts the files' parts below one key each.
func merged(files []string, hidden []masked, read func(name string) (string, error)) (string, error) {
	parts := map[string]*strings.Builder{}
	for _, key := range topKeys() {
		parts[key] = &strings.Builder{}
	}
	for _, name := range files {
		text, err := read(name)
		if err != nil {
			return "", err
		}
		if text, err = (format.Options{Open: true}).Source(name, text); err != nil {
			return "", err
		}
		for key, part := range split(text) {
			if b := parts[key]; b != nil {
				if b.Len() > 0 && !keepsEnd(b.String()) {
					b.WriteByte('\n')
				}
				fmt.Fprintf(b, "  # from %s\n%s", printable(name), part)
			}
		}
	}
	var b strings.Builder
	for _, m := range hidden {
		note := ""
		if m.Empty {
			note = ", which is empty"
		}
		fmt.Fprintf(&b, "# masked: %s by %s%s\n", printable(m.Path), printable(m.By), note)
	}
	for _, key := range topKeys() {
		if parts[key].Len() == 0 {
			continue
		}
		if b.Len() > 0 && !keepsEnd(b.String()) {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:\n%s", key, parts[key])
	}
	return b.String(), nil
}

// split returns what a formatted file says below each of its keys. A comment at the margin belongs to the key that follows it, and goes
// along; what is said behind the last one, to that.
func split(text string) map[string]string {
	parts := map[string]string{}
	key, comments := "", ""
	for line := range strings.Lines(text) {
		switch bare := strings.TrimRight(line, "\n"); {
		case bare == "---", bare == "...", strings.HasPrefix(line, "# yaml-language-server:"):
		case line[0] == '#':
			comments += "  " + line
		case line[0] == '\n' && comments != "":
			// The empty line would part the comment from what it is about.
		case line[0] == ' ' || line[0] == '\n':
			parts[key] += line
		default:
			name, rest, _ := strings.Cut(bare, ":")
			if key = name; strings.HasPrefix(strings.TrimSpace(rest), "#") {
				comments += "  " + strings.TrimSpace(rest) + "\n"
			}
			if rest = strings.TrimSpace(rest); rest == "" || rest[0] == '#' {
				parts[key], comments = comments, ""
			}
		}
	}
	for k, part := range parts {
		if !keepsEnd(part) {
			part = strings.TrimRight(part, "\n") + "\n"
		}
		if k == key {
			part += comments
		}
		parts[k] = part
	}
	return parts
}

// keepsEnd reports whether a text ends in a block that keeps the empty lines behind it (|+): they would be part of what it says.
func keepsEnd(text string) bool {
	end := strings.LastIndex(text, "+\n")
	if end < 0 {
		return false
	}
	depth := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	head := depth(text[strings.LastIndexByte(text[:end], '\n')+1:])
	for line := range strings.Lines(text[end+2:]) {
		if line != "\n" && depth(line) <= head {
			return false
		}
	}
	return true
}

// catReport is what -o json prints.
type catReport struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Files      []*catFile `json:"files"`
	Masked     []masked   `json:"masked"`
}

// catFile is what one file defines, by name.
type catFile struct {
	Path      string   `json:"path"`
	Networks  []string `json:"networks"`
	Guests    []string `json:"guests"`
	Templates []string `json:"templates"`
	Rules     []string `json:"rules"`
	Tests     []string `json:"tests"`
}

func newCatReport(set *rules.Set, hidden []masked) catReport {
	report := catReport{APIVersion: ctl.APIVersion, Kind: "Rules", Files: []*catFile{}, Masked: append([]masked{}, hidden...)}
	byName := map[string]*catFile{}
	for _, name := range set.Files {
		f := &catFile{Path: name, Networks: []string{}, Guests: []string{}, Templates: []string{}, Rules: []string{}, Tests: []string{}}
		byName[name] = f
		report.Files = append(report.Files, f)
	}
	// Those of the built-in library are in no file of the user's.
	add := func(pos rules.Pos, list func(*catFile) *[]string, name string) {
		if f := byName[pos.File]; f != nil {
			*list(f) = append(*list(f), name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set.Networks)) {
		add(set.Networks[name].Pos, func(f *catFile) *[]string { return &f.Networks }, name)
	}
	for i := range set.Guests {
		add(set.Guests[i].Pos, func(f *catFile) *[]string { return &f.Guests }, guestName(&set.Guests[i]))
	}
	for _, name := range slices.Sorted(maps.Keys(set.Templates)) {
		add(set.Templates[name].Pos, func(f *catFile) *[]string { return &f.Templates }, name)
	}
	for i := range set.Rules {
		add(set.Rules[i].Pos, func(f *catFile) *[]string { return &f.Rules }, set.Rules[i].Name)
	}
	for i := range set.Tests {
		add(set.Tests[i].Pos, func(f *catFile) *[]string { return &f.Tests }, set.Tests[i].Name)
	}
	return report
}

// guestName is what a guest is found by.
func guestName(g *rules.Guest) string {
	name := g.Domain
	if name == "" {
		name = g.UUID
	}
	switch {
	case name != "" && g.Vif >= 0:
		return fmt.Sprintf("%s/%d", name, g.Vif)
	case name != "":
		return name
	case g.Interface != "":
		return g.Interface
	}
	return g.MAC.String()
}
