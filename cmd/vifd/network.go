package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vifd/actions/bridge"
	"vifd/internal/ctl"
	"vifd/internal/rtnl"
	"vifd/internal/takeover"
	"vifd/rules"
)

// defaultSnapshots is on a disk: what is kept there must outlive a loss of power.
const defaultSnapshots = "/var/lib/vifd"

// watchdogTimeout is how long the watchdog may take to say that it watches.
const watchdogTimeout = 10 * time.Second

// stateless is what the state of a network is called of which nothing is ever started: one that is routed or NATed, or a bridge without
// an uplink.
const stateless = "none"

// network is `vifd network` with its flags.
type network struct {
	*command
	snapshots string
	timeout   time.Duration
	force     bool
}

func (c *command) network() *cobra.Command {
	n := &network{command: c}
	cmd := &cobra.Command{
		Use:   "network",
		Short: "put the host's own network behind a bridge, and give it back",
		Long: "network moves what the host has on a bridge network's uplink (addresses, routes, policy rules, permanent neighbours) to the bridge,\n" +
			"whose port the uplink becomes, and gives it back. Before the first change all of it is written to disk; on any failure it is put back.\n" +
			"`try` puts it back unless `confirm` comes in time. Networks that are routed or NATed need no such thing: their uplink stays as it is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return exit(exitUsage, errors.Join(cmd.Help())) },
	}
	cmd.PersistentFlags().StringVar(&n.snapshots, "snapshots", defaultSnapshots, "`folder` of what there was before; it must outlive a loss of power")
	verb := func(use, short string, run func(ctx context.Context, name string) error) *cobra.Command {
		v := &cobra.Command{
			Use: use, Short: short, Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				return n.run(func(ctx context.Context) error { return run(ctx, args[0]) })
			},
		}
		cmd.AddCommand(v)
		return v
	}
	verb("start NAME", "move the host's network to the bridge", n.start)
	verb("stop NAME", "give the uplink back what it had", n.stop).Flags().
		BoolVar(&n.force, "force", false, "also while guests are in the bridge, and with what has come to it since")
	verb("status NAME", "show which link, address, route and rule is whose", n.status)
	verb("try NAME", "start, and put it back unless it is confirmed in time", n.try).Flags().
		DurationVar(&n.timeout, "timeout", 2*time.Minute, "`time` to wait for vifd network confirm")
	verb("confirm NAME", "let stay what try has done", n.confirm)
	verb("watch NAME", "put back what is not confirmed in time", n.watch).Hidden = true
	cmd.AddCommand(&cobra.Command{
		Use: "recover", Short: "put back what killed processes left half done, and what was not confirmed", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return n.run(n.recover) },
	})
	return cmd
}

// run lets a verb come to its end although the session from which it was called is lost: that may well be what it does. An
// interrupt ends it by way of putting everything back.
func (n *network) run(verb func(ctx context.Context) error) error {
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	err := verb(ctx)
	var coded *exitError
	if err != nil && !errors.As(err, &coded) {
		err = exit(exitFailed, err)
	}
	return err
}

func (n *network) manager() (*takeover.Manager, error) {
	m, err := takeover.Open(takeover.Config{
		Dir: n.snapshots + "/networks", Sysfs: sysfs, Proc: "/proc", Run: "/run", Alias: bridge.Alias, Group: bridge.Unfinished, Log: n.logger(),
	})
	if err != nil {
		return nil, exit(exitCannot, err)
	}
	return m, nil
}

// declared finds a network in the rules, and its uplink.
func (n *network) declared(name string) (found rules.Network, uplink string, err error) {
	set, report := n.load(nil)
	if len(report.Problems) > 0 {
		if err := report.WriteText(n.err, n.colored(n.err)); err != nil {
			return found, "", exit(exitCannot, err)
		}
	}
	if set == nil {
		return found, "", exit(exitCannot, report.Err())
	}
	found, ok := set.Networks[name]
	if !ok {
		return found, "", exit(exitUsage, fmt.Errorf("no network is called %q in the rules", name))
	}
	switch found.Kind {
	case rules.BridgeNetwork:
		uplink = found.Bridge.Uplink
	case rules.RouteNetwork:
		uplink = found.Route.Uplink
	case rules.NATNetwork:
		uplink = found.NAT.Uplink
	}
	return found, uplink, nil
}

// bridged is the network to be taken over; false, and a word about it, for one of which nothing is.
func (n *network) bridged(name string) (takeover.Network, bool, error) {
	found, uplink, err := n.declared(name)
	if err != nil {
		return takeover.Network{}, false, err
	}
	if found.Kind == rules.BridgeNetwork && uplink != "" {
		return takeover.Network{Name: name, Uplink: uplink, Create: found.Bridge.Create, MTU: found.Bridge.MTU}, true, nil
	}
	if uplink != "" {
		conn, err := rtnl.Dial()
		if err != nil {
			return takeover.Network{}, false, exit(exitCannot, err)
		}
		defer conn.Close()
		if _, err := conn.LinkByName(uplink); err != nil {
			return takeover.Network{}, false, fmt.Errorf("the uplink of %s: %w", name, err)
		}
	}
	fmt.Fprintf(n.out, "%s is no bridge with an uplink: nothing of the host's is moved, and what a guest needs is set up when it comes\n", name)
	return takeover.Network{}, false, nil
}

