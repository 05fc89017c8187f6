package takeover_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/takeover"
	"vifd/internal/testhost"
)

// childEnv makes the test binary do one thing in a host, and kill itself at a point: "start 17" before or after its 17th change.
const childEnv = "VIFD_TAKEOVER_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(child(what))
	}
	testhost.Main(m)
}

// child does what it is told in the process's own namespace.
func child(what string) int {
	runtime.LockOSThread()
	var verb, dir string
	var at int
	if _, err := fmt.Sscanf(what, "%s %d %s", &verb, &at, &dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	cfg := config(dir)
	n := 0
	cfg.Hook = func(point string) {
		if n++; n == at {
			fmt.Println("killed", point)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	m, err := takeover.Open(cfg)
	if err == nil {
		switch verb {
		case "start":
			_, err = m.Start(context.Background(), network())
		case "stop":
			err = m.Stop(context.Background(), "xenbr0", false)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("points", n)
	return 0
}

func config(dir string) takeover.Config {
	return takeover.Config{
		Dir: dir, Sysfs: "/sys", Proc: "/proc", Run: filepath.Join(dir, "run"), Alias: "made by vifd", Group: 0x76696664,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

func network() takeover.Network {
	return takeover.Network{Name: "xenbr0", Uplink: "eth0", Create: true}
}

// world is a host behind eth0 and eth1, with all that a host can have, and the outside that both lead to.
type world struct {
	*testhost.Host
	outside *testhost.Host
	dir     string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{Host: testhost.New(t), outside: testhost.New(t), dir: filepath.Join(t.TempDir(), "snapshots")}
	w.Veths(t, w.outside, "eth0", "eth1")
	w.outside.Run(t, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv4.ip_forward=1")
	w.script(t, w.outside, `
		link set peth0 up
		link set peth1 up
		addr add 192.0.2.254/24 dev peth0
		addr add 198.51.100.254/24 dev peth0
		addr add 2001:db8::fe/64 dev peth0 nodad
		addr add fe80::fe/64 dev peth0 nodad
		addr add 203.0.113.254/24 dev peth1
		addr add 2001:db8:1::fe/64 dev peth1 nodad
		addr add 10.9.9.9/32 dev lo`)
	w.script(t, w.Host, `
		link set eth0 up
		link set eth1 up
		addr add 192.0.2.1/24 broadcast 192.0.2.255 dev eth0
		addr add 192.0.2.2/24 dev eth0 label eth0:1
		addr add 198.51.100.1/24 dev eth0 metric 300
		addr add 192.0.2.77/32 dev eth0 valid_lft 3000 preferred_lft 2000
		addr add 203.0.113.1/24 dev eth1
		addr add 2001:db8::1/64 dev eth0 nodad
		addr add 2001:db8::2/64 dev eth0
		addr add 2001:db8::3/128 dev eth0 valid_lft 3000 preferred_lft 2000 nodad
		addr add fd00:1::1/64 dev eth0 noprefixroute nodad
		addr add 2001:db8:1::1/64 dev eth1 nodad
		link set lo up`)
	w.settled(t)
	w.script(t, w.Host, `
		route add default via 192.0.2.254 dev eth0 src 192.0.2.2
		route add default via 203.0.113.254 dev eth1 metric 50
		route add 10.1.0.0/16 via 192.0.2.254 dev eth0 metric 100 mtu 1400 advmss 1300
		route add 10.1.0.0/16 via 198.51.100.254 dev eth0 metric 200 proto static
		route add 10.2.0.0/16 nexthop via 192.0.2.254 dev eth0 weight 3 nexthop via 203.0.113.254 dev eth1 weight 1
		route add 10.3.0.0/16 dev eth0 scope link
		route append 10.3.0.0/16 dev eth1 scope link
		route add 10.4.0.0/16 via 10.99.0.1 dev eth0 onlink
		route add blackhole 10.5.0.0/16
		route add default via 192.0.2.254 dev eth0 table 100
		route add 10.6.0.0/16 via 192.0.2.254 dev eth0 table 1000 tos 0x10
		route add default via 203.0.113.254 dev eth1 table 100 metric 5
		-6 route add default via fe80::fe dev eth0
		-6 route add default via 2001:db8:1::fe dev eth1 metric 4096
		-6 route add 2001:db8:a::/48 via 2001:db8::fe dev eth0 metric 10 mtu 1400
		-6 route add 2001:db8:b::/48 nexthop via 2001:db8::fe dev eth0 weight 2 nexthop via 2001:db8:1::fe dev eth1
		-6 route add 2001:db8:c::/48 via 2001:db8::fe dev eth0 expires 3000
		-6 route add 2001:db8:d::/48 via 2001:db8::fe dev eth0 table 100 src 2001:db8::1
		-6 route add unreachable 2001:db8:e::/48
		-6 route add fd00:1::/64 dev eth0 metric 77
		rule add from 198.51.100.1 lookup 100 pref 1000
		rule add iif eth0 lookup 100 pref 1001
		rule add oif eth0 fwmark 0x7 lookup 100 pref 1001
		rule add iif eth1 lookup 100 pref 1001
		rule add to 10.0.0.0/8 ipproto tcp dport 22 lookup 100 pref 1001
		-6 rule add iif eth0 lookup 100 pref 1002 suppress_prefixlength 0
		neigh add 192.0.2.50 lladdr 02:00:00:00:00:50 dev eth0 nud permanent
		neigh add 2001:db8::50 lladdr 02:00:00:00:00:51 dev eth0 nud permanent
		neigh add proxy 192.0.2.60 dev eth0
		neigh add proxy 2001:db8::60 dev eth0
		neigh add 203.0.113.50 lladdr 02:00:00:00:00:52 dev eth1 nud permanent`)
	return w
}

// script runs ip for every line, in their order: one process for as many as speak of the same family.
func (w *world) script(t testing.TB, h *testhost.Host, lines string) {
	t.Helper()
	var options, batch []string
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		var of []string
		line, ipv6 := strings.CutPrefix(strings.TrimSpace(line), "-6 ")
		if ipv6 {
			of = []string{"-6"}
		}
		if !slices.Equal(of, options) {
			ip(t, h, options, batch)
			options, batch = of, nil
		}
		batch = append(batch, line)
	}
	ip(t, h, options, batch)
}

// ip runs ip once, with options, for all of the lines, and returns what it prints. It stops at the first that fails.
func ip(t testing.TB, h *testhost.Host, options, lines []string) string {
	t.Helper()
	if len(lines) == 0 {
		return ""
	}
	cmd := h.Command("ip", append(options, "-batch", "-")...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nof the lines:\n%s", cmd, err, out, strings.Join(lines, "\n"))
	}
	return string(out)
}

// settled waits until the kernel has done what it does by itself for new links.
func (w *world) settled(t testing.TB) {
	t.Helper()
	w.WaitUp(t, "eth0", "eth1")
	w.outside.WaitUp(t, "peth0", "peth1")
	testhost.Wait(t, "duplicate address detection to end", func() bool {
		return !strings.Contains(w.Run(t, "ip", "-6", "addr")+w.outside.Run(t, "ip", "-6", "addr"), "tentative")
	})
}

var countdown = regexp.MustCompile(`(valid_lft|preferred_lft|expires|timer) +[0-9.]+(sec)?`)

// state is the host as text.
func (w *world) state(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, ask := range []struct{ options, objects []string }{
		{options: []string{"-d"}, objects: []string{"addr", "route show table all", "rule"}},
		{options: []string{"-d", "-6"}, objects: []string{"route show table all", "rule"}},
		{objects: []string{"neigh show nud permanent", "neigh show proxy"}}, // of both families
	} {
		lines := strings.SplitAfter(ip(t, w.Host, ask.options, ask.objects), "\n")
		if len(ask.options) == 0 {
			slices.Sort(lines) // the kernel lists a hash table
		}
		fmt.Fprintf(&b, "# ip %s: %s\n%s", ask.options, ask.objects, strings.Join(lines, ""))
	}
	return countdown.ReplaceAllString(b.String(), "$1 Nsec")
}

func same(t testing.TB, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: the host is not as it was (-before +after):\n%s", what, diff)
	}
}

// with runs f with a Manager in the host.
func (w *world) with(t testing.TB, f func(m *takeover.Manager) error) error {
	t.Helper()
	return w.DoErr(func() error {
		m, err := takeover.Open(config(w.dir))
		if err != nil {
			return err
		}
		return f(m)
	})
}

func (w *world) start(t testing.TB) (takeover.Result, error) {
	t.Helper()
	var r takeover.Result
	err := w.with(t, func(m *takeover.Manager) (err error) {
		r, err = m.Start(t.Context(), network())
		return err
	})
	return r, err
}

func (w *world) stop(t testing.TB, force bool) error {
	t.Helper()
	return w.with(t, func(m *takeover.Manager) error { return m.Stop(t.Context(), "xenbr0", force) })
}

func (w *world) recover(t testing.TB) ([]takeover.Recovered, error) {
	t.Helper()
	var list []takeover.Recovered
	err := w.with(t, func(m *takeover.Manager) (err error) {
		list, err = m.Recover(t.Context())
		return err
	})
	return list, err
}

// pinger pings the host from the outside, twenty times a second.
type pinger struct {
	p *testhost.Process
}

func (w *world) ping(t testing.TB, to string) *pinger {
	t.Helper()
	p := w.outside.Start(t, "ping", "-n", "-i", "0.05", "-O", to)
	p.WaitOutput(t, "icmp_seq=3")
	return &pinger{p: p}
}

var (
	summary  = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)
	sequence = regexp.MustCompile(`bytes from .*icmp_seq=(\d+)`)
)

// lost waits for one more answer, ends the ping and says for how long answers were missing.
func (p *pinger) lost(t testing.TB) time.Duration {
	t.Helper()
	seen := len(sequence.FindAllString(p.p.Output(), -1))
	testhost.Wait(t, "an answer to the ping", func() bool { return len(sequence.FindAllString(p.p.Output(), -1)) > seen+2 })
	_ = p.p.Stop(t, syscall.SIGINT) // it fails if packets were lost
	m := summary.FindStringSubmatch(p.p.Output())
	if m == nil {
		t.Fatalf("ping says nothing of packets:\n%s", p.p.Output())
	}
	sent, _ := strconv.Atoi(m[1])
	got, _ := strconv.Atoi(m[2])
	return time.Duration(max(0, sent-got-1)) * 50 * time.Millisecond // the last one may be on its way
}

// mustPing sends packets from the outside that must be answered.
func (w *world) mustPing(t testing.TB, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		if _, err := netip.ParseAddr(a); err != nil {
			t.Fatal(err)
		}
		if out, err := w.outside.RunErr("ping", "-n", "-c", "1", "-W", "5", a); err != nil {
			t.Errorf("ping %s: %v\n%s", a, err, out)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
