package main

import (
	"errors"
	"fmt"
	"log/slog"

	"vifd/actions/firewall"
	"vifd/actions/nat"
	"vifd/handler"
	"vifd/internal/conntrack"
	"vifd/internal/hook"
	"vifd/internal/journal"
	"vifd/internal/nft"
	"vifd/internal/rtnl"
	"vifd/internal/sysctl"
	"vifd/internal/xenstore"
)

// sysfs is where sysfs is mounted.
const sysfs = "/sys"

// engine opens everything that a handler works with. close gives it back. What the tables hold is not read yet: see handler.Config.
func (c *command) engine(log *slog.Logger) (cfg handler.Config, closeAll func(), err error) {
	records, err := journal.Open(c.state)
	if err != nil {
		return cfg, nil, fmt.Errorf("open the state folder: %w", err)
	}
	conn, err := nft.Dial()
	if err != nil {
		_ = records.Close()
		return cfg, nil, err
	}
	closeAll = func() { _, _ = conn.Close(), records.Close() }
	settings, err := sysctl.Open()
	if err != nil {
		closeAll()
		return cfg, nil, err
	}
	closeAll = func() { _, _, _ = settings.Close(), conn.Close(), records.Close() }
	offloads, err := rtnl.DialEthtool()
	if err != nil && !errors.Is(err, rtnl.ErrUnsupported) {
		closeAll()
		return cfg, nil, err
	}
	if err == nil {
		cfg.Offloads = offloads
		closeAll = func() { _, _, _, _ = offloads.Close(), settings.Close(), conn.Close(), records.Close() }
	}
	cfg.Dial = func() (handler.Links, error) { return rtnl.Dial() }
	cfg.Firewall, cfg.NAT, cfg.Sysctls, cfg.Records = firewall.NewTable(conn), nat.NewTable(conn), settings, records
	cfg.Flows = func() (handler.Flows, error) { return conntrack.Dial() }
	cfg.Sysfs, cfg.Log, cfg.Hooks = sysfs, log, hook.Runner{}
	store := xenstore.New()
	cfg.Xenstore = store
	rest := closeAll
	closeAll = func() { _ = store.Close(); rest() }
	return cfg, closeAll, nil
}
