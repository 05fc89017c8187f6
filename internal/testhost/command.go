package testhost

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Cmd is an exec.Cmd whose process is started in the host: its network, its /sys. The fields are exec.Cmd's, and so are
// the meanings of the methods. The process is killed if the test binary dies.
type Cmd struct {
	*exec.Cmd
	h *Host
}

// Command prepares a program to be run in the host. The program sees what Tmpfs and Bind have mounted before it starts.
func (h *Host) Command(name string, args ...string) *Cmd {
	c := &Cmd{Cmd: exec.Command(name, args...), h: h}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	c.WaitDelay = 2 * time.Second // for children of its own that outlive it and hold its output open
	return c
}

// Start starts the program and does not wait for it. A child inherits the namespaces of the thread that starts it, and gets
// its parent-death signal when that thread ends: so it is the one that lives as long as the host.
func (c *Cmd) Start() error { return c.h.onHostThread(c.Cmd.Start) }

// Run starts the program and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the program and returns what it wrote to its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the program and returns what it wrote to its standard output and error.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// RunErr runs a program in the host and returns its output, standard output and error together, and its error.
func (h *Host) RunErr(name string, args ...string) (string, error) {
	out, err := h.Command(name, args...).CombinedOutput()
	return string(out), err
}

// Run runs a program in the host and returns its output; the test fails if the program does.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := h.RunErr(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}
