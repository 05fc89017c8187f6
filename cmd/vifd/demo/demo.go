// Package demo shows vifd's main job live: in namespaces of its own it starts a listener, plugs guests in, lets them talk,
// lets one lie, and unplugs them again.
//
// The host it runs on is not touched: user, network and mount namespaces are private, and go with the process. Everything
// in them is real, the kernel's events, the bridge and the firewall included. A step that does not come true ends it.
package demo

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"vifd/internal/private"
)

// self is the running program, also after its file has been replaced.
const self = "/proc/self/exe"

// mark tells the process that it is inside its namespaces.
const mark = "VIFD_DEMO"

// Run shows the demo and returns the program's exit code: 0 when every step came true, 1 when one did not, 3 when this host
// does not let it have namespaces.
func Run(out, errOut io.Writer, environ []string) (int, error) {
	if private.Inside(environ, mark) {
		if err := show(out, errOut); err != nil {
			return 1, fmt.Errorf("demo: %w", err)
		}
		return 0, nil
	}
	code, err := private.Run(environ, mark, unix.CLONE_NEWNET|unix.CLONE_NEWNS)
	if err != nil {
		return 3, fmt.Errorf("demo: %w", err)
	}
	return code, nil
}
