package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"vifd/internal/testhost"
)

// asBare makes the test binary be the bare program.
const asBare = "VIFD_BENCH_BARE"

func TestMain(m *testing.M) {
	if os.Getenv(asBare) != "" {
		err := runBare(newGuest(probe), bridgeOf(probe), os.Getenv(asBare))
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
	testhost.Main(m)
}

// guest is one of the guests that rules know; its number gives it its name and addresses.
type guest struct {
	number int
	name   string
	mac    [6]byte
	ip4    [4]byte
	ip6    [16]byte
}

func newGuest(number int) guest {
	hi, lo := byte(number>>8), byte(number)
	return guest{
		number: number, name: fmt.Sprintf("vif%d.0", number),
		mac: [6]byte{0x00, 0x16, 0x3e, 0, hi, lo},
		ip4: [4]byte{10, 0, hi, lo},
		ip6: [16]byte{0: 0xfd, 14: hi, 15: lo},
	}
}

// linkLocal is the address that the guest makes of its MAC (EUI-64).
func (g *guest) linkLocal() []byte {
	m := g.mac
	return []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}
}

const (
	// perBridge is how many guests share a bridge.
	perBridge = 250
	// probe is the number of the guest that comes and goes while the others stay. Its bridge is its own.
	probe = 30_000
)

func bridgeOf(number int) string { return fmt.Sprintf("xenbr%d", number/perBridge) }

// names are those of guests 1 to n.
func names(n int) []string {
	var list []string
	for i := 1; i <= n; i++ {
		list = append(list, newGuest(i).name)
	}
	return list
}

// rulesOf knows guests 1 to n and the probe: every guest is bridged, and guarded by source-guard.
func rulesOf(n int) string {
	var b strings.Builder
	b.WriteString("guests:\n")
	add := func(g guest) {
		fmt.Fprintf(&b, "  - {interface: %s, mac: \"%x:%x:%x:%x:%x:%x\", ip: [%d.%d.%d.%d, \"fd00::%x\"]}\n", g.name,
			g.mac[0:1], g.mac[1:2], g.mac[2:3], g.mac[3:4], g.mac[4:5], g.mac[5:6], g.ip4[0], g.ip4[1], g.ip4[2], g.ip4[3], g.number)
	}
	for i := 1; i <= n; i++ {
		add(newGuest(i))
	}
	add(newGuest(probe))
	var bridges []int
	for i := 0; i <= n; i += perBridge {
		bridges = append(bridges, i)
	}
	bridges = append(bridges, probe/perBridge*perBridge)
	b.WriteString("networks:\n")
	for _, first := range bridges {
		fmt.Fprintf(&b, "  %s: {bridge: {create: true}}\n", bridgeOf(first))
	}
	b.WriteString("rules:\n")
	for _, first := range bridges {
		fmt.Fprintf(&b, "  - {name: %s, match: {interface: \"vif*\", domid: \"%d-%d\"}, bridge: %s, firewall: source-guard}\n",
			bridgeOf(first), first, first+perBridge-1, bridgeOf(first))
	}
	return b.String()
}

// build makes the program, as its users get it, and returns its path.
func build(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "vifd")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "vifd/cmd/vifd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return program
}

// host is a host with vifd's rules and a state folder in memory.
type host struct {
	*testhost.Host
	vifd   string         // the program
	far    *testhost.Host // where the guests' ends are
	rules  string
	state  string // as programs in the host see it
	guests int
}

func newHost(b *testing.B, vifd string, guests int) *host {
	b.Helper()
	dir := b.TempDir()
	h := &host{Host: testhost.New(b), vifd: vifd, far: testhost.New(b), rules: filepath.Join(dir, "rules.yaml"), state: "/run/vifd", guests: guests}
	h.Tmpfs(b, "/run")
	if err := os.WriteFile(h.rules, []byte(rulesOf(guests)), 0o644); err != nil {
		b.Fatal(err)
	}
	// The bridge of the probe is there, and stays when it goes.
	h.Run(b, "ip", "link", "add", bridgeOf(probe), "type", "bridge", "forward_delay", "0")
	h.Run(b, "ip", "link", "set", bridgeOf(probe), "up")
	return h
}

// listen starts vifd and waits until it is ready.
func (h *host) listen(b *testing.B) *testhost.Process {
	b.Helper()
	cmd := h.Command(h.vifd, "listen", "--rules", h.rules, "--state", h.state)
	p := cmd.Background(b)
	p.WaitOutput(b, "msg=ready")
	return p
}

// startBare starts the bare program and waits until it is ready.
func (h *host) startBare(b *testing.B) *testhost.Process {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := h.Command(self)
	cmd.Env = append(os.Environ(), asBare+"="+h.state+"/vifs")
	p := cmd.Background(b)
	p.WaitOutput(b, "ready")
	return p
}

// stop ends a listener, which leaves everything as it is.
func stop(b *testing.B, p *testhost.Process) {
	b.Helper()
	if err := p.Stop(b, syscall.SIGTERM); err != nil {
		b.Fatalf("the listener ended with %v:\n%s", err, p.Output())
	}
}

// records is where p, a process in the host, keeps its records, as this process sees it.
func (h *host) records(p *testhost.Process) string {
	return fmt.Sprintf("/proc/%d/root%s/vifs", p.Pid(), h.state)
}

// oneFile is a file system with r.yaml in it.
func oneFile(text string) fstest.MapFS { return fstest.MapFS{"r.yaml": {Data: []byte(text)}} }
