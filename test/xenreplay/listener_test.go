package xenreplay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/handler"
	"vifd/internal/ctl"
	"vifd/internal/journal"
	"vifd/internal/nft"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/testhost"
	"vifd/internal/uevent"
	"vifd/internal/xenstore"
	"vifd/rules"
	rulesd "vifd/rules.d"
)

// shippedRules are the default rules, as they are installed.
const shippedRules = "../../rules.d/" + rulesd.DefaultRules

// asListener makes the test binary be a listener that hears events from its standard input. Its value is the state folder.
const asListener = "VIFD_REPLAY_LISTENER"

func TestMain(m *testing.M) {
	if state := os.Getenv(asListener); state != "" {
		if err := listen(context.Background(), state, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "listener:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	testhost.Main(m)
}

// listen is `vifd listen` with the shipped rules and those of vif-bridge. It ends with its input, or with the first message that is
// no uevent.
func listen(ctx context.Context, state string, messages io.Reader) error {
	cfg, err := engine(state)
	if err != nil {
		return err
	}
	set, report := rules.Load(rules.Options{Paths: []string{shippedRules}, Library: rulesd.FS, Last: []string{"hotplug/vif-bridge.yaml"}})
	if set == nil {
		return errors.New(report.First().String())
	}
	rs, err := handler.NewRuleset(set)
	if err != nil {
		return err
	}
	server, err := ctl.Listen(ctx, state)
	if err != nil {
		return err
	}
	h, err := handler.New(cfg, rs)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.Run(ctx) })
	group.Go(func() error { return h.Watch(ctx) })
	group.Go(func() error { return server.Serve(ctx, answers{h}) })
	group.Go(func() error {
		defer cancel()
		if _, err := h.Resync(ctx, nil); err != nil {
			return err
		}
		fmt.Println("ready")
		return feed(h, messages)
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// engine opens what cmd/vifd's engine opens, as far as a bridge needs it.
func engine(state string) (cfg handler.Config, err error) {
	records, err := journal.Open(state)
	if err != nil {
		return cfg, err
	}
	conn, err := nft.Dial()
	if err != nil {
		return cfg, err
	}
	table, err := firewall.OpenTable(conn)
	if err != nil {
		return cfg, err
	}
	translation, err := nat.OpenTable(conn)
	if err != nil {
		return cfg, err
	}
	settings, err := sysctl.Open()
	if err != nil {
		return cfg, err
	}
	return handler.Config{
		Dial:     func() (handler.Links, error) { return rtnl.Dial() },
		Firewall: table, NAT: translation, Sysctls: settings, Records: records,
		Xenstore: xenstore.New(), Sysfs: "/sys",
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, nil
}

// feed hands the handler the messages, each a quoted line, as its source of events would.
func feed(h *handler.Handler, messages io.Reader) error {
	lines := bufio.NewScanner(messages)
	for n := 1; lines.Scan(); n++ {
		data, err := strconv.Unquote(lines.Text())
		if err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		ev, ok, err := uevent.Kernel.Message([]byte(data))
		if err != nil {
			return fmt.Errorf("%q: %w", data, err)
		}
		if ok {
			h.Event(ev)
		}
		fmt.Println("fed", n)
	}
	return lines.Err()
}

// answers is the listener's end of its socket.
type answers struct{ handler *handler.Handler }

func (a answers) Handle(ctx context.Context, req ctl.Request) ctl.Response {
	switch req := req.(type) {
	case ctl.EventRequest:
		out, err := a.handler.Do(ctx, req.Event)
		if err != nil {
			return ctl.Failure{Reason: err.Error()}
		}
		return out
	case ctl.StatusRequest:
		return a.handler.Status()
	}
	return ctl.Failure{Reason: fmt.Sprintf("nobody asks for %T in a replay", req)}
}
