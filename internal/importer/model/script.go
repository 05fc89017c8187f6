package model

import (
	"fmt"
	"path"
	"strings"
)

// scripts are the vif scripts of Xen's that have a counterpart, and what that is.
var scripts = map[string]Action{"vif-bridge": Bridge, "vif-openvswitch": Bridge, "vif-route": Route, "vif-nat": NAT, "vif-vifd": Default}

// UseScript gives the vif what a Xen script would do. Whatever stands before its name is the folder.
func (in *Input) UseScript(v *Vif, pos Pos, script string) {
	name := path.Base(script)
	action, known := scripts[name]
	if !known {
		if v.Action != Block {
			v.Action = Ignore
		}
		in.Lose(pos, fmt.Sprintf("script %q", script), "vifd does not know what it does, and leaves the vif to it", "write a rule for the vif, and take the script out")
		return
	}
	if name == "vif-openvswitch" {
		v.OVS = true
		in.ovsNote(pos)
	}
	if v.Action != Block { // what is shut stays so
		v.Action = action
	}
}

// UseBridge gives the vif the bridge that is written. A dot is Open vSwitch's only with its script, since Linux bridges have names
// with dots; a colon always is.
func (in *Input) UseBridge(v *Vif, ovs bool) {
	pos, text := v.Named.Pos, v.Named.Value
	bridge, vlan := text, VLAN{}
	if v.Action == Ignore || v.Action == Block || text == "" {
		return
	}
	if ovs && strings.Contains(text, ".") || strings.Contains(text, ":") {
		var err error
		if bridge, vlan, err = ParseOVS(text); err != nil {
			v.Action = Block
			in.Lose(pos, fmt.Sprintf("bridge %q", text), "it is not NAME.TAG:TRUNK:TRUNK as vif-openvswitch takes it: "+err.Error(), "the vif is shut; write a rule for it")
			return
		}
		in.ovsNote(pos)
	}
	if err := CheckInterface(bridge); err != nil {
		v.Action = Block
		in.Lose(pos, fmt.Sprintf("bridge %q", text), "no bridge can be called so", "the vif is shut; write a rule for it")
		return
	}
	v.Bridge = bridge
	if vlan.none() {
		return
	}
	if !v.VLAN.none() {
		in.Lose(v.Pos, "vlan of the vif", fmt.Sprintf("bridge %q names its VLANs, and no script of Xen's read others", text), "look at vlan in its rule")
	}
	v.VLAN = vlan
}

func (in *Input) ovsNote(pos Pos) {
	in.Change(pos, "Open vSwitch", "vifd makes ports of Linux bridges alone", "have a Linux bridge of that name, with vlan_filtering where VLANs are named")
}

// CheckUplink notes a name that no interface can have.
func (in *Input) CheckUplink(pos Pos, key, name string) bool {
	if err := CheckInterface(name); err != nil {
		in.Lose(pos, fmt.Sprintf("%s=%q", key, name), "no interface can be called so", "write another into the rules")
		return false
	}
	return true
}
