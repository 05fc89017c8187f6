package main

import (
	"strings"
	"testing"
)

// TestHandleBackend: udev's events of xen-backend may come by way of handle as well, and lead to what hotplug does.
func TestHandleBackend(t *testing.T) {
	t.Parallel()
	x := newXenHost(t, `rules: [{name: all, match: {interface: "vif*"}, bridge: xenbr0, firewall: source-guard}]`+"\n")
	x.bridges(t, "xenbr0")
	x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7"})
	handle := func(env ...string) (string, int) {
		cmd := x.vifd("handle")
		cmd.Env = append(cmd.Env, append([]string{"XENSTORED_PATH=" + x.store.Socket, "SUBSYSTEM=xen-backend"}, env...)...)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	device := []string{"XENBUS_TYPE=vif", "XENBUS_PATH=backend/vif/3/0", "vif=vif3.0"}
	for _, tt := range []struct {
		env  []string
		code int
		say  string
	}{
		{append(device, "ACTION=add"), exitDone, ""}, // nothing is there yet
		{[]string{"ACTION=online", "XENBUS_TYPE=vbd", "XENBUS_PATH=backend/vbd/3/51712"}, exitDone, ""},
		{device, exitUsage, "ACTION is not set"},
		{[]string{"ACTION=online", "XENBUS_PATH=../../x"}, exitFailed, "XENBUS_PATH"},
	} {
		if out, code := handle(tt.env...); code != tt.code || !strings.Contains(out, tt.say) {
			t.Errorf("%q: exit %d: %s", tt.env, code, out)
		}
	}
	if out, _, _ := x.run(t, "status", "-o", "json"); !strings.Contains(out, `"vifs":[]`) {
		t.Errorf("something was done before the vif was online: %s", out)
	}
	if out, code := handle(append(device, "ACTION=online")...); code != exitDone {
		t.Errorf("online: exit %d: %s", code, out)
	}
	x.wantLink(t, "vif3.0", "master xenbr0", "UP")
	x.wantStatus(t, 3, 0, "connected")
	if out, code := handle(append(device, "ACTION=offline")...); code != exitDone {
		t.Errorf("offline: exit %d: %s", code, out)
	}
	x.wantLink(t, "vif3.0", "state DOWN")
	x.Unplug(t, "vif3.0")
	if out, code := handle(append(device, "ACTION=offline")...); code != exitDone {
		t.Errorf("offline of what is gone: exit %d: %s", code, out)
	}
	x.wantNoRecords(t)
}
