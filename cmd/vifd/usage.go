package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// How wrong command lines are answered: with what would have been right.

// sayUsage has every verb below cmd answer wrong arguments with its usage, where cobra counts them, and makes the verb help like others.
func sayUsage(root *cobra.Command) {
	root.SuggestionsMinimumDistance = 2
	root.InitDefaultHelpCmd()
	for _, verb := range root.Commands() {
		switch {
		case verb.Name() == "help":
			verb.Use, verb.Short, verb.Long = "help [VERB]", "say what a verb does", "help says what a verb does, as vifd VERB --help does."
			verb.Args = helpOnVerb
		case verb.HasSubCommands():
			verb.Args = knownVerb
			sayUsage(verb)
		case verb.Args != nil:
			check := verb.Args
			verb.Args = func(cmd *cobra.Command, args []string) error {
				if check(cmd, args) != nil {
					return fmt.Errorf("%s, and %s", usage(cmd), given(args))
				}
				return nil
			}
		}
	}
}

func usage(cmd *cobra.Command) string {
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	if arguments == "" {
		return cmd.CommandPath() + " takes no arguments"
	}
	return cmd.CommandPath() + " takes " + arguments
}

func given(args []string) string {
	if len(args) == 0 {
		return "got nothing"
	}
	return fmt.Sprintf("got %q", args)
}

// knownVerb is the arguments of a command that has verbs and does nothing by itself: none, for a verb that it knows is called.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no verb %q", args[0])
	if cmd.HasParent() {
		err = fmt.Errorf("%s has no verb %q", cmd.CommandPath(), args[0])
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("%w: did you mean \"%s\"?", err, strings.Join(near, `" or "`))
	}
	return err
}

// helpOnVerb refuses help on what is no verb: cobra's own prints the whole and says nothing.
func helpOnVerb(cmd *cobra.Command, args []string) error {
	verb, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = knownVerb(verb, rest)
	}
	return err
}
