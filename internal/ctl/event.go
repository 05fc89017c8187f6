package ctl

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"vifd/internal/vif"
)

// wireEvent is a vif.Event in JSON. Fields are in the order of vif.Event's.
type wireEvent struct {
	Action     text   `json:"action,omitempty"`
	Subsystem  text   `json:"subsystem,omitempty"`
	Devpath    text   `json:"devpath,omitempty"`
	DevpathOld text   `json:"devpathOld,omitempty"`
	Interface  text   `json:"interface,omitempty"`
	Ifindex    int    `json:"ifindex,omitempty"`
	Env        []text `json:"env,omitempty"` // KEY=VALUE, sorted
}

// MarshalJSON writes {"event":{…}} with every byte of the event's strings kept.
func (r EventRequest) MarshalJSON() ([]byte, error) {
	ev := r.Event
	wire := wireEvent{
		Action: text(ev.Action), Subsystem: text(ev.Subsystem), Devpath: text(ev.Devpath), DevpathOld: text(ev.DevpathOld),
		Interface: text(ev.Interface), Ifindex: ev.Ifindex,
	}
	for key, value := range ev.Env {
		wire.Env = append(wire.Env, text(key+"="+value))
	}
	slices.Sort(wire.Env)
	return json.Marshal(map[string]wireEvent{"event": wire})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *EventRequest) UnmarshalJSON(data []byte) error {
	var body struct {
		Event *wireEvent `json:"event"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	wire := body.Event
	if wire == nil {
		return errors.New("it has no event")
	}
	r.Event = vif.Event{
		Action: string(wire.Action), Subsystem: string(wire.Subsystem), Devpath: string(wire.Devpath), DevpathOld: string(wire.DevpathOld),
		Interface: string(wire.Interface), Ifindex: wire.Ifindex,
	}
	if wire.Ifindex < 0 {
		return errors.New("its ifindex is negative")
	}
	for _, pair := range wire.Env {
		key, value, ok := strings.Cut(string(pair), "=")
		if !ok {
			return errors.New("an entry of env is not KEY=VALUE")
		}
		if r.Event.Env == nil {
			r.Event.Env = make(map[string]string, len(wire.Env))
		}
		r.Event.Env[key] = value
	}
	return nil
}

// text is a string of any bytes that survives JSON, which knows Unicode alone: a byte that is no UTF-8 is written \xNN, and
// a backslash \\ (in JSON each of these backslashes is doubled once more). The kernel lets any byte above 0xa0 into an
// interface's name, and a name that changes on its way would be another vif's.
type text string

// MarshalText is encoding.TextMarshaler.
func (t text) MarshalText() ([]byte, error) {
	if utf8.ValidString(string(t)) && !strings.Contains(string(t), `\`) {
		return []byte(t), nil
	}
	out := make([]byte, 0, 2*len(t))
	for rest := string(t); rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			out = append(out, '\\', 'x')
			out = hex.AppendEncode(out, []byte(rest[:1]))
		case r == '\\':
			out = append(out, `\\`...)
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return out, nil
}

// UnmarshalText is encoding.TextUnmarshaler.
func (t *text) UnmarshalText(in []byte) error {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			out = append(out, in[i])
			continue
		}
		rest := in[i+1:]
		switch {
		case len(rest) >= 1 && rest[0] == '\\':
			out = append(out, '\\')
			i++
		case len(rest) >= 3 && rest[0] == 'x':
			var b [1]byte
			if _, err := hex.Decode(b[:], rest[1:3]); err != nil {
				return errors.New(`a \x is not followed by two hexadecimal digits`)
			}
			out = append(out, b[0])
			i += 3
		default:
			return errors.New(`a backslash is followed by neither another nor xNN`)
		}
	}
	*t = text(out)
	return nil
}
