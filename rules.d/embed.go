// Package rulesd holds the rules that vifd ships: the library of firewall templates, which is always there, and the default
// rules, which are there to be installed, read and replaced.
package rulesd

import "embed"

// FS holds templates/*.yaml, the library, and DefaultRules.
//
//go:embed *.yaml templates/*.yaml
var FS embed.FS

// DefaultRules is the name of the default rules within FS.
const DefaultRules = "90-default.yaml"
