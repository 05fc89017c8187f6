package xenreplay

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"vifd/internal/testhost/xenstored"
)

// backends is the folder of all network backends of dom0.
const backends = "/local/domain/0/backend/vif"

// dom0 is the place of a path that is relative to dom0's folder.
func dom0(relative string) string { return "/local/domain/0/" + relative }

// tool runs one of Xen's tools against the store.
func (w *world) tool(t *testing.T, tool string, args ...string) string {
	t.Helper()
	return xenstored.Tool(t, w.store.Socket, tool, args...)
}

// nodes are the keys of a folder; nil where it is not there.
func (w *world) nodes(t *testing.T, folder string) map[string]string {
	t.Helper()
	var keys map[string]string
	for line := range strings.Lines(w.tool(t, "xenstore-ls", "-f", "/")) {
		node, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		switch {
		case !ok || node != folder && path.Dir(node) != folder:
			continue
		case keys == nil:
			keys = make(map[string]string)
		}
		if node != folder {
			keys[path.Base(node)] = strings.Trim(value, `"`)
		}
	}
	return keys
}

// bring brings a vif's folder to what was recorded of it. Only what differs is written, as libxl and netback write.
func (w *world) bring(t *testing.T, backend string, keys map[string]string) {
	t.Helper()
	now := w.nodes(t, dom0(backend))
	if keys == nil {
		if now != nil {
			w.tool(t, "xenstore-rm", dom0(backend))
		}
		return
	}
	var write, remove []string
	for key, value := range keys {
		if was, there := now[key]; !there || was != value {
			write = append(write, dom0(backend)+"/"+key, value)
		}
	}
	for key := range now {
		if _, stays := keys[key]; !stays {
			remove = append(remove, dom0(backend)+"/"+key)
		}
	}
	if len(write) > 0 {
		w.tool(t, "xenstore-write", write...)
	}
	if len(remove) > 0 {
		w.tool(t, "xenstore-rm", remove...)
	}
}

// introduce makes what was not recorded with each call: the domain, and its folder of the device.
func (w *world) introduce(t *testing.T, keys map[string]string) {
	t.Helper()
	domid, front := keys["frontend-id"], keys["frontend"]
	w.tool(t, "xenstore-write", front+"/handle", keys["handle"], front+"/mac", keys["mac"],
		"/local/domain/"+domid+"/name", "guest"+domid, "/local/domain/"+domid+"/vm", fmt.Sprintf("/vm/00000000-0000-4000-8000-%012s", domid))
}

// bury takes away what libxl takes away in the end: the vif's folder, and when it was the last the domain's.
func (w *world) bury(t *testing.T, backend string, last bool) {
	t.Helper()
	w.bring(t, backend, nil)
	if last {
		domain := path.Dir(backend)
		w.tool(t, "xenstore-rm", dom0(domain), "/local/domain/"+path.Base(domain))
	}
}
