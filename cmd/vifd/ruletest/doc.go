// Package ruletest runs the tests that stand beside rules (`tests:`, docs/rules.md), and judges single packets.
//
// A test of the rules asks what becomes of a vif of which facts are given, and a test of a template what the template alone makes
// of a guest's packets. A packet is made of its description (internal/sample), walked through the compiled chains without
// the kernel (firewall.Program.Judge), and, where a Kernel is given, sent through a real one as well: the two must agree.
package ruletest
