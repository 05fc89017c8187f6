package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// hostName is the file of what vifs share. It lies beside their records, to be written and swept as they are.
const hostName = "host" + recordSuffix

// hostRecord is that file.
type hostRecord struct {
	Version int             `json:"version"`
	Boot    string          `json:"boot"`
	Host    json.RawMessage `json:"host"`
}

// PutHost writes down what was changed of the host for several vifs together, in the words of whoever did it. Nil removes it.
func (j *Journal) PutHost(data json.RawMessage) error {
	if data == nil {
		if err := j.vifs.Remove(hostName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete the record of the host: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(hostRecord{Version, j.boot, data})
	if err == nil {
		err = j.replaceAlways(hostName, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("put the record of the host: %w", err)
	}
	return nil
}

// Host returns what PutHost wrote in this boot; nil where that is nothing. A *DamagedError says that it is unusable.
func (j *Journal) Host() (json.RawMessage, error) {
	text, err := j.vifs.ReadFile(hostName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of the host: %w", err)
	}
	var r hostRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, &DamagedError{File: hostName, Err: err}
	}
	switch {
	case r.Version != Version:
		return nil, &DamagedError{File: hostName, Err: fmt.Errorf("version is %d, want %d", r.Version, Version)}
	case r.Boot != j.boot:
		return nil, nil // settings begin anew with each boot
	}
	return r.Host, nil
}
