package xen

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"vifd/internal/vif"
	"vifd/internal/xenstore"
)

// Reader is what Facts needs of xenstore.
type Reader interface {
	ReadMany(ctx context.Context, paths ...string) ([]xenstore.Value, error)
}

// Memory is what xenstore said of a vif when it was last asked: by key of the backend's folder, and for what stands elsewhere by a
// word of Facts' own; empty for what was asked for and is not there. It answers for a vif that is being served while xenstored is away, so that a restart of it costs no guest
// the network, and for one whose folder has gone ahead of its interface.
type Memory map[string]string

// The words of Memory for what stands beside the guest's domain. No key of xenstore begins with a slash.
const (
	wordName   = "/name"   // the domain's name
	wordVM     = "/vm"     // the domain's path of /vm, which ends in the UUID
	wordTarget = "/target" // of a stub domain: the number of the guest that it works for
)

// keyFrontend is in every backend's folder for as long as the folder is the toolstack's.
const keyFrontend = "frontend"

// backendKeys are read together: asking for one costs as much as asking for all.
var backendKeys = []string{keyFrontend, "mac", "ip", "bridge", "script", "type", "vifname", "mtu", "rate", "vlan", "gatewaydev", "handle"}

// Facts is what xenstore says of one vif: a vif.Source. It asks when it is asked, once, and only for what is asked for. Not safe
// for concurrent use.
type Facts struct {
	// Exists reports whether the host has an interface of a name; nil: nobody knows. It tells a bridge called br.10 from Open vSwitch's form of
	// a bridge with a VLAN.
	Exists func(iface string) bool

	ctx    context.Context //nolint:containedctx // of one round: a Source's Values takes none
	store  Reader
	device Device
	before Memory
	now    Memory
	asked  map[string]bool
	gone   bool // the folder, of which something is remembered
	absent bool // the folder is not there, and nothing is remembered of it
	err    error
}

// NewFacts asks store about a device; before is what it said last time, nil where it never was asked.
func NewFacts(ctx context.Context, store Reader, device Device, before Memory) *Facts {
	return &Facts{ctx: ctx, store: store, device: device, before: before, now: Memory{}, asked: map[string]bool{}}
}

// Device is whose facts they are.
func (f *Facts) Device() Device { return f.device }

// Err is why xenstore did not answer; what was asked for is then as it was last time, or unknown. Nil: it did, or was not asked.
func (f *Facts) Err() error { return f.err }

// The reasons for a Doubt where xenstore answers.
var (
	errAbsent = errors.New("xenstore says nothing of it: its folder is not there yet, or no longer")
	errLost   = errors.New("xenstore has lost its folder, and never was asked for all that the rules ask for now")
)

// Doubt is why something that was asked for is unknown, though it may well be so: whatever a rule asks for in vain, it must not be passed
// over for that. Nil: what is unknown is not there.
func (f *Facts) Doubt() error {
	switch {
	case f.absent:
		return errAbsent
	case f.err == nil && !f.gone:
		return nil
	}
	for word := range f.asked {
		_, known := f.before[word]
		if known || f.now[word] != "" || strings.HasPrefix(word, "/") && f.now[wordName] != "" {
			continue // a domain that is there has no more to say
		}
		if f.err != nil {
			return f.err
		}
		return errLost
	}
	return nil
}

// Absent reports whether the folder is not there, and was not at any time that is remembered.
func (f *Facts) Absent() bool { return f.absent }

// Memory is what to remember for next time.
func (f *Facts) Memory() Memory {
	if f.gone || f.absent || f.err != nil {
		return f.before
	}
	memory := maps.Clone(f.before)
	if memory == nil {
		memory = Memory{}
	}
	for key := range f.asked {
		delete(memory, key)
	}
	maps.Copy(memory, f.now)
	return memory
}

// Values answers for domid, vifid, domain, uuid, mac, ip, bridge, script, type, and for xen.KEY with the backend's key of that name.
func (f *Facts) Values(key string) []string {
	switch key {
	case "domid":
		return []string{strconv.Itoa(f.device.Domid)}
	case "vifid":
		return []string{strconv.Itoa(f.device.Vifid)}
	case "bridge":
		bridge, _ := f.port()
		return one(bridge, true)
	case "mac", "script", "type":
		return one(f.backend(key))
	case "ip":
		addresses, _ := f.backend(key)
		return strings.Fields(addresses)
	case "domain":
		name, ok := f.domain(wordName)
		return one(ownName(name), ok)
	case "uuid":
		path, _ := f.domain(wordVM)
		uuid, ok := strings.CutPrefix(path, "/vm/")
		return one(uuid, ok)
	}
	name, ok := strings.CutPrefix(key, "xen.")
	switch {
	case !ok:
		return nil
	case name == "bridge":
		return f.Values("bridge")
	case name == "vlan":
		_, vlan := f.port()
		return one(vlan, true)
	}
	return one(f.backend(name))
}

