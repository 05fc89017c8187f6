// Package lazy keeps from the start of the program what few calls of it need. Xen starts vifd for each guest's interface and waits for
// it to end: patterns compiled beforehand, which that call never asks, took a seventh of the time it takes to start.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp is a pattern that is compiled when it is first asked for; one that does not compile panics then.
func Regexp(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
