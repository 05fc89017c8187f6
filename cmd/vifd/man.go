package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// manFlags are the flags of `vifd man`.
type manFlags struct {
	dir, manual string
	markdown    bool
}

func (c *command) man() *cobra.Command {
	var f manFlags
	cmd := &cobra.Command{
		Use:   "man [VERB]",
		Short: "print vifd's manual pages",
		Long: "man prints the manual page of vifd, or of a verb, for man:\n\n    vifd man check | man -l -\n\n" +
			"With --dir it writes all of them into a folder, vifd.8 and one for each verb; with --manual vifd-rules.5 as well, which is made of\n" +
			"docs/rules.md. --markdown prints all of them as one text.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.runMan(cmd.Root(), args, &f) },
	}
	cmd.Flags().StringVar(&f.dir, "dir", "", "write all pages into this `folder`")
	cmd.Flags().StringVar(&f.manual, "manual", "", "with --dir: the `file` of the rules' manual, docs/rules.md")
	cmd.Flags().BoolVar(&f.markdown, "markdown", false, "print all verbs as Markdown")
	return cmd
}

func (c *command) runMan(root *cobra.Command, args []string, f *manFlags) error {
	switch {
	case len(args) > 0 && (f.dir != "" || f.markdown):
		return exit(exitUsage, errors.New("man takes a verb, or --dir or --markdown"))
	case f.dir != "" && f.markdown:
		return exit(exitUsage, errors.New("one of --dir and --markdown"))
	case f.manual != "" && f.dir == "":
		return exit(exitUsage, errors.New("--manual goes with --dir"))
	case f.dir != "":
		return c.writePages(root, f)
	}
	var text string
	switch {
	case f.markdown:
		text = commandsDocument(root)
	case len(args) == 0:
		text = rootPage(root)
	default:
		verb, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 || verb == root {
			return exit(exitUsage, fmt.Errorf("there is no verb %q", args[0]))
		}
		text = verbPage(verb)
	}
	if _, err := fmt.Fprint(c.out, text); err != nil {
		return exit(exitCannot, fmt.Errorf("write the page: %w", err))
	}
	return nil
}

func (c *command) writePages(root *cobra.Command, f *manFlags) error {
	pages := map[string]string{"vifd.8": rootPage(root)}
	for _, verb := range verbs(root) {
		pages["vifd-"+verb.Name()+".8"] = verbPage(verb)
	}
	if f.manual != "" {
		text, err := os.ReadFile(f.manual)
		if err != nil {
			return exit(exitFailed, err)
		}
		pages["vifd-rules.5"] = rulesPage(string(text))
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o644); err != nil {
			return exit(exitFailed, err)
		}
	}
	return nil
}

// verbs are a command's own, by name, without those that are nobody's to call.
func verbs(cmd *cobra.Command) []*cobra.Command {
	list := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(v *cobra.Command) bool { return !v.IsAvailableCommand() || v.Name() == "help" })
	slices.SortFunc(list, func(a, b *cobra.Command) int { return cmp.Compare(a.Name(), b.Name()) })
	return list
}

func rootPage(root *cobra.Command) string {
	text := "# NAME\n\nvifd - " + root.Short + "\n\n# SYNOPSIS\n\n`vifd` VERB [OPTIONS] [ARGUMENTS]\n\n# DESCRIPTION\n\n" + prose(root.Long) + "\n\n# VERBS\n\n"
	for _, v := range verbs(root) {
		text += "`" + v.Name() + "`\n: " + prose(v.Short) + "; see vifd-" + v.Name() + "(8)\n\n"
	}
	text += "# OPTIONS\n\nOf every verb:\n\n" + options(root, true) + rootMatters + "# SEE ALSO\n\nvifd-rules(5), nft(8), ip-link(8), bridge(8), tc(8), udev(7)\n"
	return roff("VIFD", "8", text)
}

