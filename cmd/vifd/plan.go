package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/nft"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/xenstore"
)

// exitChanges is what plan ends with, if asked to, where something would change. 2 would be wrong usage.
const exitChanges = 4

func (c *command) plan() *cobra.Command {
	var all, detailed bool
	cmd := &cobra.Command{
		Use:   "plan [IFACE… | --all]",
		Short: "print what would change on this host, as nft, ip, bridge, tc, sysctl and xenstore commands",
		Long: "plan compares this host with what the rules want, and prints the commands that bring it there, vif by vif; of a vif that has gone, and\n" +
			"of one that another rule has by now, also what would be taken back; then which programs of hooks would be run, and what Xen would be\n" +
			"told. Nothing is changed, and no program run. What it prints is a shell script, in which everything else is a comment, the programs\n" +
			"too: they want an environment, and vifd will run what it has not run itself. It also knows rules of nftables by a mark that nft\n" +
			"cannot make, and will write those anew. With --detailed-exitcode it exits with 0 where nothing would change, and 4 where something\n" +
			"would. It takes CAP_NET_ADMIN.",
		RunE: func(_ *cobra.Command, names []string) error {
			if all && len(names) > 0 {
				return exit(exitUsage, errors.New("plan takes interfaces, or --all"))
			}
			return c.runPlan(names, detailed)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every vif (the default)")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 4 where something would change")
	return cmd
}

// difference is what plan prints.
type difference struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Shared     []handler.Change `json:"shared"` // what vifs have in common
	Vifs       []vifDifference  `json:"vifs"`
	Unused     []handler.Change `json:"unused"` // what they have had in common, and none needs any more
}

type vifDifference struct {
	Interface string           `json:"interface"`
	Ifindex   int              `json:"ifindex"`
	Gone      bool             `json:"gone,omitempty"`
	Rule      string           `json:"rule"`
	Action    string           `json:"action"`
	Network   string           `json:"network"`
	State     string           `json:"state"`
	Reason    string           `json:"reason,omitempty"`
	Error     string           `json:"error,omitempty"`
	Changes   []handler.Change `json:"changes"`
}

func (c *command) runPlan(names []string, detailed bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), reloadTimeout)
	defer cancel()
	d, err := c.preview(ctx, nil)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		for _, name := range names {
			if !slices.ContainsFunc(d.Vifs, func(v vifDifference) bool { return v.Interface == name }) {
				return exit(exitFailed, fmt.Errorf("%s: there is no such vif, or it is the host's own (loopback, bridge, uplink or hardware)", printable(name)))
			}
		}
		d.Vifs = slices.DeleteFunc(d.Vifs, func(v vifDifference) bool { return !slices.Contains(names, v.Interface) })
	}
	if c.output == "json" {
		err = c.printJSON(d)
	} else {
		d.print(c)
	}
	if err != nil {
		return err
	}
	stuck := slices.IndexFunc(d.Vifs, func(v vifDifference) bool { return v.Error != "" })
	switch {
	case stuck >= 0:
		return exit(exitFailed, fmt.Errorf("%s: %s", printable(d.Vifs[stuck].Interface), printable(d.Vifs[stuck].Error)))
	case detailed && d.changed() > 0:
		return exit(exitChanges, nil)
	}
	return nil
}

// preview compares the host with the rules, rs nil: those of the command line.
func (c *command) preview(ctx context.Context, rs *handler.Ruleset) (*difference, error) {
	sight, closeAll, err := c.sight()
	if err != nil {
		return nil, exit(exitCannot, err)
	}
	defer closeAll()
	if rs == nil {
		c.scripts = handler.CalledAs(sight.Records)
		if rs, err = c.ruleset(); err != nil {
			return nil, err
		}
	}
	found, err := handler.Preview(ctx, sight, rs)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	d := &difference{APIVersion: ctl.APIVersion, Kind: "Difference", Vifs: []vifDifference{}}
	d.Shared, d.Unused = append([]handler.Change{}, found.Shared...), append([]handler.Change{}, found.Unused...)
	for i := range found.Vifs {
		v := &found.Vifs[i]
		one := vifDifference{
			Interface: v.Interface, Ifindex: v.Ifindex, Gone: v.Gone, Rule: v.Plan.Decision.RuleName(), Action: v.Plan.Action,
			Network: v.Plan.Network(), State: v.Plan.State, Reason: v.Plan.Reason, Changes: append([]handler.Change{}, v.Changes...),
		}
		if v.Err != nil {
			one.Error = v.Err.Error()
		}
		d.Vifs = append(d.Vifs, one)
	}
	return d, nil
}

