package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/journal"
)

func (c *command) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show every vif: rule, action, network, state, age",
		Args:  cobra.NoArgs,
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
}

// recordedStatus is what processes that worked without a listener have written down.
func (c *command) recordedStatus() (ctl.Status, error) {
	if _, err := os.Stat(c.state); errors.Is(err, fs.ErrNotExist) {
		return ctl.Status{}, nil
	}
	j, err := journal.Open(c.state)
	if err != nil {
		return ctl.Status{}, fmt.Errorf("open the state folder: %w", err)
	}
	defer j.Close()
	records, err := j.List()
	if err != nil {
		fmt.Fprintf(c.err, "vifd: %v\n", err)
	}
	var status ctl.Status
	for i := range records {
		status.Vifs = append(status.Vifs, handler.VifStatus(&records[i]))
	}
	return status, nil
}

func (c *command) printStatus(status ctl.Status, now time.Time) error {
	w := tabwriter.NewWriter(c.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tSTATE\tRULE\tACTION\tNETWORK\tFIREWALL\tAGE")
	for _, v := range status.Vifs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(v.Interface), v.State, dash(v.Rule), dash(v.Action), dash(v.Network),
			dash(strings.Join(v.Firewall, ",")), now.Sub(v.Since).Round(time.Second))
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