// rootMatters is what all verbs have in common.
const rootMatters = `# FILES

` + "`/etc/vifd/rules.d`, `/run/vifd/rules.d`, `/usr/lib/vifd/rules.d`" + `
: rules: *.yaml, in the order of their names; a file replaces one of the same name in a later folder, and an empty one takes it away

` + "`/run/vifd`" + `
: a record of each vif that vifd has touched, and the socket of the listener

` + "`/var/lib/vifd`" + `
: what a network had before ` + "`vifd network`" + ` moved it

` + "`/usr/share/vifd`" + `
: the JSON Schema of rules files, for editors; rules of udev's, and settings that keep network managers from guests' interfaces, to be copied
from there

# EXIT STATUS

` + "`0`" + `
: done

` + "`1`" + `
: what was asked for did not come true: rules have problems, tests fail, a vif could not be configured

` + "`2`" + `
: the command line is wrong

` + "`3`" + `
: vifd could not run at all: rules that do not load, no listener, no rights

` + "`4`" + `
: plan --detailed-exitcode: something would change

# ENVIRONMENT

` + "`NO_COLOR`, `TERM`" + `
: with --color auto there are no colours where NO_COLOR is set or TERM is dumb

` + "`NOTIFY_SOCKET`" + `
: systemd is told when the listener is ready and when it reloads (sd_notify(3))

` + "`ACTION`, `SUBSYSTEM`, `INTERFACE`, `IFINDEX`" + `
: the event of vifd handle, as udev sets them; vifd hotplug is told by vif, XENBUS_PATH and the like

# SIGNALS

` + "`SIGHUP`" + `
: the listener reads its rules anew; with errors the ones from before stay

` + "`SIGTERM`, `SIGINT`" + `
: the listener ends, and leaves every guest connected as it is

`

func verbPage(v *cobra.Command) string {
	name := strings.ReplaceAll(v.CommandPath(), " ", "-")
	text := "# NAME\n\n" + name + " - " + prose(v.Short) + "\n\n# SYNOPSIS\n\n" + synopsis(v) + "\n\n# DESCRIPTION\n\n" + prose(cmp.Or(v.Long, v.Short)) + "\n\n"
	if list := verbs(v); len(list) > 0 {
		text += "# VERBS\n\n"
		for _, sub := range list {
			text += synopsis(sub) + "\n: " + prose(sub.Short) + ownOptions(sub) + "\n\n"
		}
	}
	if own := options(v, false); own != "" {
		text += "# OPTIONS\n\n" + own
	}
	return roff(strings.ToUpper(name), "8", text+"# EXIT STATUS\n\nAs of every verb of vifd(8): 0 done, 1 failed, 2 wrong usage, 3 could not run at all.\n\n# SEE ALSO\n\nvifd(8), vifd-rules(5)\n")
}

// rulesPage makes a page of docs/rules.md.
func rulesPage(manual string) string {
	_, text, _ := strings.Cut(manual, "\n")
	return roff("VIFD-RULES", "5", "# NAME\n\nvifd-rules - rules of vifd: how guests are connected, and what guards them\n\n# DESCRIPTION\n\n"+
		strings.TrimSpace(strings.ReplaceAll("\n"+text, "\n##", "\n#"))+"\n\n# SEE ALSO\n\nvifd(8), nft(8)\n")
}

// commandsDocument is docs/commands.md.
func commandsDocument(root *cobra.Command) string {
	text := "# Commands\n\nThis text is made of `vifd VERB --help`, by `vifd man --markdown`. vifd(8) tells of files, signals and exit codes.\n\n" +
		prose(root.Long) + "\n\nOptions of every verb:\n\n" + plainOptions(root, true)
	for _, v := range verbs(root) {
		text += "\n## " + v.Name() + "\n\n" + synopsis(v) + "\n\n" + prose(cmp.Or(v.Long, v.Short)) + "\n"
		for _, sub := range verbs(v) {
			text += "\n- " + synopsis(sub) + ": " + prose(sub.Short) + ownOptions(sub)
		}
		if len(verbs(v)) > 0 {
			text += "\n"
		}
		if own := plainOptions(v, false); own != "" {
			text += "\n" + own
		}
	}
	return text
}
