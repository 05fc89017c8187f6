package firewall

import (
	"fmt"

	"vifd/internal/nft"
	"vifd/internal/stmt"
)

// Count is what passed by, whatever became of it.
type Count struct {
	Packets, Bytes uint64
}

// Counters are a guest's, since it was connected or came to be judged by other templates: frames that came to be judged, in both
// directions.
type Counters struct {
	FromGuest, ToGuest Count
}

// Counters reads the counters of every guest, by interface: those of its elements in the dispatch maps, and in the sets of the
// guests that a chain judges. A frame is counted by one of them.
func (t *Table) Counters() (map[string]Counters, error) {
	counters := make(map[string]Counters)
	err := t.each(func(iface string, e element, raw nft.Element) {
		if e.set.param != stmt.TypeNone {
			return // a value of the guest's, which counts nothing
		}
		c := counters[iface]
		if e.dir == fromGuest {
			c.FromGuest.add(raw)
		} else {
			c.ToGuest.add(raw)
		}
		counters[iface] = c
	})
	if err != nil {
		return nil, fmt.Errorf("counters: %w", err)
	}
	return counters, nil
}

func (c *Count) add(e nft.Element) {
	c.Packets += e.Packets
	c.Bytes += e.Bytes
}
