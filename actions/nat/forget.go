package nat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"vifd/internal/conntrack"
)

// Flows is what Forget needs of *conntrack.Conn.
type Flows interface {
	// Flows lists the flows of which an end, as it is or as it is translated, lies in one of the prefixes.
	Flows(ctx context.Context, of []netip.Prefix) ([]conntrack.Flow, error)
	// Delete makes the kernel forget a flow; false says that it had gone.
	Delete(f conntrack.Flow) (bool, error)
}

var _ Flows = (*conntrack.Conn)(nil)

// Forget ends the connections of a gone guest, masqueraded and forwarded ones included, and tells how many it ended. It belongs after
// Table.Remove: whoever gets the guest's addresses next would otherwise get what is sent to the old one, and a client of its that sends
// on, as in UDP, would never be led to the next guest that has its port forwarded. Where an error is returned, the flows that did
// not have to do with it are gone.
func Forget(ctx context.Context, flows Flows, of []netip.Prefix) (ended int, err error) {
	list, err := flows.Flows(ctx, of)
	if err != nil {
		return 0, fmt.Errorf("nat: connections of %v: %w", of, err)
	}
	var errs []error
	for _, f := range list {
		gone, err := flows.Delete(f)
		if err != nil {
			errs = append(errs, err)
		}
		if gone {
			ended++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return ended, fmt.Errorf("nat: connections of %v: %w", of, err)
	}
	return ended, nil
}
