// Package lab lets frames through a real kernel, in namespaces of its own: a bridge, a guest's vif with the compiled firewall in
// force, and somebody at the other end who sends or listens.
//
// Whether a frame arrives is not a matter of waiting. All frames are sent on one CPU, where the kernel works them off in their
// order, whichever links they are on; behind each goes a marker, on a way on which nothing is dropped. When the marker has
// arrived the frame has too, or never will.
package lab
