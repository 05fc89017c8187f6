// Package rulesd holds the rules that vifd ships: the library of firewall templates, which is always there, and the default
// rules, which are there to be installed, read and replaced.
package rulesd

import "embed"

// FS holds templates/*.yaml, the library; hotplug/*.yaml, what becomes of a vif for which Xen calls vifd by the name of one of its
// scripts and no other rule decides; and DefaultRules.
//
//go:embed *.yaml templates/*.yaml hotplug/*.yaml
var FS embed.FS

// DefaultRules is the name of the default rules within FS.
const DefaultRules = "90-default.yaml"
