package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vifd/actions/bridge"
	"vifd/actions/link"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/rtnl"
)

// How something differs from what is wanted.
const (
	Missing = "missing" // it is not there
	Other   = "other"   // it is there, and otherwise
	Extra   = "extra"   // it is there, and nobody wants it
)

// Change is one command that would bring the kernel nearer to what the rules want.
type Change struct {
	Facet   string `json:"facet"`   // what of the vif it is about: firewall, nat, link, rate, route, bridge, hook, xen
	Differs string `json:"differs"` // missing, other, extra
	Command string `json:"command"` // for a shell
}

// changes makes changes of steps.
func changes[S fmt.Stringer](facet string, steps []S) []Change {
	var list []Change
	for _, s := range steps {
		text := s.String()
		list = append(list, Change{Facet: facet, Differs: differs(text), Command: text})
	}
	return list
}

// nftChanges makes changes of nft's commands. A shell would take their quotes and braces for its own.
func nftChanges(facet string, commands []string) []Change {
	var list []Change
	for _, text := range commands {
		list = append(list, Change{Facet: facet, Differs: differs(text), Command: "nft " + single(text)})
	}
	return list
}

// differs tells from a command what is wrong: whoever adds misses something, whoever deletes has too much. The word that counts is nft's first
// and the others' third; and of `ip link set dev NAME …` the one behind the name.
func differs(command string) string {
	words := strings.Fields(command)
	at := 2
	if words[0] == "add" || words[0] == "delete" || words[0] == "flush" {
		at = 0
	}
	if len(words) <= at {
		return Other
	}
	switch {
	case words[at] == "add", words[at] == "replace" && words[0] != "tc":
		return Missing
	case words[at] == "del", words[at] == "delete":
		return Extra
	case words[at] == "set" && len(words) > 5 && words[5] == "master":
		return Missing
	case words[at] == "set" && len(words) > 5 && words[5] == "nomaster":
		return Extra
	}
	return Other
}

// single puts a command's argument into single quotes.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// named puts a name that means something else to a shell into quotes. The actions write names as they are.
func named(list []Change, name string) []Change {
	if name == "" || !strings.ContainsFunc(name, unsafe) {
		return list
	}
	for i := range list {
		if !strings.HasPrefix(list[i].Command, "nft ") {
			list[i].Command = strings.ReplaceAll(list[i].Command, name, single(name))
		}
	}
	return list
}

// unsafe reports whether a shell may take a letter for anything but itself.
func unsafe(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.@%+=,", r)
}

// drift tells what a round would change of one link, but for the tables of nftables: it goes as carryOut goes, with actions that plan, or
// that undo on a conn that pretends. plan and what is known of the vif, k, are as prepare has left them.
func (h *Handler) drift(ctx context.Context, conn Links, l *rtnl.Link, k *known, plan *Plan) ([]Change, error) {
	was, up := k.record, l.Up()
	var list []Change
	if leaves(&was, plan) {
		steps, err := bridge.Undo(ctx, conn, undoState(&was, l.Name))
		if err != nil && !errors.Is(err, bridge.ErrRenamed) {
			return list, err
		}
		list, up = append(list, changes("bridge", steps)...), up && len(steps) == 0
	}
	if k.own.Route != nil && plan.Route == nil {
		some, err := h.unroute(ctx, conn, l.Name, k)
		if list = append(list, some...); err != nil {
			return list, err
		}
		up = false
	}
	some, err := h.deviceDrift(ctx, conn, k, plan)
	if list = append(list, some...); err != nil {
		return list, err
	}
	switch {
	case plan.Route != nil:
		steps, err := route.Plan(ctx, h.routes(conn), *plan.Route, *k.own.Route)
		return append(list, changes("route", steps)...), err
	case plan.Port != nil:
		steps, err := bridge.Plan(ctx, conn, *plan.Port)
		return append(list, changes("bridge", steps)...), err
	case plan.shut() && up:
		list = append(list, Change{"link", Other, fmt.Sprintf("ip link set dev %s down", l.Name)})
	case !plan.shut() && was.Link.WasUp && !up:
		list = append(list, Change{"link", Other, fmt.Sprintf("ip link set dev %s up", l.Name)})
	}
	return list, nil
}

// deviceDrift is about what is set of the vif as such, and its limits.
func (h *Handler) deviceDrift(ctx context.Context, conn Links, k *known, plan *Plan) ([]Change, error) {
	var list []Change
	var set []link.Step
	var err error
	switch {
	case plan.Link != nil:
		set, err = link.Plan(h.devices(conn), *plan.Link, *k.own.Link)
	case k.own.Link != nil:
		set, err = link.Undo(ctx, h.devices(conn), *k.own.Link)
	}
	if list = append(list, changes("link", set)...); err != nil {
		return list, err
	}
	var limits []rate.Step
	switch {
	case plan.Rate != nil:
		// Usual, for to find out what this kernel has would take making a device.
		limits, err = rate.Plan(ctx, conn, rate.Usual(), *plan.Rate)
	case k.own.Rate != nil:
		limits, err = rate.Undo(ctx, conn, *k.own.Rate)
	}
	return append(list, changes("rate", limits)...), err
}

// unroute takes back what led to the guest; name is what it is called by now, or was when it went.
func (h *Handler) unroute(ctx context.Context, conn Links, name string, k *known) ([]Change, error) {
	state := *k.own.Route
	state.Interface = name
	steps, err := route.Undo(ctx, h.routes(conn), state)
	return changes("route", steps), err
}

// remains tells what is left of a vif that has gone, or has turned out to be the host's own, l: nil if it has gone.
func (h *Handler) remains(ctx context.Context, conn Links, l *rtnl.Link, k *known) ([]Change, error) {
	name := k.record.Interface
	if l != nil {
		name = l.Name
	}
	var list []Change
	var errs []error
	if k.record.Link.Bridge != "" {
		steps, err := bridge.Undo(ctx, conn, undoState(&k.record, name))
		list, errs = append(list, changes("bridge", steps)...), append(errs, err)
	}
	if k.own.Route != nil {
		some, err := h.unroute(ctx, conn, name, k)
		list, errs = append(list, some...), append(errs, err)
	}
	if k.own.Link != nil && l != nil {
		steps, err := link.Undo(ctx, h.devices(conn), *k.own.Link)
		list, errs = append(list, changes("link", steps)...), append(errs, err)
	}
	if k.own.Rate != nil {
		steps, err := rate.Undo(ctx, conn, *k.own.Rate)
		list, errs = append(list, changes("rate", steps)...), append(errs, err)
	}
	return list, errors.Join(errs...)
}
