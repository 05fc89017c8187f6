package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vifd/handler"
	"vifd/rules"
)

// eventFlag is --event: alone it says that the arguments are facts, and with a fact behind a = it gives one itself. It may be repeated.
type eventFlag struct {
	on    bool
	facts []string
}

// Set takes one value.
func (f *eventFlag) Set(value string) error {
	if on, err := strconv.ParseBool(value); err == nil {
		f.on = on
		return nil
	}
	if !strings.Contains(value, "=") {
		return errors.New("it takes a fact, KEY=VALUE, or nothing")
	}
	f.on, f.facts = true, append(f.facts, value)
	return nil
}

// String is whether it was given: who asks for it as for a boolean gets that, and help shows no default.
func (f *eventFlag) String() string { return strconv.FormatBool(f.on) }

// Type is that of a flag which needs no value.
func (f *eventFlag) Type() string { return "bool" }

// uevent are properties that every uevent of an interface has, as the kernel and udev write them (net/core/net-sysfs.c,
// lib/kobject_uevent.c). Three of them are facts under a name of their own besides.
var ueventProperties = []string{"ACTION", "DEVPATH", "IFINDEX", "INTERFACE", "SEQNUM", "SUBSYSTEM"}

// parseFacts reads facts from the command line.
func parseFacts(args []string) (givenFacts, error) {
	given := make(givenFacts)
	var wrong []error
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if slices.Contains(ueventProperties, key) {
			given["env."+key] = append(given["env."+key], value)
			if key = strings.ToLower(key); !rules.IsFact(key) {
				continue
			}
		}
		rest, ofXen := strings.CutPrefix(key, "xen.")
		switch {
		case !ok || !rules.IsFact(key) && (!ofXen || rest == ""):
			wrong = append(wrong, noFact(arg, key))
		case ofXen:
			given[key] = append(given[key], value)
		default:
			values, err := rules.ParseFact(key, value)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", key, err))
			}
			given[key] = append(given[key], values...)
		}
	}
	return given, errors.Join(wrong...)
}

func noFact(arg, key string) error {
	names := append(rules.FactNames(), "xen.NAME")
	hint := ""
	if near, ok := rules.Nearest(key, names); ok && strings.Contains(arg, "=") {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return fmt.Errorf("%q is not a fact, KEY=VALUE%s; keys are %s", arg, hint, strings.Join(names, ", "))
}

// givenFacts are facts from the command line; a Xen name tells the domain's number besides.
type givenFacts map[string][]string

// Values answers what was given.
func (g givenFacts) Values(key string) []string {
	if values, ok := g[key]; ok {
		return values
	}
	if len(g["interface"]) == 0 {
		return nil
	}
	return handler.NameFacts(g["interface"][0], key)
}
