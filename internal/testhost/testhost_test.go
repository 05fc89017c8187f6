package testhost_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

func TestMain(m *testing.M) { testhost.Main(m) }

func netnsOf(t *testing.T, path string) string {
	t.Helper()
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestMainMovesTheTestsAway(t *testing.T) {
	if os.Getuid() != 0 {
		t.Errorf("uid %d, want root of some user namespace", os.Getuid())
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(ifaces) != 1 || ifaces[0].Name != "lo" {
		t.Errorf("interfaces %v, want a fresh namespace with lo alone", ifaces)
	}
	h := testhost.New(t)
	h.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		// Of root's rights this one counts in the first user namespace only.
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20)
		if testhost.Unprivileged() != errors.Is(err, unix.EPERM) {
			t.Errorf("Unprivileged is %v, and SO_RCVBUFFORCE says %v", testhost.Unprivileged(), err)
		}
		return nil
	})
}

func TestHostsAreApart(t *testing.T) {
	t.Parallel()
	before := netnsOf(t, "/proc/self/ns/net")
	a, b := testhost.New(t), testhost.New(t)
	a.Run(t, "ip", "link", "add", "only-a", "type", "veth", "peer", "name", "peer-a")

	for _, tc := range []struct {
		name string
		host *testhost.Host
		want bool
	}{{"a", a, true}, {"b", b, false}} {
		_, err := tc.host.Links().LinkByName("only-a")
		if got := err == nil; got != tc.want {
			t.Errorf("host %s: rtnetlink sees only-a: %v, want %v", tc.name, got, tc.want)
		}
		tc.host.Do(t, func() error {
			_, err := net.InterfaceByName("only-a")
			if got := err == nil; got != tc.want {
				t.Errorf("host %s: Do sees only-a: %v, want %v", tc.name, got, tc.want)
			}
			_, err = os.Stat("/sys/class/net/only-a")
			if got := err == nil; got != tc.want {
				t.Errorf("host %s: /sys in Do has only-a: %v, want %v", tc.name, got, tc.want)
			}
			return nil
		})
		out := tc.host.Run(t, "ls", "/sys/class/net")
		if got := strings.Contains(out, "only-a"); got != tc.want {
			t.Errorf("host %s: /sys of a process has only-a: %v, want %v", tc.name, got, tc.want)
		}
	}
	if after := netnsOf(t, "/proc/self/ns/net"); after != before {
		t.Errorf("the tests' own namespace changed from %s to %s", before, after)
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	want := netnsOf(t, h.NetnsPath())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}

	const n = 100
	var wg sync.WaitGroup
	together := make(chan struct{})
	var inside sync.WaitGroup
	inside.Add(n)
	for range n {
		wg.Go(func() {
			err := h.DoErr(func() error {
				inside.Done()
				<-together // all n are in the host at once
				if got, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || got != want {
					t.Errorf("in %s (%v), want %s", got, err, want)
				}
				if _, err := os.Stat("testhost_test.go"); err != nil {
					t.Errorf("the working directory is not %s: %v", dir, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	inside.Wait()
	close(together)
	wg.Wait()

	// No thread that anybody can get again has stayed in the host.
	if netnsOf(t, "/proc/self/ns/net") == want {
		t.Error("the process's first thread is in the host")
	}
	for range n {
		wg.Go(func() {
			if got, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || got == want {
				t.Errorf("an ordinary goroutine is in the host (%s, %v)", got, err)
			}
		})
	}
	wg.Wait()

	failure := errors.New("as told")
	if err := h.DoErr(func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("DoErr = %v, want the function's error", err)
	}
}

func TestGoIsStopped(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	ended := false
	t.Run("owner", func(t *testing.T) {
		started := make(chan struct{})
		h.Go(t, func(ctx context.Context) error {
			close(started)
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
		<-started
	})
	if !ended {
		t.Error("the function still runs after its test")
	}
}

func TestProcessesAreKilled(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	var child string
	t.Run("owner", func(t *testing.T) {
		p := h.Start(t, "sh", "-c", "sleep 1000 & echo child $! started; wait")
		p.WaitOutput(t, "started")
		child = strings.Fields(p.Output())[1]
	})
	testhost.Wait(t, "the process's child to be gone", func() bool {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || bytes.Contains(stat, []byte(") Z ")) // a zombie waits for init, not for us
	})
}

func TestStopByProcessOwner(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	p := h.Start(t, "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
	p.WaitOutput(t, "ready")
	var exit *exec.ExitError
	if err := p.Stop(t, syscall.SIGTERM); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the process ended with %v, want exit code 7", err)
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Tmpfs(t, "/run")
	from := t.TempDir()
	if err := os.WriteFile(from+"/file", []byte("bound"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Run(t, "mkdir", "/run/there")
	h.Bind(t, from, "/run/there")
	if got := h.Run(t, "cat", "/run/there/file"); got != "bound" {
		t.Errorf("read %q through the mount, want %q", got, "bound")
	}
	if _, err := os.Stat("/run/there"); err == nil {
		t.Error("the mount shows outside the host")
	}
}

func TestGuests(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	g1 := h.Guest(t, "vif1.0", "00:16:3e:00:00:01", "192.0.2.1/24", "2001:db8::1/64")
	g2 := h.Guest(t, "vif2.0", "00:16:3e:00:00:02", "192.0.2.2/24", "2001:db8::2/64")
	if out := h.Run(t, "ip", "-o", "link", "show", "vif1.0"); !strings.Contains(out, "state DOWN") {
		t.Errorf("the host's end is not down: %s", out)
	}
	h.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	for _, name := range []string{"br0", "vif1.0", "vif2.0"} {
		if name != "br0" {
			h.Run(t, "ip", "link", "set", name, "master", "br0")
		}
		h.Run(t, "ip", "link", "set", name, "up")
	}
	h.WaitUp(t, "vif1.0", "vif2.0")
	g1.WaitUp(t, testhost.GuestIf)
	g2.WaitUp(t, testhost.GuestIf)
	g1.Do(t, func() error {
		for _, to := range []string{"192.0.2.2:9", "[2001:db8::2]:9"} {
			// Nobody listens, so the other guest itself answers. Before the kernel has worked off that the links are up, it
			// drops what is sent: the address then counts as unreachable for a while.
			testhost.Wait(t, "an answer from "+to, func() bool {
				_, err := net.DialTimeout("tcp", to, testhost.Patience)
				return errors.Is(err, syscall.ECONNREFUSED)
			})
		}
		return nil
	})
	if out := g1.Run(t, "ip", "link", "show", "eth0"); !strings.Contains(out, "00:16:3e:00:00:01") {
		t.Errorf("the guest has another MAC: %s", out)
	}
	h.Unplug(t, "vif1.0")
	if _, err := g1.Links().LinkByName("eth0"); err == nil {
		t.Error("the guest's end is left after unplugging")
	}
}

func TestVeths(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	h.Veths(t, far, "vif1.0", "vif2.0")
	h.Veths(t, h, "vif3.0")
	for _, tc := range []struct {
		host *testhost.Host
		name string
	}{{h, "vif1.0"}, {h, "vif2.0"}, {h, "vif3.0"}, {h, "pvif3.0"}, {far, "pvif1.0"}, {far, "pvif2.0"}} {
		if _, err := tc.host.Links().LinkByName(tc.name); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestPacketsArriveAsSent(t *testing.T) {
	t.Parallel()
	head := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0, 0, 1}
	frame := func(tags, rest string) []byte {
		return append(append(append([]byte(nil), head...), tags...), "\x88\xb5"+rest+strings.Repeat(".", 50)...)
	}
	h := testhost.New(t)
	guest := h.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	h.Run(t, "ip", "link", "set", "vif1.0", "up")
	h.WaitUp(t, "vif1.0")
	guest.WaitUp(t, "eth0")
	from, to := guest.Packet(t, "eth0"), h.Packet(t, "vif1.0")

	for _, tc := range []struct{ name, tags string }{
		{"untagged", ""},
		{"VLAN 10", "\x81\x00\x00\x0a"},
		{"priority", "\x81\x00\xe0\x00"},
		{"QinQ", "\x88\xa8\x00\x14\x81\x00\x00\x0a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := frame(tc.tags, tc.name)
			from.Send(t, want)
			got := to.Expect(t, tc.name, func(f []byte) bool { return bytes.Contains(f, []byte(tc.name)) })
			if !bytes.Equal(got, want) {
				t.Errorf("captured\n% x, want\n% x", got, want)
			}
		})
	}

	t.Run("none before the barrier", func(t *testing.T) {
		is := func(mark string) func([]byte) bool {
			return func(f []byte) bool { return bytes.Contains(f, []byte(mark)) }
		}
		from.Send(t, frame("", "wanted"))
		from.Send(t, frame("", "sentinel"))
		from.Send(t, frame("", "after the sentinel"))
		to.None(t, "a frame never sent", is("unwanted"), is("sentinel"))
		if _, ok := to.Receive(t, is("after the sentinel"), testhost.Patience); !ok {
			t.Error("None read past its barrier")
		}
		fake := &recorder{TB: t}
		from.Send(t, frame("", "forbidden"))
		from.Send(t, frame("", "second sentinel"))
		to.None(fake, "the forbidden frame", is("forbidden"), is("second sentinel"))
		if !fake.failed {
			t.Error("None did not fail although the frame arrived")
		}
	})
}

// recorder notes a failure instead of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
