package ctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vifd/internal/vif"
)

// APIVersion is the version of every message. A change that an older peer would misread gets a new one.
const APIVersion = "vifd/v1"

// Request is one of EventRequest, ReloadRequest, StatusRequest, SyncRequest and VersionRequest.
type Request interface {
	kind() string
	isRequest()
}

// Response is one of Outcome, ReloadResult, Status, SyncResult, Version and Failure.
type Response interface {
	kind() string
	isResponse()
}

// EventRequest hands one event to the listener and waits until its vif is in order. Answer: Outcome.
type EventRequest struct {
	Event vif.Event
}

// ReloadRequest asks for the rules to be read anew. Answer: ReloadResult.
type ReloadRequest struct{}

// StatusRequest asks for every vif. Answer: Status.
type StatusRequest struct{}

// VersionRequest asks whether the listener lives and what it is. Answer: Version.
type VersionRequest struct{}

// Outcome says what became of an event's vif. Interface is "" and Ifindex 0 where the event led to none. In responses, bytes
// of a name that are no UTF-8 show as U+FFFD: they are for reading, ifindexes are for finding.
type Outcome struct {
	Interface string `json:"interface"`
	Ifindex   int    `json:"ifindex"`
	State     string `json:"state"` // configured, failed, blocked, ignored, unmatched; "" for a vif that has gone
	Rule      string `json:"rule"`
	Action    string `json:"action"`
	Error     string `json:"error"`
}

// ReloadResult says what a reload came to. With Problems the rules before are still in force.
type ReloadResult struct {
	Rules    int    `json:"rules"`    // how many are in force
	Problems string `json:"problems"` // as `vifd check` prints them; "" where there are none
}

// Status is every vif the listener knows, as `vifd status -o json` prints it.
type Status struct {
	Vifs []VifStatus `json:"vifs"`
}

// VifStatus is one vif of a Status.
type VifStatus struct {
	Interface string    `json:"interface"`
	Ifindex   int       `json:"ifindex"`
	Rule      string    `json:"rule"`
	Action    string    `json:"action"` // bridge, route, nat, ignore, block
	Network   string    `json:"network"`
	Firewall  []string  `json:"firewall"`
	State     string    `json:"state"` // configured, failed, blocked, ignored, unmatched
	Error     string    `json:"error"`
	Since     time.Time `json:"since"`
	Counters  *Counters `json:"counters,omitempty"` // where they were asked for
}

// Counters are a vif's, of what came to be judged by its guard.
type Counters struct {
	FromGuest Count `json:"fromGuest"`
	ToGuest   Count `json:"toGuest"`
}

// Count is a number of frames and their bytes.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Version is the listener's: of the program, and its process.
type Version struct {
	Version string `json:"version"`
	Pid     int    `json:"pid"`
}

// Failure is the answer to a request that could not be served: malformed, unknown, or from someone who may not ask.
// Client.Call returns it as an error.
type Failure struct {
	Reason string `json:"error"`
}

func (f Failure) Error() string { return "the listener refused: " + f.Reason }

func (EventRequest) kind() string   { return "EventRequest" }
func (ReloadRequest) kind() string  { return "ReloadRequest" }
func (StatusRequest) kind() string  { return "StatusRequest" }
func (VersionRequest) kind() string { return "VersionRequest" }
func (Outcome) kind() string        { return "Outcome" }
func (ReloadResult) kind() string   { return "ReloadResult" }
func (Status) kind() string         { return "Status" }
func (Version) kind() string        { return "Version" }
func (Failure) kind() string        { return "Failure" }

func (EventRequest) isRequest()   {}
func (ReloadRequest) isRequest()  {}
func (StatusRequest) isRequest()  {}
func (VersionRequest) isRequest() {}
func (Outcome) isResponse()       {}
func (ReloadResult) isResponse()  {}
func (Status) isResponse()        {}
func (Version) isResponse()       {}
func (Failure) isResponse()       {}

// MarshalJSON writes a list that is empty as [], never null, since scripts loop over it.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status // without this method
	p := plain{Vifs: make([]VifStatus, len(s.Vifs))}
	for i, v := range s.Vifs {
		if v.Firewall == nil {
			v.Firewall = []string{}
		}
		p.Vifs[i] = v
	}
	return json.Marshal(p)
}

// Marshal encodes a message as one line of JSON without its newline: {"apiVersion":"vifd/v1","kind":…,…}.
func Marshal(m interface{ kind() string }) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.kind(), err)
	}
	head := fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q`, APIVersion, m.kind())
	if !bytes.Equal(body, []byte("{}")) {
		head = append(head, ',')
	}
	return append(head, body[1:]...), nil
}

// decodeRequest takes a line from a client apart. Its errors are for the client to read.
func decodeRequest(line []byte) (Request, error) {
	kind, err := decodeHead(line)
	if err != nil {
		return nil, err
	}
	switch kind {
	case EventRequest{}.kind():
		return decodeBody[EventRequest](line)
	case ReloadRequest{}.kind():
		return decodeBody[ReloadRequest](line)
	case StatusRequest{}.kind():
		return decodeBody[StatusRequest](line)
	case SyncRequest{}.kind():
		return decodeBody[SyncRequest](line)
	case VersionRequest{}.kind():
		return decodeBody[VersionRequest](line)
	}
	return nil, fmt.Errorf("unknown kind of request %q", kind)
}

// decodeResponse takes a line from the listener apart.
func decodeResponse(line []byte) (Response, error) {
	kind, err := decodeHead(line)
	if err != nil {
		return nil, err
	}
	switch kind {
	case Outcome{}.kind():
		return decodeBody[Outcome](line)
	case ReloadResult{}.kind():
		return decodeBody[ReloadResult](line)
	case Status{}.kind():
		return decodeBody[Status](line)
	case SyncResult{}.kind():
		return decodeBody[SyncResult](line)
	case Version{}.kind():
		return decodeBody[Version](line)
	case Failure{}.kind():
		return decodeBody[Failure](line)
	}
	return nil, fmt.Errorf("unknown kind of response %q", kind)
}

func decodeHead(line []byte) (kind string, err error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return "", fmt.Errorf("not a message: %w", err)
	}
	if head.APIVersion != APIVersion {
		return "", fmt.Errorf("apiVersion is %q; this vifd speaks %q", head.APIVersion, APIVersion)
	}
	if head.Kind == "" {
		return "", errors.New("the message has no kind")
	}
	return head.Kind, nil
}

func decodeBody[M interface{ kind() string }](line []byte) (M, error) {
	var m M
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("malformed %s: %s", m.kind(), strings.TrimPrefix(err.Error(), "json: "))
	}
	return m, nil
}
