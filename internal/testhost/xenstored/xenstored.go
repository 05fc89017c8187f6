package xenstored

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"vifd/internal/testhost"
)

// The kinds of daemon.
const (
	C     = "c"
	OCaml = "ocaml"
)

// Kinds are both.
func Kinds() []string { return []string{C, OCaml} }

// Daemon is one xenstored.
type Daemon struct {
	Socket string // where it listens
	Kind   string

	host    *testhost.Host
	run     string // its folder
	options []string
	process *testhost.Process
}

// Start runs a xenstored until the test ends and returns its socket.
func Start(t testing.TB, kind string) (socket string) {
	t.Helper()
	return New(t, kind).Socket
}

// New runs a xenstored until the test ends. Options are the C daemon's arguments, or lines of the OCaml daemon's configuration.
func New(t testing.TB, kind string, options ...string) *Daemon {
	t.Helper()
	// Not t.TempDir, whose name holds the test's: a socket's path has 107 bytes at most (unix(7)).
	run, err := os.MkdirTemp("", "xs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	d := &Daemon{Socket: filepath.Join(run, "socket"), host: testhost.New(t), run: run, Kind: kind, options: options}
	d.Run(t)
	return d
}

// Run starts the daemon again, after Kill. It begins with an empty store.
func (d *Daemon) Run(t testing.TB) {
	t.Helper()
	d.process = d.host.Start(t, program(t, "xenstored-nox"), append([]string{d.run, d.Kind}, d.options...)...)
	testhost.Wait(t, "xenstored to listen", func() bool {
		select {
		case <-d.process.Done():
			t.Fatalf("xenstored (%s) ended: %v\n%s", d.Kind, d.process.Err(), d.process.Output())
		default:
		}
		conn, err := net.Dial("unix", d.Socket)
		if err != nil {
			return errors.Is(err, syscall.EAGAIN) // somebody else waits there already
		}
		return conn.Close() == nil
	})
}

// Kill ends the daemon as a crash would, and waits for its end. Its socket stays, and nobody listens there.
func (d *Daemon) Kill(t testing.TB) {
	t.Helper()
	_ = d.process.Stop(t, syscall.SIGKILL) // how it ended is what was asked for
}

// Freeze stops the daemon where it is (SIGSTOP); Thaw lets it go on.
func (d *Daemon) Freeze(t testing.TB) { t.Helper(); d.process.Signal(t, syscall.SIGSTOP) }

// Thaw lets a frozen daemon go on.
func (d *Daemon) Thaw(t testing.TB) { t.Helper(); d.process.Signal(t, syscall.SIGCONT) }

// Tool runs one of Xen's tools against the daemon at socket and returns its output, in which libxenstore is the oracle.
func Tool(t testing.TB, socket, tool string, args ...string) string {
	t.Helper()
	out, err := TryTool(t, socket, tool, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
	return out
}

// TryTool is Tool for one that may fail: its exit code is in the error.
func TryTool(t testing.TB, socket, tool string, args ...string) (string, error) {
	t.Helper()
	cmd := testhost.New(t).Command(program(t, tool), args...)
	cmd.Env = append(os.Environ(), "XENSTORED_PATH="+socket)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// program finds a program in bin/xenstored of the tree in which the test runs.
func program(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "bin", "xenstored", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make test-tools (or make test), which prepares it", err)
	}
	return path
}
