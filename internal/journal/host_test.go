package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestHostRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	if got, err := j.Host(); got != nil || err != nil {
		t.Fatalf("Host() = %s, %v before anything was written", got, err)
	}
	want := json.RawMessage(`{"changed":[1]}`)
	if err := j.PutHost(want); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Host(); !bytes.Equal(got, want) || err != nil {
		t.Errorf("Host() = %s, %v, want %s", got, err, want)
	}
	if list, err := j.List(); len(list) != 0 || err != nil {
		t.Errorf("List() = %v, %v, with the host's record alone", list, err)
	}
	j.boot = "another"
	if got, err := j.Host(); got != nil || err != nil {
		t.Errorf("Host() = %s, %v after a reboot", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vifs", hostName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := j.Host(); !errors.As(err, &damaged) {
		t.Errorf("Host() = %v of half a record", err)
	}
	for range 2 {
		if err := j.PutHost(nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := j.Host(); got != nil || err != nil {
		t.Errorf("Host() = %s, %v after it was deleted", got, err)
	}
}
