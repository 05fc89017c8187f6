package xl

import (
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/importer/model"
	"vifd/internal/nearest"
)

// specReader reads one string of `vif`: KEY=VALUE,KEY=VALUE… (xl_parse.c, parse_nic_config).
type specReader struct {
	in    *model.Input
	text  model.Text
	token token
	vif   model.Vif

	script, bridge *field
	drop           bool // the vif is not this host's
}

// field is one key with its value, and where it stands.
type field struct {
	key, value string
	pos        model.Pos
}

// specKeys say what becomes of each key. One without function is about what the guest sees, which xl goes on to see to.
var specKeys = map[string]func(r *specReader, f *field){
	"mac":        (*specReader).mac,
	"bridge":     func(r *specReader, f *field) { r.bridge = f },
	"gatewaydev": (*specReader).uplink,
	"netdev":     (*specReader).uplink,
	"script":     func(r *specReader, f *field) { r.script = f },
	"ip":         (*specReader).ip,
	"vifname":    (*specReader).name,
	"backend":    (*specReader).backend,
	"rate":       (*specReader).rate,
	"mtu":        (*specReader).mtu,
	"vlan":       (*specReader).vlan,
	"devid":      (*specReader).devid,
	"forwarddev": (*specReader).colo,
	"type":       nil,
	"model":      nil,
	"accel":      nil,
	"trusted":    nil,
	"untrusted":  nil,
}

// coloPrefix begins the keys by which COLO mirrors a guest's packets to its double.
const coloPrefix = "colo"

// SpecKeys are the keys of a vif; those of COLO are one.
func SpecKeys() []string { return append(names(specKeys), coloPrefix+"_*") }

// read reads the string. taken are the numbers of the domain's vifs before it.
func (r *specReader) read(taken map[int]bool) error {
	seen := map[string]bool{}
	off := 0
	for part := range strings.SplitSeq(r.token.text, ",") {
		at := off + len(part) - len(strings.TrimLeft(part, " \t"))
		off += len(part) + 1
		part = strings.TrimSpace(part)
		key, value, ok := strings.Cut(part, "=")
		f := &field{key: strings.ToLower(strings.TrimSpace(key)), value: strings.TrimSpace(value), pos: r.at(at)}
		take, known := specKeys[f.key]
		switch {
		case part == "":
		case !known && strings.HasPrefix(f.key, coloPrefix):
			r.colo(f)
		case !known:
			return &model.Error{Pos: f.pos, Msg: fmt.Sprintf("xl knows no key %q of a vif", f.key), Hint: nearest.Hint(f.key, names(specKeys))}
		case !ok && f.key != "trusted" && f.key != "untrusted":
			return &model.Error{Pos: f.pos, Msg: fmt.Sprintf("%s has no value", f.key), Hint: fmt.Sprintf("as in %s=…", f.key)}
		case seen[f.key]:
			return &model.Error{Pos: f.pos, Msg: fmt.Sprintf("%s is given twice", f.key)}
		case take != nil && f.value != "":
			take(r, f)
		}
		seen[f.key] = true
	}
	return r.finish(taken)
}

// at is the place of byte off of the string.
func (r *specReader) at(off int) model.Pos {
	if !r.token.plain {
		return r.text.At(r.token.off)
	}
	return r.text.At(r.token.off + 1 + off)
}

// finish adds the vif.
func (r *specReader) finish(taken map[int]bool) error {
	v := &r.vif
	if taken[v.Index] {
		return &model.Error{Pos: v.Pos, Msg: fmt.Sprintf("the domain has two vifs of number %d", v.Index), Hint: "give them other devids"}
	}
	taken[v.Index] = true
	if r.script != nil {
		r.in.UseScript(v, r.script.pos, r.script.value)
	}
	if r.bridge != nil {
		v.Named = model.Setting{Pos: r.bridge.pos, Value: r.bridge.value}
	}
	if !r.drop {
		r.in.Vifs = append(r.in.Vifs, *v)
	}
	return nil
}

func (r *specReader) lose(f *field, why, do string) {
	r.in.Lose(f.pos, fmt.Sprintf("%s=%s", f.key, printable(f.value)), why, do)
}

func (r *specReader) change(f *field, why, do string) {
	r.in.Change(f.pos, fmt.Sprintf("%s=%s", f.key, printable(f.value)), why, do)
}

func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

func (r *specReader) mac(f *field) {
	mac, err := model.ParseMAC(f.value)
	if err != nil {
		r.lose(f, err.Error(), "give the guest its MAC in guests")
		return
	}
	r.vif.MAC = mac
}

func (r *specReader) ip(f *field) {
	r.vif.Held = true
	for _, text := range strings.Fields(f.value) {
		p, changed, err := model.ParseIP(text)
		switch {
		case err != nil:
			r.lose(f, err.Error(), "give the guest its addresses in guests")
		default:
			r.vif.IP = append(r.vif.IP, p)
			if changed {
				r.change(f, "the address alone is the guest's, not its network", "")
			}
		}
	}
}

func (r *specReader) uplink(f *field) {
	if r.in.CheckUplink(f.pos, f.key, f.value) {
		r.vif.Uplink = f.value
	}
}

func (r *specReader) name(f *field) {
	if err := model.CheckInterface(f.value); err != nil {
		r.lose(f, "no interface can be called so", "")
		return
	}
	r.vif.Names = []string{f.value}
	if emulated := f.value + "-emu"; model.CheckInterface(emulated) == nil {
		r.vif.Names = append(r.vif.Names, emulated)
	}
}

func (r *specReader) backend(f *field) {
	if Dom0(f.value) {
		return
	}
	r.drop = true
	r.lose(f, "the vif is in that domain, not here", "run vifd there, and import the file there as well")
}

// Dom0 reports whether a backend is this host's.
func Dom0(name string) bool { return name == "0" || strings.EqualFold(name, "Domain-0") }

func (r *specReader) rate(f *field) {
	if err := model.CheckRate(f.value); err != nil {
		r.lose(f, err.Error(), "write a rate of the rule's")
		return
	}
	r.vif.From = f.value
	r.change(f, "xen-netback keeps to it as well, for each queue by itself, as long as it stands here", "")
}

func (r *specReader) mtu(f *field) {
	mtu, err := model.ParseMTU(f.value)
	if err != nil {
		r.lose(f, err.Error(), "")
		return
	}
	r.vif.MTU = mtu
}

func (r *specReader) devid(f *field) {
	n, err := strconv.ParseUint(f.value, 10, 16)
	if err != nil {
		r.lose(f, "it is not a number", "")
		return
	}
	r.vif.Index = int(n)
}

func (r *specReader) colo(f *field) {
	r.lose(f, "vifd mirrors no packets", "leave it to COLO's own scripts")
}

// vlan takes the VLANs that a port of vifd's can have; one more that is untagged it cannot.
func (r *specReader) vlan(f *field) {
	v, err := parseVLAN(f.value)
	if err != nil {
		r.vif.Action = model.Block
		r.lose(f, err.Error(), "the vif is shut; write the VLANs into a rule for it")
		return
	}
	for _, term := range v.left {
		r.lose(f, fmt.Sprintf("%s is untagged besides %d, and a port has one VLAN for frames without a tag", term, v.Untagged), "look at vlan")
	}
	if strings.Contains(f.value, "x") {
		r.change(f, "xl's manual and its own example do not agree on how many VLANs a series has; here it is one more than the number behind x", "look at tagged")
	}
	r.vif.VLAN = v.VLAN
}
