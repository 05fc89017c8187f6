// Package ruletest runs the tests that stand beside rules (`tests:`, docs/testing.md), and judges single packets.
//
// A test of the rules asks what becomes of a vif of which facts are given, and a test of a template what the template alone makes
// of a guest's packets. A packet is made of its description (internal/sample), walked through the compiled chains without
// the kernel (firewall.Program.Judge), and, where a Kernel is given, sent through a real one as well: the two must agree.
//
// Tests share one load of rules, which nobody changes, and what has been compiled for one of them. They run at the same time, with
// a Kernel one after the other; the report is in the order of the files whatever the number, also where the first failure ends the
// run. Nothing blocks but a Kernel.
package ruletest
