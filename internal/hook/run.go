package hook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Timeout is how long a program may take. Two of them, and the vif's own configuration, fit into the 30 s that a call of vifd may take.
const Timeout = 10 * time.Second

// Linger is how long a descendant that holds the program's output open is waited for.
const Linger = time.Second

// Runner runs programs. The zero value is ready for use.
type Runner struct {
	Timeout time.Duration // 0: Timeout
}

// Run runs the program at argv[0], an absolute path, with the arguments behind it and exactly the environment env, and returns the
// end of what it said. A program that leaves a descendant behind has succeeded all the same. The error is of one line: the program,
// then its exit status, its signal, that its time was over, or why it could not be started, and the last line that it said.
func (r Runner) Run(ctx context.Context, argv, env []string) (said string, err error) {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return "", fmt.Errorf("run %q: the program is not given by an absolute path", argv)
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out tail
	killed := false
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = append([]string{}, env...), "/" // nil would be vifd's own
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = Linger
	cmd.Cancel = func() error {
		// The group is named by the program's number, which is nobody else's as long as it has not been waited for: exec does so
		// after this, but for an instant in which the number is still too fresh to be given out again.
		err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		if errors.Is(err, unix.ESRCH) {
			return os.ErrProcessDone
		}
		killed = err == nil
		return err
	}
	err = cmd.Run()
	switch {
	case killed && ctx.Err() != nil:
		err = fmt.Errorf("killed: %w", ctx.Err())
	case killed:
		err = fmt.Errorf("killed, since it was not done within %v", timeout)
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil
	case err != nil:
		err = plain(err)
	}
	said = out.text()
	if err == nil {
		return said, nil
	}
	if line := lastLine(said); line != "" {
		return said, fmt.Errorf("%s: %w: %s", argv[0], err, line)
	}
	return said, fmt.Errorf("%s: %w", argv[0], err)
}

// plain takes from an error what Run says itself, and adds what the kernel leaves open.
func plain(err error) error {
	var failed *fs.PathError // fork/exec PROGRAM: …
	if !errors.As(err, &failed) {
		return err
	}
	switch err = failed.Err; {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w (the program, or what its first line names behind #!)", err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%w (a script needs a first line like #!/bin/sh)", err)
	}
	return err
}
