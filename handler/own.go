package handler

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"vifd/actions/link"
	"vifd/actions/rate"
	"vifd/actions/route"
	"vifd/internal/journal"
)

// own is what the actions did to a vif, in their own words, from which they undo it: a record's Own.
type own struct {
	Route *route.State `json:"route,omitempty"`
	NAT   *translation `json:"nat,omitempty"`
	Rate  *rate.State  `json:"rate,omitempty"`
	Link  *link.State  `json:"link,omitempty"`
	Xen   *xenState    `json:"xen,omitempty"`
	Place *place       `json:"place,omitempty"`
	Hooks *hooked      `json:"hooks,omitempty"`
	MAC   string       `json:"mac,omitempty"` // the link's, whose driver takes no other
}

// translation is what the kernel's connections of a translated guest are known by.
type translation struct {
	Prefixes []netip.Prefix `json:"prefixes"`
}

// without are the prefixes that now does not hold any more; t may be nil.
func (t *translation) without(now []netip.Prefix) []netip.Prefix {
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.Prefixes), func(p netip.Prefix) bool { return contains(now, p) })
}

// text is o as a record has it; nil where nothing was done.
func (o own) text() (json.RawMessage, error) {
	if o == (own{}) {
		return nil, nil
	}
	return json.Marshal(o)
}

func ownOf(r *journal.Record) (own, error) {
	var o own
	if len(r.Own) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(r.Own, &o); err != nil {
		return own{}, fmt.Errorf("record of %s (ifindex %d): what was done to it: %w", r.Interface, r.Ifindex, err)
	}
	return o, nil
}
