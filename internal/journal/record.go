package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Version is the layout of a record. A record of another version is reported as damaged, never guessed at.
const Version = 1

// maxRecord bounds what is read and written, in bytes. A real record has a few hundred.
const maxRecord = 256 << 10

// Record is what vifd holds about one vif. Put sets Version and Boot.
type Record struct {
	Version int    `json:"version"`
	Boot    string `json:"boot"` // the kernel's boot id (proc_sys_kernel(5), random): ifindexes begin anew with each boot

	Ifindex   int    `json:"ifindex"`
	Interface string `json:"interface"` // as it was when last seen; any bytes the kernel allows

	Rule     string    `json:"rule,omitempty"`    // the rule that won; empty where none did
	Action   string    `json:"action,omitempty"`  // bridge, route, nat, ignore, block
	Network  string    `json:"network,omitempty"` // the bridge's or network's name
	Firewall []string  `json:"firewall,omitempty"`
	State    string    `json:"state,omitempty"` // configured, failed, blocked, ignored, unmatched; or the handler's own for work under way
	Error    string    `json:"error,omitempty"` // why, where State is failed or blocked
	Since    time.Time `json:"since"`           // when State became what it is

	Link Link            `json:"link,omitzero"`
	Own  json.RawMessage `json:"own,omitempty"` // what the actions made (set elements, FDB entries …), in their own words
}

// Link is what was done to the link, for undoing it. The zero value says that it was left alone.
type Link struct {
	Bridge        string `json:"bridge,omitempty"`        // the bridge it was put into
	BridgeIfindex int    `json:"bridgeIfindex,omitempty"` // so that a later bridge of the same name is told apart
	CreatedBridge bool   `json:"createdBridge,omitempty"` // vifd made the bridge
	WasUp         bool   `json:"wasUp,omitempty"`         // the link was up before vifd touched it
	StaticFDB     bool   `json:"staticFdb,omitempty"`     // the guest's MAC was pinned to the port
	VLAN          bool   `json:"vlan,omitempty"`          // the port was given VLANs of its own
}

// DamagedError tells of a file in the journal that is no record: truncated, of another version, or foreign.
type DamagedError struct {
	File    string // its name below the state folder
	Ifindex int    // the vif it would be about; 0 where the name does not say
	Err     error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is no usable record: %v", e.File, e.Err)
}

// Unwrap returns what is wrong with the file.
func (e *DamagedError) Unwrap() error { return e.Err }

// errOtherBoot marks a record of an earlier boot: the kernel holds nothing of it any more.
var errOtherBoot = errors.New("record of an earlier boot")

// stored is a record in its file. JSON text must be UTF-8 and an interface's name need not be (net/core/dev.c,
// dev_valid_name, refuses few bytes), so a name that JSON would mangle is kept beside as bytes.
type stored struct {
	Record
	InterfaceBytes []byte `json:"interfaceBytes,omitempty"`
}

func encode(r *Record) ([]byte, error) {
	s := stored{Record: *r}
	if !utf8.ValidString(r.Interface) {
		s.InterfaceBytes = []byte(r.Interface)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(data) > maxRecord {
		return nil, fmt.Errorf("record has %d bytes; at most %d are kept", len(data), maxRecord)
	}
	return append(data, '\n'), nil
}

func decode(data []byte, ifindex int, boot string) (Record, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return Record{}, err
	}
	switch {
	case s.Version != Version:
		return Record{}, fmt.Errorf("version is %d, want %d", s.Version, Version)
	case s.Boot != boot:
		return Record{}, errOtherBoot
	case s.Ifindex <= 0:
		return Record{}, fmt.Errorf("%d is no ifindex", s.Ifindex)
	case s.Ifindex != ifindex:
		return Record{}, fmt.Errorf("its ifindex is %d, its name says %d", s.Ifindex, ifindex)
	}
	if len(s.InterfaceBytes) > 0 {
		s.Interface = string(s.InterfaceBytes)
	}
	return s.Record, nil
}