// port is the guest's bridge and its VLANs there, as the keys of that name have them, or bridge in Open vSwitch's form. What is of that form and
// may be meant otherwise is left as it is written, which no bridge is called: of a guest's VLAN there is no guess.
func (f *Facts) port() (bridge, vlan string) {
	bridge, _ = f.backend("bridge")
	vlan, _ = f.backend("vlan")
	name, parsed, ok := openVSwitch(bridge)
	if !ok || vlan != "" || f.Exists != nil && f.Exists(bridge) {
		return bridge, vlan
	}
	// A name may hold a dot, and of two that are not there the one is meant that is written.
	if !strings.Contains(bridge, ":") && (f.Exists == nil || !f.Exists(name)) {
		return bridge, vlan
	}
	return name, parsed
}

// Name is the name that the guest's configuration gives the interface (vifname); false where it gives none.
func (f *Facts) Name() (string, bool) {
	name, ok := f.backend("vifname")
	return name, ok && name != ""
}

// Guest is the number of the domain that the vif serves: of a stub domain, that of its guest.
func (f *Facts) Guest() int {
	if target, ok := f.domain(wordTarget); ok {
		if n, ok := number(target); ok && n <= vif.MaxDomid {
			return n
		}
	}
	return f.device.Domid
}

// backend is the value of a key of the backend's folder.
func (f *Facts) backend(key string) (string, bool) {
	if !f.asked[keyFrontend] {
		f.askBackend(backendKeys...)
	}
	switch {
	case f.gone, f.absent:
		f.asked[key] = true
	case !f.asked[key]:
		f.askBackend(key)
	}
	return f.value(key)
}

// askBackend reads keys of the backend's folder, and frontend once more behind them. A toolstack makes the folder in one transaction and removes
// it in one, but xenstored may do either between two of the reads, and what is read of half a folder looks like keys that nobody has set. With
// frontend there before and after, the keys between are the folder's. A transaction would say the same, and takes two ways there and back more for
// each guest, and for each key that a rule asks for by name; this takes none. What it does not tell is a folder that was removed and made anew
// in that instant: of the new one the watch tells, and its hotplug call.
func (f *Facts) askBackend(keys ...string) {
	values := f.read(f.device.Path+"/", append(slices.Clone(keys), keyFrontend), nil)
	if values == nil {
		return
	}
	last := len(values) - 1
	if values[last].Text != "" && (keys[0] != keyFrontend || values[0].Text != "") {
		return
	}
	for _, key := range keys {
		delete(f.now, key)
	}
	delete(f.now, keyFrontend)
	f.gone, f.absent = f.before[keyFrontend] != "", f.before[keyFrontend] == ""
}

// domain is what stands in the domain's folder.
func (f *Facts) domain(word string) (string, bool) {
	if !f.asked[wordName] {
		f.askLenient("/local/domain/"+strconv.Itoa(f.device.Domid), wordName, wordVM, wordTarget)
		if target, ok := f.now[wordTarget]; ok {
			if n, ok := number(target); ok && n <= vif.MaxDomid {
				f.askLenient("/local/domain/"+strconv.Itoa(n), wordName, wordVM)
			}
		}
	}
	return f.value(word)
}

func (f *Facts) value(key string) (string, bool) {
	value := f.now[key]
	if before, ok := f.before[key]; ok && (f.gone || f.err != nil) {
		value = before
	}
	return value, value != ""
}

// askLenient is read where being refused is as good as unknown: a driver domain may not read what is said of another domain
// (docs/misc/xenstore.txt, Permissions).
func (f *Facts) askLenient(folder string, words ...string) {
	f.read(folder, words, fs.ErrPermission)
}

// read reads words below a folder; nil where xenstore does not answer. An error that is pass is as good as an answer by which none is there.
func (f *Facts) read(folder string, words []string, pass error) []xenstore.Value {
	paths := make([]string, len(words))
	for i, word := range words {
		f.asked[word] = true
		paths[i] = folder + word
	}
	if f.err != nil {
		return nil
	}
	values, err := f.store.ReadMany(f.ctx, paths...)
	switch {
	case err != nil && pass != nil && errors.Is(err, pass):
		values = make([]xenstore.Value, len(paths))
	case err != nil:
		f.err = err
		return nil
	}
	for i, word := range words {
		f.now[word] = values[i].Text // of what is not there, empty
	}
	return values
}

// ownName is what a domain is called for good. xl creates one that it receives as NAME--incoming, and calls it NAME when it runs; that which it has
// sent is NAME--migratedaway before it ends (migrate_receive and migrate_domain in tools/xl/xl_migrate.c). What it is connected to must be
// NAME's from the beginning, and to the end, for nothing tells when a domain is renamed.
func ownName(name string) string {
	for _, suffix := range []string{"--incoming", "--migratedaway"} {
		if own, ok := strings.CutSuffix(name, suffix); ok && own != "" {
			return own
		}
	}
	return name
}

func one(value string, ok bool) []string {
	if !ok || value == "" {
		return nil
	}
	return []string{value}
}
