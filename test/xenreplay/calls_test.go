package xenreplay

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// call is one recorded call of the hotplug program.
type call struct {
	at      time.Duration // since boot
	took    time.Duration // Xen's script
	args    []string
	environ []string
	there   bool // its interface was
	iface   string
	backend string            // the vif's folder in xenstore
	keys    map[string]string // of the folder at that moment; nil: it was not there
	script  string            // the name of Xen's script that did the work
	code    int
	status  string // hotplug-status afterwards; empty: there was none
}

// up reports whether the call is for a device that comes.
func (c *call) up() bool { return c.args[0] == "online" || c.args[0] == "add" }

// tap reports whether it is about an emulated card's tap.
func (c *call) tap() bool { return c.args[1] == "type_if=tap" }

// cursor goes through a recording's lines. What is not as it has to be fails the test at once.
type cursor struct {
	t     testing.TB
	file  string
	lines []string
	line  int
}

func open(t testing.TB, file string) *cursor {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		t.Fatalf("%s: the last line has no end", file)
	}
	return &cursor{t: t, file: file, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

func (c *cursor) more() bool { return c.line < len(c.lines) }

func (c *cursor) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s:%d: %s", c.file, c.line, fmt.Sprintf(format, args...))
}

// next is the next line, which must be there.
func (c *cursor) next() string {
	c.t.Helper()
	if !c.more() {
		c.fail("it ends too early")
	}
	c.line++
	return c.lines[c.line-1]
}

// match takes the next line apart by a pattern.
func (c *cursor) match(pattern string) []string {
	c.t.Helper()
	line := c.next()
	m := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(line)
	if m == nil {
		c.fail("%q does not match %s", line, pattern)
	}
	return m[1:]
}

// indented are the next lines as far as they are indented by two spaces.
func (c *cursor) indented() []string {
	var list []string
	for c.more() && strings.HasPrefix(c.lines[c.line], "  ") {
		list = append(list, c.next()[2:])
	}
	return list
}

func (c *cursor) seconds(text string) time.Duration {
	c.t.Helper()
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		c.fail("%v", err)
	}
	return d
}

func (c *cursor) number(text string) int {
	c.t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		c.fail("%v", err)
	}
	return n
}

// readCalls reads a file of recorded calls.
func readCalls(t testing.TB, file string) []*call {
	t.Helper()
	c := open(t, file)
	var calls []*call
	for {
		calls = append(calls, c.call())
		if !c.more() {
			return calls
		}
		c.match("")
	}
}

func (c *cursor) call() *call {
	c.t.Helper()
	r := &call{args: strings.Fields(c.match(`#### call: /\S+ ((?:online|offline|add|remove) type_if=(?:vif|tap))`)[0])}
	r.at = c.seconds(c.match(`time since boot: ([0-9.]+)`)[0])
	c.match(`cwd: \S+  uid: 0  umask: 0022`)
	c.match(`caller: .*`)
	c.match(`open files:`)
	for _, line := range c.indented() {
		if !strings.Contains(line, " -> ") {
			c.fail("%q is no open file", line)
		}
	}
	c.match(`environment:`)
	r.environ = c.indented()
	for _, variable := range r.environ {
		if !strings.Contains(variable, "=") {
			c.fail("%q is no variable", variable)
		}
	}
	m := c.match(`interface (\S+) in /sys/class/net: (no|there, operstate down)`)
	r.iface, r.there = m[0], m[1] != "no"
	r.backend = c.match(`xenstore, (backend/vif/\d+/\d+):`)[0]
	r.keys = c.keys(r.backend)
	m = c.match(`run: /etc/xen/scripts/(\S+) (.*) -> exit (\d+) after (\d+) ms`)
	if m[1] != strings.Join(r.args, " ") {
		c.fail("the script was called with %q, and the recorder with %q", m[1], r.args)
	}
	r.script, r.code, r.took = m[0], c.number(m[2]), time.Duration(c.number(m[3]))*time.Millisecond
	r.status = c.match(`hotplug-status now: (.*)`)[0]
	if r.status == "xenstore-read: couldn't read path "+r.backend+"/hotplug-status" {
		r.status = ""
	} else if r.status != "connected" {
		c.fail("hotplug-status %q", r.status)
	}
	return r
}

// keys are what xenstore-ls -fp showed of a folder.
func (c *cursor) keys(folder string) map[string]string {
	c.t.Helper()
	lines := c.indented()
	if len(lines) == 1 && lines[0] == "xenstore-ls: xs_directory ("+folder+"): No such file or directory" {
		return nil
	}
	node := regexp.MustCompile(`^(\S+) = "([^"\\]*)"   \(n0,r\d+\)$`)
	keys := make(map[string]string)
	for _, line := range lines {
		m := node.FindStringSubmatch(line)
		if m == nil || path.Dir(m[1]) != folder {
			c.fail("%q is no node of %s", line, folder)
		}
		keys[path.Base(m[1])] = m[2]
	}
	if len(keys) == 0 {
		c.fail("%s has no keys", folder)
	}
	return keys
}
