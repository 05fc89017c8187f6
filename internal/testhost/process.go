package testhost

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A Process is a program that runs in a host until the test stops it or ends. Its methods may be called concurrently.
type Process struct {
	cmd  *Cmd
	out  output
	done chan struct{}
	err  error // of Wait; set before done is closed
}

// Start runs a program in the host until the test ends, then kills it with all children in its process group and waits for
// it. Its output is logged if the test failed.
func (h *Host) Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	return h.Command(name, args...).Background(t)
}

// Background is Start for a command that needs more than a name and arguments. It takes over Stdout and Stderr where they
// are not set.
func (c *Cmd) Background(t testing.TB) *Process {
	t.Helper()
	p := &Process{cmd: c, done: make(chan struct{})}
	if c.Stdout == nil {
		c.Stdout = &p.out
	}
	if c.Stderr == nil {
		c.Stderr = &p.out
	}
	if err := c.Start(); err != nil {
		t.Fatalf("starting %s: %v", c, err)
	}
	go func() {
		defer close(p.done)
		p.err = c.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		<-p.done
		if t.Failed() {
			t.Logf("output of %s (%v):\n%s", c, p.err, p.Output())
		}
	})
	return p
}

// kill ends the process and its children, unless it has ended already and its number may be somebody else's.
func (p *Process) kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // ESRCH: it ended in this moment
	}
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is what the process has written so far, standard output and error together.
func (p *Process) Output() string { return p.out.String() }

// Done is closed when the process has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process ended: nil for exit code 0, else an *exec.ExitError. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// WaitOutput waits until the process has written text; the test fails if the process ends without.
func (p *Process) WaitOutput(t testing.TB, text string) {
	t.Helper()
	Wait(t, "output "+text+" of "+p.cmd.String(), func() bool {
		ended := false
		select {
		case <-p.done:
			ended = true
		default:
		}
		found := strings.Contains(p.Output(), text)
		if ended && !found {
			t.Fatalf("%s ended (%v) without writing %q; it wrote:\n%s", p.cmd, p.err, text, p.Output())
		}
		return found
	})
}

// Signal sends s to the process alone.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("sending %v to %s: %v", s, p.cmd, err)
	}
}

// Stop sends s and waits for the process to end, however it does.
func (p *Process) Stop(t testing.TB, s syscall.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) {
		select {
		case <-p.done: // os.ErrProcessDone: there is nothing left to signal
		default:
			t.Fatalf("sending %v to %s: %v", s, p.cmd, err)
		}
	}
	Wait(t, "the end of "+p.cmd.String(), func() bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
	return p.err
}

// output collects what a process writes while others read it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
