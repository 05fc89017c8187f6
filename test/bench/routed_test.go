package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vifd/internal/testhost"
)

// routedLaps is how often the probe comes and goes on each host.
const routedLaps = 100

// BenchmarkRoutedGuests measures whether a routed and a translated guest cost the same among 1 000 as among ten. The times are the
// listener's own: from the beginning of a vif's round to its end.
func BenchmarkRoutedGuests(b *testing.B) {
	program := build(b)
	for _, kind := range []string{"route", "nat"} {
		few, many := newRoutedSide(b, program, kind, 10), newRoutedSide(b, program, kind, 1_000)
		for range b.N * routedLaps {
			few.lap(b)
			many.lap(b)
		}
		f, m := few.p50(b), many.p50(b)
		fmt.Printf("%s: a guest's round, p50: %v with 10 guests, %v with 1 000\n", kind, f, m)
		verdict("issue 4: "+kind+", with 1 000 guests against 10, p50", m.Seconds()/f.Seconds(), 1.2)
	}
}

// routedSide is a host with guests that are routed or translated.
type routedSide struct {
	*host
	p *testhost.Process
}

func newRoutedSide(b *testing.B, program, kind string, guests int) *routedSide {
	b.Helper()
	dir := b.TempDir()
	h := &host{Host: testhost.New(b), vifd: program, far: testhost.New(b), rules: filepath.Join(dir, "rules.yaml"), state: "/run/vifd", guests: guests}
	h.Tmpfs(b, "/run")
	var rules strings.Builder
	rules.WriteString("networks:\n  lan: {route: {uplink: eth0}}\n  private: {nat: {uplink: eth0, subnet: [10.0.0.0/8, \"fd77::/40\"], dhcp: true}}\nguests:\n")
	for _, n := range append(seq(guests), probe) {
		g := newGuest(n)
		ip := ""
		if kind == "route" {
			ip = fmt.Sprintf(", ip: [172.16.%d.%d, \"fd00::%x\"]", n>>8, n&0xff, n)
		}
		fmt.Fprintf(&rules, "  - {interface: %s, mac: \"%x:%x:%x:%x:%x:%x\"%s}\n", g.name, g.mac[0:1], g.mac[1:2], g.mac[2:3], g.mac[3:4], g.mac[4:5], g.mac[5:6], ip)
	}
	fmt.Fprintf(&rules, "rules: [{name: all, match: {interface: \"vif*\"}, %s: %s, firewall: source-guard}]\n", kind, map[string]string{"route": "lan", "nat": "private"}[kind])
	if err := os.WriteFile(h.rules, []byte(rules.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	h.Run(b, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", h.far.NetnsPath())
	h.Run(b, "ip", "addr", "add", "192.0.2.254/24", "dev", "eth0")
	h.Run(b, "ip", "addr", "add", "2001:db8::fe/64", "dev", "eth0", "nodad")
	h.Run(b, "ip", "link", "set", "eth0", "up")
	h.Veths(b, h.far, names(guests)...)
	return &routedSide{h, h.listen(b)}
}

func seq(n int) []int {
	var list []int
	for i := 1; i <= n; i++ {
		list = append(list, i)
	}
	return list
}

// lap plugs the probe in and out.
func (s *routedSide) lap(b *testing.B) {
	b.Helper()
	name := newGuest(probe).name
	s.Veths(b, s.far, name)
	link, err := s.Links().LinkByName(name)
	if err != nil {
		b.Fatal(err)
	}
	record := fmt.Sprintf("%s/%d.json", s.records(s.p), link.Attrs().Index)
	testhost.Wait(b, name+" to be configured", func() bool {
		data, _ := os.ReadFile(record)
		return bytes.Contains(data, []byte(`"state":"configured"`))
	})
	s.Unplug(b, name)
	testhost.Wait(b, name+" to be forgotten", func() bool {
		_, err := os.Stat(record)
		return errors.Is(err, os.ErrNotExist)
	})
}

var tookOf = regexp.MustCompile(`msg=configured iface=vif30000\.0 .*took=(\S+)`)

// p50 is the median of the probe's rounds.
func (s *routedSide) p50(b *testing.B) time.Duration {
	b.Helper()
	var times []time.Duration
	for _, m := range tookOf.FindAllStringSubmatch(s.p.Output(), -1) {
		d, err := time.ParseDuration(m[1])
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, d)
	}
	if len(times) < routedLaps {
		b.Fatalf("%d times for %d laps; output of vifd:\n%s", len(times), routedLaps, s.p.Output())
	}
	slices.Sort(times)
	return times[len(times)/2].Round(time.Microsecond)
}
