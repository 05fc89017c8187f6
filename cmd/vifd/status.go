package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"vifd/actions/firewall"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/nft"
)

func (c *command) status() *cobra.Command {
	var counters bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show every vif: rule, action, network, state, age",
		Long: "status shows every vif that the listener knows or, where none runs, of which there is a record. With --counters it reads\n" +
			"from the kernel how many frames, and bytes, of each guest and to it came to be judged since the guest was connected or\n" +
			"its rules changed; this takes CAP_NET_ADMIN.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
			defer cancel()
			status, err := ctl.NewClient(c.state).Status(ctx)
			if errors.Is(err, ctl.ErrNoListener) {
				fmt.Fprintln(c.err, "vifd: no listener runs; this is what the records say")
				status, err = c.recordedStatus()
			}
			if err != nil {
				return exit(exitFailed, err)
			}
			slices.SortStableFunc(status.Vifs, func(a, b ctl.VifStatus) int { return byName(a.Interface, b.Interface) })
			if counters {
				if err := addCounters(&status); err != nil {
					return exit(exitCannot, err)
				}
			}
			if c.output == "json" {
				line, err := ctl.Marshal(status)
				if err != nil {
					return exit(exitFailed, err)
				}
				fmt.Fprintf(c.out, "%s\n", line)
				return nil
			}
			return c.printStatus(status, time.Now())
		},
	}
	cmd.Flags().BoolVar(&counters, "counters", false, "count each guest's frames")
	return cmd
}

// addCounters reads what the kernel has counted for each vif.
func addCounters(status *ctl.Status) error {
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	table, err := firewall.OpenTable(conn)
	if err != nil {
		return err
	}
	counted, err := table.Counters()
	if err != nil {
		return err
	}
	for i := range status.Vifs {
		n := counted[status.Vifs[i].Interface]
		status.Vifs[i].Counters = &ctl.Counters{FromGuest: ctl.Count(n.FromGuest), ToGuest: ctl.Count(n.ToGuest)}
	}
	return nil
}

// byName orders names as people count: vif2.0 before vif10.0. Digits that follow one another are one number, the lower one first.
func byName(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if order := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); order != 0 {
			return order
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

// digits is how many of them s begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// records is what has been written down of vifs; those that are damaged are reported and left out.
func (c *command) records() ([]journal.Record, error) {
	if _, err := os.Stat(c.state); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	j, err := journal.Open(c.state)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w", err)
	}
	defer j.Close()
	records, err := j.List()
	if err != nil {
		fmt.Fprintf(c.err, "vifd: %v\n", err)
	}
	return records, nil
}

// recordedStatus is what processes that worked without a listener have written down.
func (c *command) recordedStatus() (ctl.Status, error) {
	records, err := c.records()
	if err != nil {
		return ctl.Status{}, err
	}
	var status ctl.Status
	for i := range records {
		status.Vifs = append(status.Vifs, handler.VifStatus(&records[i]))
	}
	return status, nil
}

func (c *command) printStatus(status ctl.Status, now time.Time) error {
	w := tabwriter.NewWriter(c.out, 0, 8, 2, ' ', 0)
	head := "INTERFACE\tSTATE\tRULE\tACTION\tNETWORK\tFIREWALL\tAGE"
	if len(status.Vifs) > 0 && status.Vifs[0].Counters != nil {
		head += "\tFROM GUEST\tTO GUEST"
	}
	fmt.Fprintln(w, head)
	for _, v := range status.Vifs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s", printable(v.Interface), v.State, dash(v.Rule), dash(v.Action), dash(v.Network),
			dash(strings.Join(v.Firewall, ",")), now.Sub(v.Since).Round(time.Second))
		if n := v.Counters; n != nil {
			fmt.Fprintf(w, "\t%d (%d B)\t%d (%d B)", n.FromGuest.Packets, n.FromGuest.Bytes, n.ToGuest.Packets, n.ToGuest.Bytes)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return exit(exitFailed, err)
	}
	for _, v := range status.Vifs {
		if v.Error != "" {
			fmt.Fprintf(c.out, "%s: %s\n", printable(v.Interface), printable(v.Error))
		}
	}
	return nil
}

// printable takes out of s what would act on a terminal: the kernel allows nearly every byte in an interface's name.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
