package firewall

import (
	"fmt"

	"vifd/internal/nft"
)

// Count is what passed by, whatever became of it.
type Count struct {
	Packets, Bytes uint64
}

// Counters are a guest's, since it was connected or its rules changed: frames that came to be judged, in both directions.
type Counters struct {
	FromGuest, ToGuest Count
}

// Counters reads the counters of every guest's elements in the dispatch maps, by interface.
func (t *Table) Counters() (map[string]Counters, error) {
	counters := make(map[string]Counters)
	for _, l := range t.layouts {
		for d, m := range l.vmaps {
			elems, err := t.kernel.Elements(m)
			if err != nil {
				return nil, fmt.Errorf("firewall: read counters of table %s %s: %w", l.family, TableName, err)
			}
			for _, e := range elems {
				name, _, ok := decode(e, element{family: l.family, dir: direction(d)})
				if !ok {
					continue
				}
				c := counters[name]
				if direction(d) == fromGuest {
					c.FromGuest.add(e)
				} else {
					c.ToGuest.add(e)
				}
				counters[name] = c
			}
		}
	}
	return counters, nil
}

func (c *Count) add(e nft.Element) {
	c.Packets += e.Packets
	c.Bytes += e.Bytes
}