func (n *network) start(ctx context.Context, name string) error {
	return n.begin(name, func(m *takeover.Manager, t takeover.Network) (takeover.Result, error) { return m.Start(ctx, t) })
}

func (n *network) try(ctx context.Context, name string) error {
	if n.timeout < time.Second {
		return exit(exitUsage, fmt.Errorf("--timeout %v is less than a second", n.timeout))
	}
	return n.begin(name, func(m *takeover.Manager, t takeover.Network) (takeover.Result, error) {
		return m.Try(ctx, t, n.timeout, func() error { return n.spawn(name) })
	})
}

func (n *network) begin(name string, do func(*takeover.Manager, takeover.Network) (takeover.Result, error)) error {
	t, ok, err := n.bridged(name)
	if err != nil || !ok {
		return err
	}
	m, err := n.manager()
	if err != nil {
		return err
	}
	result, err := do(m, t)
	for _, w := range result.Warnings {
		fmt.Fprintln(n.err, "vifd: "+printable(w))
	}
	switch {
	case err != nil:
		return err
	case result.Already:
		fmt.Fprintf(n.out, "%s is behind %s already\n", t.Uplink, name)
	case !result.Until.IsZero():
		fmt.Fprintf(n.out, "%s is behind %s until %s; to let it stay: vifd network confirm %s\n", t.Uplink, name, result.Until.Format(time.TimeOnly), name)
	default:
		fmt.Fprintf(n.out, "%s is behind %s\n", t.Uplink, name)
	}
	return nil
}

func (n *network) stop(ctx context.Context, name string) error {
	m, err := n.manager()
	if err != nil {
		return err
	}
	err = m.Stop(ctx, name, n.force)
	if errors.Is(err, takeover.ErrNotStarted) {
		fmt.Fprintf(n.out, "%s is not started\n", name)
		return nil
	}
	if err == nil {
		fmt.Fprintf(n.out, "%s: everything is as it was\n", name)
	}
	return err
}

func (n *network) confirm(ctx context.Context, name string) error {
	m, err := n.manager()
	if err != nil {
		return err
	}
	if err := m.Confirm(ctx, name); err != nil {
		return err
	}
	fmt.Fprintf(n.out, "%s stays as it is\n", name)
	return nil
}

func (n *network) recover(ctx context.Context) error {
	m, err := n.manager()
	if err != nil {
		return err
	}
	list, err := m.Recover(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range list {
		if r.Watch {
			r.Done, r.Err = "watched until its time is over", n.spawn(r.Network)
		}
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Network, r.Err))
		} else if r.Done != "" {
			fmt.Fprintf(n.out, "%s: %s\n", r.Network, r.Done)
		}
	}
	return errors.Join(errs...)
}

// watch is the watchdog's own verb. What it says when it watches is for spawn.
func (n *network) watch(ctx context.Context, name string) error {
	m, err := n.manager()
	if err != nil {
		return err
	}
	return m.Watch(ctx, name, func() { fmt.Fprintln(n.out, "watching") })
}

// spawn starts the watchdog: a process in a session of its own, that nothing of the caller's session ends, and that holds
// none of its files open.
func (n *network) spawn(name string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{"vifd", "network", "watch", name, "--snapshots", n.snapshots}, &os.ProcAttr{
		Dir: "/", Env: n.environ, Files: []*os.File{null, w, null}, Sys: &unix.SysProcAttr{Setsid: true},
	})
	_ = w.Close() // ours; the watchdog has its own
	if err != nil {
		return err
	}
	err = r.SetReadDeadline(time.Now().Add(watchdogTimeout))
	if err == nil {
		_, err = r.Read(make([]byte, 1))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the watchdog does not say that it watches: %w", err), p.Kill())
	}
	return p.Release()
}

func (n *network) status(ctx context.Context, name string) error {
	found, uplink, err := n.declared(name)
	if err != nil {
		return err
	}
	m, err := n.manager()
	if err != nil {
		return err
	}
	st, err := m.Status(ctx, takeover.Network{Name: name, Uplink: uplink})
	if err != nil {
		return err
	}
	if st.State == takeover.StateDown && (found.Kind != rules.BridgeNetwork || uplink == "") {
		st.State = stateless // down is what can be started
	}
	if n.output == "json" {
		return n.printJSON(struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			takeover.Status
		}{ctl.APIVersion, "NetworkStatus", st})
	}
	head := st.State
	if head == stateless {
		head = found.Kind.String() + ": nothing to start"
	}
	if st.State == takeover.StateTrying {
		head += " until " + st.Until.Format(time.TimeOnly)
	}
	if st.Error != "" {
		head += ": " + printable(st.Error)
	}
	fmt.Fprintf(n.out, "%s (uplink %s): %s\n", name, dash(st.Uplink), head)
	w := tabwriter.NewWriter(n.out, 0, 8, 2, ' ', 0)
	for _, part := range []struct {
		what string
		list []takeover.Owned
	}{{"link", st.Links}, {"address", st.Addresses}, {"route", st.Routes}, {"rule", st.Rules}} {
		for _, o := range part.list {
			text := o.What
			if part.what == "address" {
				text += " dev " + o.Link
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", part.what, printable(text), o)
		}
	}
	return w.Flush()
}
