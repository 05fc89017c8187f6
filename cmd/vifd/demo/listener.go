package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listener is a `vifd listen` whose log the demo reads along.
type listener struct {
	process *os.Process
	log     chan record
	done    bool
}

// record is one line of the log.
type record struct {
	Msg     string        `json:"msg"`
	Iface   string        `json:"iface"`
	Rule    string        `json:"rule"`
	Network string        `json:"network"`
	Reason  string        `json:"reason"`
	Took    time.Duration `json:"took"`
}

func startListener(dir string, errOut io.Writer) (*listener, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	args := []string{"vifd", "listen", "--rules", filepath.Join(dir, "rules.d"), "--state", filepath.Join(dir, "state"), "--log-format", "json"}
	p, err := os.StartProcess(self, args, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, nil, w}, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	l := &listener{process: p, log: make(chan record, 64)}
	go l.follow(r, errOut)
	return l, nil
}

// follow reads the log; what is no record is shown, for it tells why the listener could not run.
func (l *listener) follow(r io.ReadCloser, errOut io.Writer) {
	defer close(l.log)
	defer r.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var rec record
		if json.Unmarshal(lines.Bytes(), &rec) != nil {
			fmt.Fprintln(errOut, lines.Text())
			continue
		}
		l.log <- rec
	}
}

// await waits for the listener to say msg about a vif.
func (l *listener) await(msg, iface string) (record, error) {
	deadline := time.After(patience)
	for {
		select {
		case rec, ok := <-l.log:
			switch {
			case !ok:
				return record{}, fmt.Errorf("the listener ended before it said %q", msg)
			case rec.Msg == msg && rec.Iface == iface:
				return rec, nil
			case rec.Reason != "":
				return record{}, fmt.Errorf("%s %s: %s", rec.Iface, rec.Msg, rec.Reason)
			}
		case <-deadline:
			return record{}, fmt.Errorf("the listener did not say %q of %q within %s", msg, iface, patience)
		}
	}
}

// stop ends the listener as systemd would.
func (l *listener) stop() error {
	if err := l.process.Signal(unix.SIGTERM); err != nil {
		return err
	}
	if _, err := l.await("stopped", ""); err != nil {
		return err
	}
	l.done = true
	state, err := l.process.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("it %s", state)
	}
	return err
}

// kill ends the listener where a step has failed.
func (l *listener) kill() {
	if l.done {
		return
	}
	_ = l.process.Kill()
	_, _ = l.process.Wait()
}
