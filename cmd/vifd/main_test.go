package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vifd/internal/ctl"
	"vifd/internal/testhost"
)

// asVifd makes the test binary be vifd itself, so that the tests run the real program in a namespace without building it.
const asVifd = "VIFD_TEST_MAIN"

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	if os.Getenv(asVifd) != "" {
		main()
	}
	testhost.Main(m)
}

// host is a host with vifd on it.
type host struct {
	*testhost.Host
	self, rules, state string
}

func newHost(t *testing.T, rules string) *host {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &host{Host: testhost.New(t), self: self, rules: filepath.Join(dir, "rules.yaml"), state: filepath.Join(dir, "state")}
	h.write(t, rules)
	return h
}

func (h *host) write(t *testing.T, rules string) {
	t.Helper()
	if err := os.WriteFile(h.rules, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
}

// vifd prepares a vifd command on the host.
func (h *host) vifd(args ...string) *testhost.Cmd {
	cmd := h.Command(h.self, append(args, "--rules", h.rules, "--state", h.state)...)
	// The race detector would sleep for a second at the end of every command.
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs a vifd command to its end and returns what it printed and its exit code.
func (h *host) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := h.vifd(args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("vifd %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// listen starts a listener and waits until it is ready.
func (h *host) listen(t *testing.T, args ...string) *testhost.Process {
	t.Helper()
	p := h.vifd(append([]string{"listen"}, args...)...).Background(t)
	p.WaitOutput(t, "msg=ready")
	return p
}

// status asks the listener. Of two vifs of one name, the older has gone and is still being cleaned up after.
func (h *host) status(t *testing.T) map[string]ctl.VifStatus {
	t.Helper()
	byName := make(map[string]ctl.VifStatus)
	for _, v := range h.vifs(t) {
		if v.Ifindex > byName[v.Interface].Ifindex {
			byName[v.Interface] = v
		}
	}
	return byName
}

// vifs is every vif that the listener knows of.
func (h *host) vifs(t *testing.T) []ctl.VifStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	status, err := ctl.NewClient(h.state).Status(ctx)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return status.Vifs
}

// waitState waits until the listener says that all of the vifs are in a state.
func (h *host) waitState(t *testing.T, state string, names ...string) {
	t.Helper()
	testhost.Wait(t, fmt.Sprintf("%d vifs %s", len(names), state), func() bool {
		status := h.status(t)
		for _, name := range names {
			if status[name].State != state {
				return false
			}
		}
		return true
	})
}

// waitEmpty waits until the listener knows of no vif.
func (h *host) waitEmpty(t *testing.T) {
	t.Helper()
	testhost.Wait(t, "no vif", func() bool { return len(h.vifs(t)) == 0 })
}

// elements returns how many elements each set and map of vifd's table has, as nft counts them.
func (h *host) elements(t *testing.T) map[string]int {
	t.Helper()
	var list struct {
		Nftables []map[string]struct {
			Name string `json:"name"`
			Elem []any  `json:"elem"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(h.Run(t, "nft", "-j", "list", "sets")), &list); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	collect := func() {
		for _, object := range list.Nftables {
			for kind, s := range object {
				if kind == "set" || kind == "map" {
					counts[s.Name] = len(s.Elem)
				}
			}
		}
	}
	collect()
	list.Nftables = nil
	if err := json.Unmarshal([]byte(h.Run(t, "nft", "-j", "list", "maps")), &list); err != nil {
		t.Fatal(err)
	}
	collect()
	return counts
}

// bridgeRules is a rules file that puts guests vif<first>.0 to vif<last>.0 onto xenbr0, each known by MAC and addresses.
func bridgeRules(first, last int) string {
	var b strings.Builder
	b.WriteString("networks:\n  xenbr0: {bridge: {create: true}}\nguests:\n")
	for i := first; i <= last; i++ {
		fmt.Fprintf(&b, "  - {interface: vif%d.0, mac: \"00:16:3e:00:%02x:%02x\", ip: [10.0.%d.%d, \"fd00::%x\"]}\n", i, i>>8, i&255, i>>8, i&255, i)
	}
	b.WriteString("rules:\n  - name: guests\n    match: {interface: \"vif*\"}\n    bridge: xenbr0\n    firewall: source-guard\n")
	return b.String()
}

func vifNames(first, last int) []string {
	var names []string
	for i := first; i <= last; i++ {
		names = append(names, fmt.Sprintf("vif%d.0", i))
	}
	return names
}

// perGuest is how many elements one guest of bridgeRules has in each set: its link-local address makes two IPv6 ones.
var perGuest = map[string]int{"from-guest": 1, "to-guest": 1, "guest-mac": 1, "guest-ip": 1, "guest-ip6": 2}

func (h *host) wantElements(t *testing.T, guests int) {
	t.Helper()
	got := h.elements(t)
	for set, n := range perGuest {
		if got[set] != n*guests {
			t.Errorf("set %s has %d elements, want %d for %d guests", set, got[set], n*guests, guests)
		}
	}
}

func (h *host) wantNoRecords(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(h.state, "vifs", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("records left behind: %v %v", left, err)
	}
}

func stop(t *testing.T, p *testhost.Process) {
	t.Helper()
	if err := p.Stop(t, syscall.SIGTERM); err != nil {
		t.Fatalf("the listener ended with %v:\n%s", err, p.Output())
	}
}
