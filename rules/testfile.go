package rules

import (
	"errors"
	"io/fs"
	"strings"
)

// The endings of files of rules, and of the files beside them that hold tests and nothing else.
const (
	rulesEnding = ".yaml"
	testsEnding = ".test" + rulesEnding
)

// holdsTests reports whether a file is one of tests by its name. What puts rules in force never reads those: a typing error in
// a test keeps no guest off the network.
func holdsTests(name string) bool { return strings.HasSuffix(name, testsEnding) }

// pair returns a file that was named, and with tests the one that belongs to it, the rules first. Both are marked as seen.
func (l *loader) pair(p string, seen map[string]bool) []file {
	this := file{path: p, name: p}
	stem, tests := strings.CutSuffix(p, testsEnding)
	other := stem + rulesEnding
	switch {
	case tests && !l.Tests:
		l.rep.add(Problem{
			Pos: Pos{File: p}, Severity: Warning, Code: codeNotRead, Msg: "not read: a file of this name holds tests, which only vifd test and vifd check read",
			Hint: "name the rules",
		})
		return nil
	case !l.Tests:
		return []file{this}
	case !tests:
		var ok bool
		if stem, ok = strings.CutSuffix(p, rulesEnding); !ok {
			return []file{this}
		}
		other = stem + testsEnding
	}
	if seen[other] {
		return []file{this}
	}
	info, err := fs.Stat(l.FS, other)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode()&fs.ModeDevice != 0:
		return []file{this}
	case err != nil:
		l.fail(other, reason(err))
		return []file{this}
	case !info.Mode().IsRegular():
		l.fail(other, "not a regular file") // nobody has named it: a FIFO is not waited for
		return []file{this}
	}
	seen[other] = true
	if tests {
		return []file{{path: other, name: other}, this}
	}
	return []file{this, {path: other, name: other}}
}
