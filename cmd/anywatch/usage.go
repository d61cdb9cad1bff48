package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is too much: %s takes flags only; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// knownCommand is for commands that have others below them: a word that is none of those is refused, with what there is.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("%q is no command of %s; did you mean %s? See %s --help", args[0], cmd.CommandPath(), strings.Join(near, " or "), cmd.CommandPath())
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("%q is no command of %s; there are %s; see %s --help", args[0], cmd.CommandPath(), strings.Join(names, ", "), cmd.CommandPath())
}

// helpCommand is cobra's own, but for a word that is no command: that is a wrong use, and no help.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		Short:                 "Explain a command",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && about.HasAvailableSubCommands() {
				return knownCommand(about, rest)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// strictCompletion lets cobra's completion command refuse a shell that it does not know, instead of showing its help and calling that done.
func strictCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if cmd, _, err := root.Find([]string{"completion"}); err == nil {
		cmd.Use, cmd.DisableFlagsInUseLine = "completion SHELL", true
		cmd.Args = knownCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// wanted says what the value of a flag has to be, by the type of the flag.
var wanted = map[string]string{
	"bool":     "true or false",
	"duration": "a number with its unit, as 90s, 5m or 1h30m",
	"float64":  "a number, as 10 or 0.5",
}

// flagError says what is wrong with a flag, and where to read about it.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if what, ok := wanted[invalid.GetFlag().Value.Type()]; ok {
			err = fmt.Errorf("--%s %q: it takes %s", invalid.GetFlag().Name, invalid.GetValue(), what)
		}
	}
	var bare *pflag.ValueRequiredError
	if errors.As(err, &bare) {
		what, _ := pflag.UnquoteUsage(bare.GetFlag())
		err = fmt.Errorf("--%s needs a value: --%s %s", bare.GetFlag().Name, bare.GetFlag().Name, what)
	}
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}
