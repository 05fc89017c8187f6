package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
)

// hooked is a host on which rules have programs run.
type hooked struct {
	*host
	dir string // of the programs' scripts, and of what they write
}

// logScript writes down how it was called.
const logScript = `echo "$VIFD_EVENT $VIFD_INTERFACE $VIFD_RULE $VIFD_ACTION:$VIFD_NETWORK $VIFD_IP ($*)" >> "$log"`

// waitScript does so, and then waits for a line in a FIFO.
const waitScript = logScript + `; read -r line < "$dir/fifo"`

func newHooked(t *testing.T) *hooked {
	t.Helper()
	k := &hooked{newHost(t, ""), t.TempDir()}
	k.scripts(t)
	return k
}

// scripts are read by /bin/sh, which is the program that rules name: a file that has just been written cannot always be executed, when
// another test's process is being forked.
func (k *hooked) scripts(t *testing.T) {
	t.Helper()
	k.script(t, "log", logScript)
	k.script(t, "wait", waitScript)
	k.script(t, "fail", logScript+`; echo trying; echo "no such zone" >&2; [ -e "$dir/mended" ] || exit 3`)
	k.script(t, "args", `printf "%s\0" "$#" "$@" > "$dir/got"`)
	if err := syscall.Mkfifo(filepath.Join(k.dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // whoever still waits
		if f, err := os.OpenFile(filepath.Join(k.dir, "fifo"), os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			_, _ = f.WriteString(strings.Repeat("end\n", 8))
			_ = f.Close()
		}
	})
}

func (k *hooked) script(t *testing.T, name, text string) {
	t.Helper()
	text = fmt.Sprintf("dir='%s' log='%s/calls'\n%s\n", k.dir, k.dir, text)
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hook is a list of a program and its arguments.
func (k *hooked) hook(script string, args ...string) string {
	list := []string{"/bin/sh", filepath.Join(k.dir, script)}
	for _, a := range args {
		list = append(list, strconv.Quote(a))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// rule is a rule that bridges one interface.
func (k *hooked) rule(name, iface, hooks string) string {
	return fmt.Sprintf("  - {name: %s, match: {interface: %q}, bridge: xenbr0, firewall: source-guard, hooks: {%s}}\n", name, iface, hooks)
}

// use writes rules, below networks and guests.
func (k *hooked) use(t *testing.T, rules ...string) {
	t.Helper()
	head, _, _ := strings.Cut(bridgeRules(1, 4), "rules:\n")
	k.write(t, head+"rules:\n"+strings.Join(rules, ""))
}

func (k *hooked) reload(t *testing.T) {
	t.Helper()
	if _, errs, code := k.run(t, "reload"); code != exitDone {
		t.Fatalf("reload: exit %d, %s", code, errs)
	}
}

// log is how programs were called, in order.
func (k *hooked) log(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(k.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// want checks that the programs were called like this, and forgets it.
func (k *hooked) want(t *testing.T, what string, lines ...string) {
	t.Helper()
	want := ""
	for _, l := range lines {
		want += l + "\n"
	}
	if diff := cmp.Diff(want, k.log(t)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	k.forget(t)
}

func (k *hooked) forget(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(k.dir, "calls")); err != nil {
		t.Fatal(err)
	}
}

// waitLog waits for a call.
func (k *hooked) waitLog(t *testing.T, line string) {
	t.Helper()
	testhost.Wait(t, "the call "+line, func() bool { return strings.Contains(k.log(t), line+"\n") })
}

// release lets n programs go on that wait, or come to it. The FIFO keeps what nobody has read as long as it is open.
func (k *hooked) release(t *testing.T, n int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(k.dir, "fifo"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(strings.Repeat("go\n", n)); err != nil {
		t.Error(err)
	}
}

// read is the rules file.
func (k *hooked) read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(k.rules)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// waitLink waits until ip says a word of a link.
func (k *hooked) waitLink(t *testing.T, name, word string) {
	t.Helper()
	testhost.Wait(t, name+" to be "+word, func() bool { return strings.Contains(k.Run(t, "ip", "link", "show", "dev", name), word) })
}
