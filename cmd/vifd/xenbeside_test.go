package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vifd/internal/journal"
	"vifd/internal/testhost"
)

// TestListenerStartsBesideACall: libxl's call began before there was a listener, and does its work after the listener has looked at all
// vifs, knowing nothing of the call. It learns of it all the same: it would else take the guard from a vif that it thinks is nobody's.
func TestListenerStartsBesideACall(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, noRules)
	x.bridges(t, "xenbr0")
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7 2001:db8::7"})
	records, err := journal.Open(x.state)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	unlock, err := records.Lock(t.Context(), x.ifindex(t, "vif3.0"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := x.Command(filepath.Join(x.scripts, "vif-bridge"), "online", "type_if=vif", "--rules", x.rules, "--state", x.state)
	cmd.Env = append(os.Environ(), asVifd+"=1", "GORACE=atexit_sleep_ms=0", "XENSTORED_PATH="+x.store.Socket, "XENBUS_PATH=backend/vif/3/0", "vif=vif3.0")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It opens the records once it has found that nobody listens.
	testhost.Wait(t, "the call to be about to begin", func() bool {
		open, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "fd", "*"))
		for _, fd := range open {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, x.state+"/") {
				return true
			}
		}
		return false
	})
	x.listenXen(t)
	unlock()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("online: %v: %s", err, errs.String())
	}
	if vif := x.status(t)["vif3.0"]; vif.State != "configured" {
		t.Errorf("the listener has vif3.0 as %+v", vif)
	}
	x.wantStatus(t, 3, 0, "connected")
	if _, errs, code := x.run(t, "reload"); code != exitDone {
		t.Errorf("reload: exit %d: %s", code, errs)
	}
	x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	x.wantElements(t, 1)
}