// liveDrift is what of one vif is not as the rules want it.
func (c *command) liveDrift(ctx context.Context, rs *handler.Ruleset, name string) (*vifDifference, error) {
	d, err := c.preview(ctx, rs)
	if err != nil {
		return nil, err
	}
	for i := range d.Vifs {
		if d.Vifs[i].Interface == name && !d.Vifs[i].Gone {
			return &d.Vifs[i], nil
		}
	}
	return nil, exit(exitFailed, fmt.Errorf("%s has gone meanwhile", printable(name)))
}

// sight opens everything that a preview looks at. The state folder is not made.
func (c *command) sight() (s handler.Sight, closeAll func(), err error) {
	var open []func()
	undo := func() {
		for _, f := range slices.Backward(open) {
			f()
		}
	}
	defer func() {
		if err != nil {
			undo() // not closeAll, which is nil by then
		}
	}()
	if s.Records, s.Host, err = c.past(); err != nil {
		return s, nil, err
	}
	links, err := rtnl.Dial()
	if err != nil {
		return s, nil, err
	}
	open = append(open, func() { _ = links.Close() })
	conn, err := nft.Dial()
	if err != nil {
		return s, nil, err
	}
	open = append(open, func() { _ = conn.Close() })
	if s.Firewall, err = firewall.OpenTable(conn); err != nil {
		return s, nil, err
	}
	if s.NAT, err = nat.OpenTable(conn); err != nil {
		return s, nil, err
	}
	settings, err := sysctl.Open()
	if err != nil {
		return s, nil, err
	}
	open = append(open, func() { _ = settings.Close() })
	offloads, err := rtnl.DialEthtool()
	switch {
	case err == nil:
		s.Offloads = offloads
		open = append(open, func() { _ = offloads.Close() })
	case !errors.Is(err, rtnl.ErrUnsupported):
		return s, nil, err
	}
	store := xenstore.New()
	open = append(open, func() { _ = store.Close() })
	s.Links, s.Sysctls, s.Xenstore, s.Sysfs = links, settings, store, sysfs
	return s, undo, nil
}

// past is what has been written down of vifs and of the host.
func (c *command) past() ([]journal.Record, json.RawMessage, error) {
	records, err := c.records()
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(c.state); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	j, err := journal.Open(c.state)
	if err != nil {
		return nil, nil, fmt.Errorf("open the state folder: %w", err)
	}
	defer j.Close()
	host, err := j.Host()
	if err != nil {
		fmt.Fprintf(c.err, "vifd: %v\n", err)
	}
	return records, host, nil
}

// changed counts the vifs that would change, and what they share as one.
func (d *difference) changed() int {
	n := 0
	if len(d.Shared)+len(d.Unused) > 0 {
		n++
	}
	for i := range d.Vifs {
		if len(d.Vifs[i].Changes) > 0 {
			n++
		}
	}
	return n
}

// print writes a shell script. Names are made printable, so that no byte of one ends a comment.
func (d *difference) print(c *command) {
	share := func(what string, list []handler.Change) {
		if len(list) > 0 {
			fmt.Fprintf(c.out, "# %s\n", what)
		}
		for _, change := range list {
			fmt.Fprintln(c.out, printable(change.Command))
		}
	}
	share("what vifs share", d.Shared)
	vifs := 0
	for i := range d.Vifs {
		v := &d.Vifs[i]
		if len(v.Changes) == 0 && v.Error == "" {
			continue
		}
		vifs++
		fmt.Fprintf(c.out, "# %s\n", printable(v.what()))
		for _, change := range v.Changes {
			fmt.Fprintln(c.out, printable(change.Command))
		}
		if v.Error != "" {
			fmt.Fprintf(c.out, "# error: %s\n", printable(v.Error))
		}
	}
	share("what no vif needs any more", d.Unused)
	if vifs == 0 && len(d.Shared)+len(d.Unused) == 0 {
		fmt.Fprintln(c.out, "# no changes")
		return
	}
	fmt.Fprintf(c.out, "# %d of %d vifs would change\n", vifs, len(d.Vifs))
}

// what says whom the changes are about, and what for.
func (v *vifDifference) what() string {
	text := v.Interface
	if v.Ifindex > 0 {
		text += fmt.Sprintf(" (ifindex %d)", v.Ifindex)
	}
	if v.Gone {
		return text + ": gone"
	}
	if v.Rule != "" {
		text += ": rule " + v.Rule + ","
	} else {
		text += ": no rule,"
	}
	text += " " + strings.TrimSpace(v.Action+" "+v.Network) + ", " + v.State
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	return text
}

// printDrift is explain's.
func (v *vifDifference) printDrift(c *command) {
	fmt.Fprintln(c.out, "drift:")
	for _, change := range v.Changes {
		fmt.Fprintf(c.out, "  %s %s: %s\n", change.Facet, change.Differs, printable(change.Command))
	}
	switch {
	case v.Error != "":
		fmt.Fprintf(c.out, "  error: %s\n", printable(v.Error))
	case len(v.Changes) == 0:
		fmt.Fprintln(c.out, "  none")
	}
}
