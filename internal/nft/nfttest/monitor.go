package nfttest

import (
	"fmt"
	"strings"
	"testing"

	"vifd/internal/testhost"
)

// Monitor hears of every change of the host's rules; the function it returns gives what came since, all of it. What it hears is known to be
// all by tables of the family netdev, which it makes and deletes.
func Monitor(t testing.TB, h *testhost.Host) (since func() string) {
	t.Helper()
	p := h.Start(t, "nft", "monitor")
	marks := 0
	mark := func() string {
		marks++
		name := fmt.Sprintf("mark%d", marks)
		h.Run(t, "nft", "add", "table", "netdev", name)
		h.Run(t, "nft", "delete", "table", "netdev", name)
		return "delete table netdev " + name + "\n"
	}
	testhost.Wait(t, "nft monitor to hear", func() bool {
		mark()
		return strings.Contains(p.Output(), "delete table netdev mark")
	})
	from := 0
	since = func() string {
		t.Helper()
		end := mark()
		p.WaitOutput(t, end)
		said := p.Output()[from:]
		from = strings.Index(p.Output(), end) + len(end)
		var changes []string
		for line := range strings.Lines(said) {
			if !strings.Contains(line, "netdev") && !strings.HasPrefix(line, "# new generation") {
				changes = append(changes, line)
			}
		}
		return strings.Join(changes, "")
	}
	since() // what it heard before it was known to hear
	return since
}
