package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"vifd/internal/importer"
	"vifd/rules"
)

// completer answers one question of a shell's: what the word that is being typed can become.
type completer = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective)

func (c *command) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "print a script by which a shell completes vifd's words",
		Long: "completion prints a script for a shell. Verbs and flags are completed, and names: of interfaces, networks, rules, templates, tests,\n" +
			"facts and warnings, as the host and its rules have them at that moment. For one session of bash, and for all of them:\n\n" +
			"    source <(vifd completion bash)\n    vifd completion bash >/etc/bash_completion.d/vifd",
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			write := map[string]func(io.Writer) error{
				"bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) }, "zsh": root.GenZshCompletion,
				"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
				"powershell": root.GenPowerShellCompletionWithDesc,
			}
			if err := write[args[0]](c.out); err != nil {
				return exit(exitCannot, fmt.Errorf("write the script: %w", err))
			}
			return nil
		},
	}
}

// completable gives verbs the words that shells complete, and adds the verb that prints the shells' scripts.
func (c *command) completable(root *cobra.Command, verbs ...*cobra.Command) []*cobra.Command {
	words := func(list ...string) completer {
		return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return safe(list, word), cobra.ShellCompDirectiveNoFileComp
		}
	}
	flag := func(cmd *cobra.Command, name string, complete completer) {
		if cmd.Flag(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // it fails for a flag that is not there
		}
	}
	for _, known := range []struct {
		name   string
		values []string
	}{
		{"color", []string{"auto", "always", "never"}},
		{"log-level", []string{"debug", "info", "warn", "error"}},
		{"log-format", []string{"text", "json"}},
	} {
		flag(root, known.name, words(known.values...))
	}
	flag(root, "output", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return safe(outputs(cmd), word), cobra.ShellCompDirectiveNoFileComp
	})
	flag(root, "rules", yamlFiles)
	flag(root, "state", folders)
	for _, cmd := range verbs {
		flag(cmd, "disable", words(warnings()...))
		flag(cmd, "run", c.fromRules(testNames))
		switch cmd.Name() {
		case "listen", "events":
			flag(cmd, "source", words("kernel", "udev"))
		case "import":
			flag(cmd, "format", words(importer.Formats()...))
		case "explain":
			cmd.ValidArgsFunction = c.subjects
		case "plan", "sync":
			cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return safe(interfaces(), word), cobra.ShellCompDirectiveNoFileComp
			}
		case "network":
			for _, verb := range cmd.Commands() {
				verb.ValidArgsFunction = c.fromRules(networkNames)
				if verb.Name() == "recover" {
					verb.ValidArgsFunction = words()
				}
			}
		case "graph":
			cmd.ValidArgsFunction = c.fromRules(graphNames)
			flag(cmd, "output", words(graphForms()...))
		case "check", "test", "cat", "fmt":
			cmd.ValidArgsFunction = yamlFiles
		}
	}
	return append(verbs, c.completion())
}

// yamlFiles leaves it to the shell to complete folders, and files that can hold rules.
func yamlFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml"}, cobra.ShellCompDirectiveFilterFileExt
}

func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// subjects completes what is explained: an interface, or with --event facts and their values.
func (c *command) subjects(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	if event, err := cmd.Flags().GetBool("event"); err != nil || !event {
		if len(args) > 0 {
			return nil, noFiles
		}
		return safe(interfaces(), word), noFiles
	}
	key, _, given := strings.Cut(word, "=")
	if !given {
		var keys []string
		for _, name := range rules.FactNames() {
			if family, ok := strings.CutSuffix(name, "NAME"); ok {
				keys = append(keys, family)
				continue
			}
			keys = append(keys, name+"=")
		}
		return safe(keys, word), noFiles | cobra.ShellCompDirectiveNoSpace
	}
	var values []string
	switch key {
	case "interface":
		values = interfaces()
	case "bridge":
		values = c.names(networkNames)
	case "domain":
		values = c.names(domainNames)
	}
	for i := range values {
		values[i] = key + "=" + values[i]
	}
	return safe(values, word), noFiles
}

// fromRules completes names that the rules have.
func (c *command) fromRules(names func(*rules.Set) []string) completer {
	return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return safe(c.names(names), word), cobra.ShellCompDirectiveNoFileComp
	}
}

// names asks the rules; those with errors have no names. Nothing is said of the errors: it would stand in the line that is being typed.
func (c *command) names(names func(*rules.Set) []string) []string {
	if slices.Contains(c.rules, rules.Stdin) {
		return nil // the shell's own
	}
	set, _ := c.load(nil)
	if set == nil {
		return nil
	}
	return names(set)
}

func networkNames(set *rules.Set) []string { return slices.Sorted(maps.Keys(set.Networks)) }

func domainNames(set *rules.Set) []string {
	var names []string
	for i := range set.Guests {
		names = append(names, set.Guests[i].Domain)
	}
	return names
}

// testNames are those of the user's tests.
func testNames(set *rules.Set) []string {
	var names []string
	for i := range set.Tests {
		if t := &set.Tests[i]; !t.Library {
			names = append(names, t.Name)
		}
	}
	return names
}

// warnings are the codes that can be disabled.
func warnings() []string {
	var ids []string
	for _, code := range rules.Codes() {
		if code.Severity == rules.Warning {
			ids = append(ids, code.ID+"\t"+code.Title)
		}
	}
	return ids
}

// interfaces are the host's, as sysfs has them.
func interfaces() []string {
	entries, err := os.ReadDir(sysfs + "/class/net")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// safe keeps the words that begin with prefix, each once. Left out is what a shell may take for more than a word: guests choose names,
// and completion scripts put them on a command line.
func safe(words []string, prefix string) []cobra.Completion {
	var kept []cobra.Completion
	for _, w := range words {
		name, _, _ := strings.Cut(w, "\t")
		if name != "" && strings.HasPrefix(name, prefix) && !slices.Contains(kept, w) && !strings.ContainsFunc(name, unsafeRune) {
			kept = append(kept, w)
		}
	}
	return kept
}

func unsafeRune(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._:@%+=,-/", r)
}
