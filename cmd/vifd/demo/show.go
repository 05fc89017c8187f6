package demo

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifd/actions/firewall"
	"vifd/internal/nft"
	"vifd/internal/private"
	rulesd "vifd/rules.d"
)

const (
	guests     = 3
	bridgeName = "xenbr0"
	patience   = 10 * time.Second
)

// show runs the demo; the process is in its namespaces.
func show(out, errOut io.Writer) (err error) {
	begin := time.Now()
	if err := furnish(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vifd-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeRules(dir); err != nil {
		return err
	}
	s := &stageSet{out: out, dir: dir}
	if s.listener, err = startListener(dir, errOut); err != nil {
		return fmt.Errorf("start the listener: %w", err)
	}
	defer s.close()
	for _, step := range []func() error{s.ready, s.plug, s.talk, s.lie, s.unplug, s.nothingLeft, s.stop} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nAll steps came true, in %s.\n", time.Since(begin).Round(time.Millisecond))
	return nil
}

// furnish makes the new namespaces a host: a /sys of this network, and the loopback device.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w (%s)", err, private.Setting())
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount sysfs: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// writeRules lays the default rules down, and beside them what an administrator would add: the bridge, and who the guests are.
func writeRules(dir string) error {
	defaults, err := rulesd.FS.ReadFile(rulesd.DefaultRules)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "networks:\n  %s: {bridge: {create: true}}\nguests:\n", bridgeName)
	for i := range guests {
		g := nameGuest(i + 1)
		fmt.Fprintf(&b, "  - {interface: %s, mac: %q, ip: [%s, %q]}\n", g.vif, g.mac, g.ip4, g.ip6)
	}
	rules := filepath.Join(dir, "rules.d")
	if err := os.Mkdir(rules, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(rules, rulesd.DefaultRules), defaults, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(rules, "10-demo.yaml"), []byte(b.String()), 0o644)
}

// stageSet is what the steps share.
type stageSet struct {
	out      io.Writer
	dir      string
	listener *listener
	guests   []*guest
}

func (s *stageSet) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *stageSet) ready() error {
	r, err := s.listener.await("ready", "")
	if err != nil {
		return err
	}
	s.say("The listener is ready (%s): the kernel's events, the default rules, no guest yet.", r.Took)
	s.say("\nPlugging in %d guests:", guests)
	return nil
}

func (s *stageSet) plug() error {
	for i := range guests {
		g, err := newGuest(i + 1)
		if err != nil {
			return fmt.Errorf("guest %d: %w", i+1, err)
		}
		s.guests = append(s.guests, g)
		r, err := s.listener.await("configured", g.vif)
		if err != nil {
			return err
		}
		s.say("  %s  configured in %-9s rule %s: bridge %s, guarded as %s, %s, %s", g.vif, r.Took, r.Rule, r.Network, g.mac, g.ip4, g.ip6)
	}
	return nil
}

func (s *stageSet) talk() error {
	s.say("\nThey ping each other:")
	for _, from := range s.guests {
		for _, to := range s.guests {
			if from == to {
				continue
			}
			took4, err := from.ping4(to)
			if err != nil {
				return fmt.Errorf("%s pings %s: %w", from.vif, to.ip4, err)
			}
			took6, err := from.ping6(to)
			if err != nil {
				return fmt.Errorf("%s pings %s: %w", from.vif, to.ip6, err)
			}
			s.say("  %s → %s  %s in %s, %s in %s", from.vif, to.vif, to.ip4, took4, to.ip6, took6)
		}
	}
	return nil
}

func (s *stageSet) lie() error {
	liar, friend, victim := s.guests[2], s.guests[1], s.guests[0]
	s.say("\n%s pretends to be somebody else, to %s:", liar.vif, victim.vif)
	for _, l := range lies(liar, friend, victim) {
		if err := victim.misses(liar, l.frame); err != nil {
			return fmt.Errorf("%s: %w", l.what, err)
		}
		s.say("  %-52s nothing arrives", l.what)
	}
	s.say("  %-52s arrives", "as itself")
	return nil
}

func (s *stageSet) unplug() error {
	s.say("\nUnplugging them:")
	for _, g := range s.guests {
		begin := time.Now()
		link, err := netlink.LinkByName(g.vif)
		if err == nil {
			err = netlink.LinkDel(link)
		}
		if err != nil {
			return fmt.Errorf("unplug %s: %w", g.vif, err)
		}
		if _, err := s.listener.await("removed", g.vif); err != nil {
			return err
		}
		s.say("  %s  gone and cleaned up in %s", g.vif, time.Since(begin).Round(time.Microsecond))
	}
	return nil
}

// nothingLeft looks for leftovers: set elements, the bridge, records.
func (s *stageSet) nothingLeft() error {
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	table, err := firewall.OpenTable(conn)
	if err != nil {
		return err
	}
	if names := table.Interfaces(); len(names) > 0 {
		return fmt.Errorf("left behind: firewall elements of %s", strings.Join(names, ", "))
	}
	if _, err := netlink.LinkByName(bridgeName); err == nil {
		return fmt.Errorf("left behind: the bridge %s", bridgeName)
	}
	records, err := filepath.Glob(filepath.Join(s.dir, "state", "vifs", "*.json"))
	if err != nil || len(records) > 0 {
		return fmt.Errorf("left behind: records %v (%v)", records, err)
	}
	s.say("  nothing is left behind: no element in the firewall, no bridge, no record")
	return nil
}

func (s *stageSet) stop() error {
	if err := s.listener.stop(); err != nil {
		return fmt.Errorf("stop the listener: %w", err)
	}
	return nil
}

func (s *stageSet) close() {
	s.listener.kill()
	for _, g := range s.guests {
		g.close()
	}
}
