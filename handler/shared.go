package handler

import (
	"encoding/json"
	"fmt"

	"vifd/actions/route"
)

// shared is what vifs have in common on the host.
type shared struct {
	forwarding *route.Forwarding
	uplinks    uplinks
	places     *places
	rates      rates
}

func newShared() *shared { return &shared{places: newPlaces()} }

// open continues from what is on record, for the vifs that are routed. An error says that nothing can be put back of what was there before.
func (s *shared) open(records Records, routed []route.State) error {
	var saved route.ForwardingState
	data, err := records.Host()
	if err == nil && data != nil {
		err = json.Unmarshal(data, &saved)
	}
	if err != nil {
		err = fmt.Errorf("what was changed of the host's settings: %w", err)
	}
	save := func(state route.ForwardingState) error {
		if len(state.Changed) == 0 {
			return records.PutHost(nil)
		}
		data, err := json.Marshal(state)
		if err != nil {
			return err
		}
		return records.PutHost(data)
	}
	s.forwarding = route.NewForwarding(saved, save, routed...)
	return err
}
