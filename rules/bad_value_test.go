package rules

import (
	"strings"
	"testing"
)

// TestOneErrorForABadValue: a key whose value has been reported is not reported as missing, too.
func TestOneErrorForABadValue(t *testing.T) {
	for _, text := range []string{
		"guests: [{domain: 008}]\n",
		"guests: [{mac: 008}]\n",
		"guests: [{domain: }]\n",
		"guests: [{domain: 008, vif: 1}]\n",
		"templates: {a: {params: {m: {type: enum, values: 007}}, from-guest: [drop]}}\n",
		"templates: {a: {params: {m: {type: enum, values: }}, from-guest: [drop]}}\n",
	} {
		_, report := Load(Options{Paths: []string{Stdin}, Stdin: strings.NewReader(text)})
		if len(report.Problems) != 1 || report.First().Code == codeMissingKey {
			t.Errorf("%s: %v", text, report.Problems)
		}
	}
}
