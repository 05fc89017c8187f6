package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Hooks is a rule's `hooks`: programs that vifd runs when a vif has been connected, and when it is no longer.
type Hooks struct {
	Up   Hook
	Down Hook
}

// Hook is a program with its arguments. The zero Hook runs nothing.
type Hook struct {
	Pos  Pos    // of the program
	Argv []Text // the program's path, which is absolute, and its arguments
}

// HookProgram is a program that a load's hooks name.
type HookProgram struct {
	Rule string
	Key  string // up or down
	Path string // as written: with substitutions where Literal is false, and then nobody knows beforehand what it is
	Pos  Pos

	Literal bool
}

// HookPrograms lists the programs of all rules' hooks, in the order of the rules, one as often as it is named.
func (s *Set) HookPrograms() []HookProgram {
	var list []HookProgram
	for i := range s.Rules {
		r := &s.Rules[i]
		for _, h := range []struct {
			key  string
			hook *Hook
		}{{"up", &r.Hooks.Up}, {"down", &r.Hooks.Down}} {
			if len(h.hook.Argv) == 0 {
				continue
			}
			program := &h.hook.Argv[0]
			file, literal := program.Literal()
			if !literal {
				file = program.String()
			}
			list = append(list, HookProgram{Rule: r.Name, Key: h.key, Path: file, Pos: h.hook.Pos, Literal: literal})
		}
	}
	return list
}

// hooks reads a rule's `hooks`.
func (d *decoder) hooks(n *yaml.Node) Hooks {
	var h Hooks
	d.fields(n, schema{what: "hooks", known: []string{"up", "down"}}, func(key string, _, v *yaml.Node) {
		if key == "up" {
			h.Up = d.hook(v, key)
		} else {
			h.Down = d.hook(v, key)
		}
	})
	return h
}

// hook reads a program and its arguments. A text alone is refused: it would be split into words by those who think of a shell.
func (d *decoder) hook(n *yaml.Node, key string) Hook {
	if n.Kind == yaml.ScalarNode {
		d.wrongType(n, key, "a list", "write [PROGRAM, ARGUMENT, …]: no shell takes a line apart")
		return Hook{}
	}
	items := d.list(n, key)
	if n.Kind == yaml.SequenceNode && len(items) == 0 && !d.src.handled[n] {
		d.problem(d.src.node(n), codeEmpty, key+" is an empty list", "write [PROGRAM, ARGUMENT, …], or remove the key")
	}
	var h Hook
	for i, item := range items {
		what, check := "an argument of "+key, checkArgument
		if i == 0 {
			what, check = "the program of "+key, checkProgram
		}
		text, ok := d.hookArgument(item, what, check)
		if !ok {
			h.Argv = nil
			return h
		}
		if i == 0 {
			h.Pos = d.src.node(item)
			if !path.IsAbs(text.String()) {
				d.value(item, &valueError{code: codeProgram, len: len(text.String()), msg: "a hook's program begins with the folder it is in, which no fact decides", hint: "write /FOLDER/" + text.String()})
			}
		}
		d.steady(item, &text)
		h.Argv = append(h.Argv, text)
	}
	return h
}

// hookArgument reads one element, which may be a number.
func (d *decoder) hookArgument(n *yaml.Node, what string, check func(string) *valueError) (Text, bool) {
	if v, ok := d.textOrNumber(n, what); !ok {
		return Text{}, false
	} else if n.Kind == yaml.ScalarNode && classify(n) == scalarInteger {
		text, verr := parseText(v)
		if verr == nil {
			verr = check(v)
		}
		if verr != nil {
			d.value(n, verr)
		}
		return text, verr == nil
	}
	return d.expandable(n, what, check)
}

// steady refuses facts of the event: with each event a hook would have other arguments, and run again.
func (d *decoder) steady(n *yaml.Node, text *Text) {
	for _, fact := range text.Facts() {
		if slices.Contains([]string{"action", "subsystem", "env.ACTION", "env.SEQNUM"}, fact) {
			d.problem(d.src.node(n), codeConflict, fmt.Sprintf("%s is the event's, so that the hook would run again with each", fact), "the hook finds in $VIFD_EVENT whether it is up or down")
		}
	}
}

// checkArgument refuses what no argument of a program is given by vifd.
func checkArgument(s string) *valueError {
	if err := CheckArgument(s); err != nil {
		return &valueError{code: codeProgram, len: len(s), msg: err.Error()}
	}
	return nil
}

// CheckArgument reports why text is not given to a program, as an argument or in its environment: a NUL ends it (execve(2)), and a
// line end makes two lines of one where a program writes it down.
func CheckArgument(text string) error {
	if i := strings.IndexAny(text, "\x00\n\r"); i >= 0 {
		return fmt.Errorf("%s holds %q, which no program is given", short(text), text[i])
	}
	return nil
}

func checkProgram(s string) *valueError {
	verr := &valueError{code: codeProgram, len: len(s)}
	switch {
	case !path.IsAbs(s):
		verr.msg, verr.hint = fmt.Sprintf("a hook's program needs an absolute path, found %s", short(s)), "nobody looks for it in a PATH: write /usr/local/bin/…"
	case strings.HasSuffix(s, "/"):
		verr.msg = fmt.Sprintf("%s is a folder, and a hook is a program in one", short(s))
	case path.Clean(s) != s:
		verr.msg, verr.hint = fmt.Sprintf("%s is not the shortest way to write the path", short(s)), "write "+path.Clean(s)
	default:
		return checkArgument(s)
	}
	return verr
}

// Expand puts facts into the program's path and its arguments; no arguments come of the zero Hook. What a fact says may be anybody's:
// it stays one argument, whatever is in it, and of the path it may be a name only, not lead to another folder.
func (h *Hook) Expand(lookup func(fact string) (string, bool)) ([]string, error) {
	var argv []string
	for i, text := range h.Argv {
		var strayed error
		value, err := text.Expand(func(fact string) (string, bool) {
			v, ok := lookup(fact)
			if i == 0 && strings.Contains(v, "/") {
				strayed = fmt.Errorf("%s is %s, which cannot be part of a program's name", fact, short(v))
			}
			return v, ok
		})
		if err == nil {
			err = strayed
		}
		if err == nil && i == 0 {
			if verr := checkProgram(value); verr != nil {
				err = verr
			}
		}
		if err == nil {
			err = CheckArgument(value)
		}
		if err != nil {
			return nil, err
		}
		argv = append(argv, value)
	}
	return argv, nil
}
