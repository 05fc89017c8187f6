package nft

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// TestWriterTriesAgain: drift is repaired once for each attempt, and where a group fails for another reason, only the bad guest does.
func TestWriterTriesAgain(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	var did []string
	drifted, noMemory := fmt.Errorf("explained: %w", ErrLost), &Error{What: "bad", Errno: unix.ENOMEM}
	try := func(group []*Request[int]) error {
		names := make([]string, len(group))
		for i, r := range group {
			names[i], r.Wrote = r.Iface, true
		}
		did = append(did, fmt.Sprint(names))
		switch {
		case len(did) == 1:
			close(entered)
			<-release
		case len(did) == 2:
			return drifted
		case slices.Contains(names, "bad"):
			return noMemory
		}
		return nil
	}
	w := NewWriter(nil, try, func() error { did = append(did, "repair"); return nil })
	results := make(map[string]chan error)
	submit := func(iface string) {
		result := make(chan error, 1)
		results[iface] = result
		go func() {
			wrote, err := w.Submit(&Request[int]{Iface: iface, Want: []int{1}})
			if wrote != (err == nil) {
				err = fmt.Errorf("wrote is %v", wrote)
			}
			result <- err
		}()
	}
	submit("first")
	<-entered
	for i, iface := range []string{"bad", "good"} {
		submit(iface)
		testhost.Wait(t, "the request to wait", func() bool { return w.Waiting() == i+1 })
	}
	close(release)
	for iface, result := range results {
		if err := <-result; (iface == "bad") != errors.Is(err, unix.ENOMEM) || iface != "bad" && err != nil {
			t.Errorf("%s: Submit() = %v", iface, err)
		}
	}
	if want := []string{"[first]", "[bad good]", "repair", "[bad good]", "[bad]", "[good]"}; !slices.Equal(did, want) {
		t.Errorf("it did %q, want %q", did, want)
	}
	if got, want := w.Stats(), (Stats{Changes: 2, Repairs: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}
