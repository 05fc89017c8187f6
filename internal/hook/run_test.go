package hook

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// sh is a shell script, which the kernel is told to have /bin/sh read.
func sh(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

// TestArgumentsAndEnvironmentAreExact: what would act in a shell, and in a format, is what the program gets.
func TestArgumentsAndEnvironmentAreExact(t *testing.T) {
	t.Setenv("VIFD_TEST_OWN", "of the process") // must not be seen
	args := []string{"$(touch /x)", "`id`", `a b  "c" 'd'`, "", "%s\\n", "*", "-n", "\xff\xfe", "ü"}
	said, err := Runner{}.Run(t.Context(), append([]string{"/usr/bin/printf", "%s\\0"}, args...), nil)
	if want := strings.ToValidUTF8(strings.Join(args, "\x00")+"\x00", "\uFFFD"); err != nil || said != want {
		t.Errorf("the arguments are %q, %v; want %q", said, err, want)
	}
	for _, env := range [][]string{nil, {"A=b c", "D=$(x)", "E="}} {
		said, err = Runner{}.Run(t.Context(), []string{"/usr/bin/env", "-0"}, env)
		if want := strings.Join(append(env, ""), "\x00"); err != nil || said != want {
			t.Errorf("the environment is %q, %v; want %q", said, err, want)
		}
	}
}

func TestWhereAProgramRuns(t *testing.T) {
	t.Parallel()
	// A file of ours that stays open: a lock that a program inherits would be held by what it leaves behind.
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	said, err := Runner{}.Run(t.Context(), sh(`pwd; cut -d" " -f5 /proc/$$/stat; echo $$; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; for i in /proc/$$/fd/*; do readlink $i; done; true`), []string{"PATH=/usr/bin:/bin"})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(said)
	if len(lines) < 6 || lines[0] != "/" || lines[3] != "/dev/null" || lines[4] != lines[5] {
		t.Fatalf("folder, process group, process, standard input, output and error: %q", lines)
	}
	if lines[1] != lines[2] {
		t.Errorf("process group %s of process %s: want one of its own", lines[1], lines[2])
	}
	if slices.Contains(lines, f.Name()) {
		t.Errorf("the program holds our file: %q", lines)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		argv []string
		want string
	}{
		"status":      {sh("echo one; echo 'no such zone' >&2; exit 3"), "/bin/sh: exit status 3: no such zone"},
		"silent":      {sh("exit 1"), "/bin/sh: exit status 1"},
		"signal":      {sh("kill -TERM $$"), "/bin/sh: signal: terminated"},
		"terminal":    {sh(`printf 'a\nb\033[31m\tc\n\n  \n'; exit 1`), "/bin/sh: exit status 1: b\uFFFD[31m\uFFFDc"},
		"long line":   {sh(`printf '%0300d' 0; exit 1`), "/bin/sh: exit status 1: " + strings.Repeat("0", maxLine) + "…"},
		"missing":     {[]string{"/nonexistent/x"}, "/nonexistent/x: no such file or directory (the program, or what its first line names behind #!)"},
		"interpreter": {[]string{file("interpreter", "#!/nonexistent/sh\n", 0o755)}, dir + "/interpreter: no such file or directory (the program, or what its first line names behind #!)"},
		"no script":   {[]string{file("noscript", "echo hello\n", 0o755)}, dir + "/noscript: exec format error (a script needs a first line like #!/bin/sh)"},
		"mode":        {[]string{file("mode", "#!/bin/sh\n", 0o644)}, dir + "/mode: permission denied"},
		"folder":      {[]string{dir}, dir + ": permission denied"},
		"relative":    {[]string{"sh"}, `run ["sh"]: the program is not given by an absolute path`},
		"nothing":     {nil, `run []: the program is not given by an absolute path`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := (Runner{}).Run(t.Context(), c.argv, []string{"PATH=/usr/bin:/bin"}); err == nil || err.Error() != c.want {
				t.Errorf("the error is\n%v, want\n%s", err, c.want)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	said, err := Runner{}.Run(t.Context(), sh(`i=0; while [ $i -lt 3000 ]; do echo "line $i, of which not all are kept"; i=$((i+1)); done; echo the end >&2`), nil)
	if err != nil || len(said) != maxSaid || !strings.HasSuffix(said, "line 2999, of which not all are kept\nthe end\n") {
		t.Errorf("%d bytes kept, %v: …%q", len(said), err, said[max(0, len(said)-80):])
	}
	var one tail
	whole := bytes.Repeat([]byte("0123456789"), 1000)
	if n, err := one.Write(whole); n != len(whole) || err != nil || one.text() != string(whole[len(whole)-maxSaid:]) {
		t.Errorf("of one long write: %d, %v, %d bytes", n, err, len(one.text()))
	}
}

// gone waits until a process is no more, or a zombie that nobody has waited for yet.
func gone(t *testing.T, pid int) {
	t.Helper()
	testhost.Wait(t, "the end of process "+strconv.Itoa(pid), func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
}

// pids reads process numbers, of which a script has written n to a file.
func pids(t *testing.T, file string, n int) []int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for _, f := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
	}
	if len(list) != n {
		t.Fatalf("%d processes in %q, want %d", len(list), data, n)
	}
	return list
}

// tooShort tries run with ever longer limits until its script got as far as to write a file: how long a busy machine takes for
// that is not what is tested.
func tooShort(t *testing.T, file string, run func(limit time.Duration)) {
	t.Helper()
	for limit := 250 * time.Millisecond; limit < testhost.Patience; limit *= 2 {
		run(limit)
		if _, err := os.Stat(file); err == nil {
			return
		}
	}
	t.Fatal("the script never began")
}

// TestTimeIsOver: the program and its child both ignore SIGTERM and never end.
func TestTimeIsOver(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	tooShort(t, file, func(limit time.Duration) {
		begin := time.Now()
		said, err := Runner{Timeout: limit}.Run(t.Context(), sh(`
			trap "" TERM
			(trap "" TERM; while :; do sleep 1000; done) &
			echo waiting; echo $$ $! > "$1.new"; mv "$1.new" "$1"; while :; do sleep 1000; done`, file), []string{"PATH=/usr/bin:/bin"})
		want := "/bin/sh: killed, since it was not done within " + limit.String()
		if said != "" {
			want += ": waiting"
		}
		if errText(err) != want {
			t.Errorf("the error is\n%v, want\n%s", err, want)
		}
		if took := time.Since(begin); took < limit || took > testhost.Patience {
			t.Errorf("it took %v", took)
		}
	})
	for _, pid := range pids(t, file, 2) {
		gone(t, pid)
	}
}

// TestOutputHeldOpen: a descendant in a session of its own, which no kill reaches, holds the program's output. Neither a program that
// ends nor one whose time is over is waited for longer because of it.
func TestOutputHeldOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ end, want string }{
		"ended":     {"exit 0", ""},
		"failed":    {"exit 4", "/bin/sh: exit status 4: started"},
		"timed out": {"sleep 1000", "/bin/sh: killed, since it was not done within LIMIT: started"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pids")
			var got, said string
			tooShort(t, file, func(limit time.Duration) {
				out, err := Runner{Timeout: limit}.Run(t.Context(),
					sh(`setsid sleep 1000 & echo started; echo $! > "$1.new"; mv "$1.new" "$1"; `+c.end, file), []string{"PATH=/usr/bin:/bin"})
				said, got = out, strings.Replace(errText(err), limit.String(), "LIMIT", 1)
			})
			pid := pids(t, file, 1)[0]
			if err := unix.Kill(pid, syscall.SIGKILL); err != nil {
				t.Errorf("the descendant does not live (%v): the test shows nothing", err)
			}
			gone(t, pid)
			if got != c.want || said != "started\n" {
				t.Errorf("said %q, error\n%s, want\n%s", said, got, c.want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCallerEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "pids")
	done := make(chan error, 1)
	go func() {
		_, err := Runner{}.Run(ctx, sh(`echo $$ > "$1.new"; mv "$1.new" "$1"; while :; do sleep 1000; done`, file), []string{"PATH=/usr/bin:/bin"})
		done <- err
	}()
	testhost.Wait(t, "the program to run", func() bool { _, err := os.Stat(file); return err == nil })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "/bin/sh: killed: ") {
		t.Errorf("the error is %v", err)
	}
	gone(t, pids(t, file, 1)[0])
}
