package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What the pages say of a verb and its flags, in the little of Markdown that roff understands.

// prose is a help text: its lines are joined by whoever prints it, and what is indented stays as it is.
func prose(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if !strings.HasPrefix(line, "    ") {
			line = strings.NewReplacer(`\`, `\\`, "*", `\*`, "<", `\<`, "_", `\_`).Replace(line)
		}
		b.WriteString(line)
	}
	return b.String()
}

func synopsis(v *cobra.Command) string {
	name := v.CommandPath()
	_, arguments, _ := strings.Cut(v.Use, " ")
	return strings.TrimSpace("`" + name + "` " + prose(arguments))
}

// flagWords is a flag as it is written: -o, --output FORM.
func flagWords(f *pflag.Flag) string {
	words := "`--" + f.Name + "`"
	if f.Shorthand != "" {
		words = "`-" + f.Shorthand + "`, " + words
	}
	if name, _ := pflag.UnquoteUsage(f); name != "" {
		words += " " + strings.ToUpper(name)
	}
	return words
}

func flagText(f *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(f)
	text := prose(usage)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" {
		text += " (default " + prose(f.DefValue) + ")"
	}
	return text
}

// flagsOf are a verb's own flags, or those that it hands on to its verbs.
func flagsOf(v *cobra.Command, persistent bool) []*pflag.Flag {
	var list []*pflag.Flag
	set := v.LocalFlags()
	if persistent {
		set = v.PersistentFlags()
	}
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			list = append(list, f)
		}
	})
	return list
}

// options lists flags as terms and what they mean.
func options(v *cobra.Command, persistent bool) string {
	var b strings.Builder
	for _, f := range flagsOf(v, persistent) {
		b.WriteString(flagWords(f) + "\n: " + flagText(f) + "\n\n")
	}
	return b.String()
}

// plainOptions is options for readers of Markdown that knows no terms.
func plainOptions(v *cobra.Command, persistent bool) string {
	var b strings.Builder
	for _, f := range flagsOf(v, persistent) {
		b.WriteString("- " + flagWords(f) + ": " + flagText(f) + "\n")
	}
	return b.String()
}

// ownOptions is the flags of a verb's verb, in one sentence.
func ownOptions(v *cobra.Command) string {
	var b strings.Builder
	for _, f := range flagsOf(v, false) {
		b.WriteString("; " + flagWords(f) + ": " + flagText(f))
	}
	return b.String()
}
