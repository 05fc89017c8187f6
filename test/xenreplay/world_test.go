package xenreplay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

// world is a Xen host as far as vifd sees one.
type world struct {
	*testhost.Host
	store   *xenstored.Daemon
	scripts string // a folder in which vifd has its own name and those of Xen's scripts
	rules   string // the administrator's, for a program that works alone
	state   string

	listener *testhost.Process // nil: nobody listens
	feeding  io.Writer
	fed      int

	taps map[int]*os.File // by ifindex; a tap goes when it is closed
}

// bridges are those that the recorded guests' configurations name.
var bridges = []string{"xenbr0", "xenbr1"}

func newWorld(t *testing.T, program string) *world {
	t.Helper()
	// Not t.TempDir, whose name holds the test's: a socket's path has 107 bytes at most (unix(7)).
	dir, err := os.MkdirTemp("", "xr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{
		Host: testhost.New(t), store: xenstored.New(t, xenstored.C), scripts: dir, rules: filepath.Join(dir, "rules.yaml"),
		state: filepath.Join(dir, "state"), taps: make(map[int]*os.File),
	}
	t.Cleanup(func() {
		for _, tap := range w.taps {
			_ = tap.Close()
		}
	})
	// An administrator's who has written none: it is the script's name that says what becomes of a vif.
	if err := os.WriteFile(w.rules, []byte("defaults: {unmatched: ignore}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vif-bridge", "vif-route", "vif-nat", "vif-vifd", "vifd"} {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range bridges {
		w.Run(t, "ip", "link", "add", name, "index", strconv.Itoa(1000+i), "type", "bridge") // low ones are the guests'
		w.Run(t, "ip", "link", "set", name, "up")
	}
	w.tool(t, "xenstore-write", backends, "") // stays when the folders of vifs have gone
	return w
}

// listen starts the listener, which is fed with messages.
func (w *world) listen(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.Command(self)
	cmd.Env = append(os.Environ(), asListener+"="+w.state, "XENSTORED_PATH="+w.store.Socket)
	if w.feeding, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	w.listener = cmd.Background(t)
	w.listener.WaitOutput(t, "ready\n")
}

// feed gives the listener a message, and waits until it has taken it.
func (w *world) feed(t *testing.T, message []byte) {
	t.Helper()
	if w.listener == nil {
		return
	}
	if _, err := fmt.Fprintf(w.feeding, "%q\n", message); err != nil {
		t.Fatalf("feed the listener: %v\n%s", err, w.listener.Output())
	}
	w.fed++
	w.listener.WaitOutput(t, fmt.Sprintf("fed %d\n", w.fed))
}

// plug makes an interface appear under the number that it had: a tap, or what is like a vif of netback's.
func (w *world) plug(t *testing.T, name string, ifindex int, tap bool) {
	t.Helper()
	if !tap {
		peer := "guest" + strconv.Itoa(ifindex)
		w.Run(t, "ip", "link", "add", name, "index", strconv.Itoa(ifindex), "type", "veth", "peer", "name", peer, "index", strconv.Itoa(2000+ifindex))
		w.Run(t, "ip", "link", "set", peer, "up")
		return
	}
	w.Do(t, func() error {
		f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		w.taps[ifindex] = f
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TUNSETIFINDEX, ifindex); err != nil {
			return fmt.Errorf("TUNSETIFINDEX: %w", err)
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		return unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, request)
	})
}

// unplug makes it go.
func (w *world) unplug(t *testing.T, name string, ifindex int) {
	t.Helper()
	if l, there := w.links(t)[ifindex]; !there || l.Name != name {
		t.Errorf("interface %d, which goes as %s, is %q", ifindex, name, l.Name)
	}
	if tap := w.taps[ifindex]; tap != nil {
		delete(w.taps, ifindex)
		if err := tap.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	w.Unplug(t, name)
}

// link is one as ip shows it.
type link struct {
	Ifindex   int
	Name      string `json:"ifname"`
	Flags     []string
	MTU       int
	Master    string
	Operstate string
	Address   string
}

func (w *world) links(t *testing.T) map[int]link {
	t.Helper()
	var list []link
	if err := json.Unmarshal([]byte(w.Run(t, "ip", "-j", "link", "show")), &list); err != nil {
		t.Fatal(err)
	}
	links := make(map[int]link)
	for _, l := range list {
		links[l.Ifindex] = l
	}
	return links
}

// guarded reports whether nft lists the guest of an interface with these values.
func (w *world) guarded(iface string, keys map[string]string) bool {
	for set, value := range map[string]string{"guest-mac": keys["mac"], "guest-ip": keys["ip"]} {
		list, err := w.RunErr("nft", "list", "set", "bridge", "vifd", set) // the table may not be there yet
		if err != nil || !regexp.MustCompile(`"`+regexp.QuoteMeta(iface+`" . `+value)+`[ ,]`).MatchString(list) {
			return false
		}
	}
	return true
}

// answer is how a call of the program went.
type answer struct {
	code int
	said string
	err  error
}

// call calls the program as it was called. It is safe on any goroutine.
func (w *world) call(c *call) answer {
	cmd := w.Command(filepath.Join(w.scripts, c.script), append(slices.Clone(c.args), "--rules", w.rules, "--state", w.state)...)
	cmd.Env = append(slices.Clone(c.environ), "XENSTORED_PATH="+w.store.Socket)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return answer{err: err}
	}
	return answer{code: cmd.ProcessState.ExitCode(), said: said.String()}
}

// traces are what guests leave on a host: links, guards, records and nodes of xenstore.
func (w *world) traces(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, l := range w.links(t) {
		all = append(all, fmt.Sprintf("link %d %s", l.Ifindex, l.Name))
	}
	for _, kind := range []string{"sets", "maps"} {
		for line := range strings.Lines(w.Run(t, "nft", "list", kind)) {
			if strings.Contains(line, "elements = ") {
				all = append(all, "guard "+strings.TrimSpace(line))
			}
		}
	}
	records, err := filepath.Glob(filepath.Join(w.state, "vifs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, records...)
	all = append(all, strings.Split(w.tool(t, "xenstore-ls", "-f", "/"), "\n")...)
	slices.Sort(all)
	return all
}
