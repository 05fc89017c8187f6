package ctl

import (
	"context"
	"encoding/json"
)

// SyncRequest asks for vifs to be looked at now, all of them where it names none. Answer: SyncResult.
type SyncRequest struct {
	Interfaces []string
}

// SyncResult says what has become of the vifs that were looked at; with Problems nothing was.
type SyncResult struct {
	Vifs     []Outcome `json:"vifs"`
	Problems string    `json:"problems"`
}

// Sync has the listener look at vifs now, and waits for what comes of it; no interfaces: all of them.
func (c *Client) Sync(ctx context.Context, interfaces ...string) (SyncResult, error) {
	return call[SyncResult](ctx, c, SyncRequest{Interfaces: interfaces})
}

func (SyncRequest) kind() string { return "SyncRequest" }
func (SyncRequest) isRequest()   {}
func (SyncResult) kind() string  { return "SyncResult" }
func (SyncResult) isResponse()   {}

// wireSync is a SyncRequest in JSON.
type wireSync struct {
	Interfaces []text `json:"interfaces,omitempty"`
}

// MarshalJSON keeps every byte of the names.
func (r SyncRequest) MarshalJSON() ([]byte, error) {
	var wire wireSync
	for _, name := range r.Interfaces {
		wire.Interfaces = append(wire.Interfaces, text(name))
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *SyncRequest) UnmarshalJSON(data []byte) error {
	var wire wireSync
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	r.Interfaces = nil
	for _, name := range wire.Interfaces {
		r.Interfaces = append(r.Interfaces, string(name))
	}
	return nil
}

// MarshalJSON writes a list that is empty as [], never null, since scripts loop over it.
func (r SyncResult) MarshalJSON() ([]byte, error) {
	type plain SyncResult // without this method
	if r.Vifs == nil {
		r.Vifs = []Outcome{}
	}
	return json.Marshal(plain(r))
}
